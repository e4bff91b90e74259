#!/usr/bin/python3
"""What the supervisor costs against how much it has: Benchmarks/scale.py [--rounds 5] [--plot docs/scale.svg]

Services: with 1, 10, 100, 1,000 and 10,000 of them, one listener each and nobody there (half exec, half handoff, on
demand), in rounds that interleave the sizes: the time until ready, what it holds in memory, a reload that changes one
of them, a status of all, how long the loop is held in one round meanwhile, and what a connection to one service beside
them costs. Then, with 10,000 of one kind, the memory of each. Medians over the rounds.

Then what is under way: 10,000 processes of exec at once; 50,000 connections with 64 handlers; and a million sources of
datagrams, by 127.0.0.0/8. What the last thousand cost is held against the first, and in each state a status, a reload
and an upgrade must work. Exits with 1 when something is not as it must be, whatever it costs.

Needs 20,000 descriptors (ulimit -Hn).
"""
import argparse
import json
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from many import plot, tables
from many.crowd import Crowd
from many.program import Program

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [1, 10, 100, 1000, 10_000]
SETTLE_SECONDS = 0.3
IP_PKTINFO = 8  # linux/in.h


class Bench:
    def __init__(self, options, work):
        self.options, self.work, self.table = options, work, f'{work}/baton.yaml'
        self.programs = options.programs.resolve()
        self.runs = 0

    def start(self):
        self.runs += 1
        work = pathlib.Path(self.work, str(self.runs))
        work.mkdir(mode=0o755)
        return Program(self.options.products.resolve(), self.programs, work, self.table)

    def load(self, port, seconds):
        output = subprocess.run(
            [self.programs / 'load', '1', str(seconds), f'127.0.0.1:{port}'], capture_output=True, check=True).stdout
        result = json.loads(output)
        if result['answered'] != result['connections']:
            sys.exit(f'not every connection was answered: {result}')
        return result

    # Services

    def measure(self, size):
        tables.write(self.table, self.programs, size)
        program = self.start()
        time.sleep(SETTLE_SECONDS)
        found = {'start': program.seconds_to_ready * 1000, 'memory': program.memory_kb() / 1024,
                 'descriptors': program.descriptors()}
        wakeups = program.figure('voluntary_ctxt_switches')
        time.sleep(1)
        found['wakeups'] = program.figure('voluntary_ctxt_switches') - wakeups
        (status, seconds), held = program.held_ms(lambda: program.ask('status'))
        found |= {'status': seconds * 1000, 'status_held': held}
        if len(status['services']) != size + 2:
            sys.exit('a service is missing from the status')
        tables.write(self.table, self.programs, size, mark=size)
        (report, seconds), held = program.held_ms(lambda: program.ask('reload'))
        found |= {'reload': seconds * 1000, 'reload_held': held}
        if [change['service'] for change in report['changed']] != ['idle-0']:
            sys.exit(f'not one service was changed: {report}')
        for way in ('handoff', 'exec'):
            port = program.port(f'busy-{way}')
            self.load(port, 0.2)
            before = program.cpu_us()
            result = self.load(port, self.options.seconds)
            found |= {f'{way}_cpu': (program.cpu_us() - before) / result['answered'], f'{way}_p50': result['p50_us']}
        program.stop()
        return found

    def services(self):
        found = {size: [] for size in SIZES}
        for _ in range(self.options.rounds):
            for size in SIZES:
                found[size].append(self.measure(size))
        return {size: {key: statistics.median(one[key] for one in all_) for key in all_[0]}
                for size, all_ in found.items()}

    def memory_of(self, way):
        """KB of a service."""
        held = []
        for size in (1000, 10_000):
            tables.write(self.table, self.programs, size, ways=[way], busy=False)
            program = self.start()
            time.sleep(SETTLE_SECONDS)
            held.append(program.memory_kb())
            program.stop()
        return (held[1] - held[0]) / 9000

    # Under way

    def grow(self, table, steps, step):
        """Connections to `service`, so many at a time: what the first and the last thousand cost, and what is held."""
        pathlib.Path(self.table).write_text(table)
        program = self.start()
        port = program.port('app')
        crowd = Crowd(port, steps * step)
        before, costs = program.memory_kb(), []
        for number in range(steps):
            cpu = program.cpu_us()
            crowd.connect(step)
            program.wait_until(lambda: self.arrived(program) == (number + 1) * step)
            costs.append((program.cpu_us() - cpu) / step)
        count = steps * step
        bytes_of_one = (program.memory_kb() - before) * 1024 / count
        print(f'  first {step:,}: {costs[0]:.1f} µs of the supervisor for each; last {step:,}: {costs[-1]:.1f}; '
              f'{bytes_of_one:.0f} bytes for each')
        (_, seconds), held = program.held_ms(lambda: program.ask('status'))
        print(f'  status: {seconds * 1000:.0f} ms, the loop held for {held:.1f} ms')
        (_, seconds), held = program.held_ms(lambda: program.ask('connections'))
        print(f'  connections: {seconds * 1000:.0f} ms, the loop held for {held:.1f} ms')
        pathlib.Path(self.table).write_text(table + '  other: {listen: "127.0.0.1:0", internal: echo}\n')
        (_, seconds), held = program.held_ms(lambda: program.ask('reload'))
        print(f'  reload: {seconds * 1000:.0f} ms, the loop held for {held:.1f} ms')
        _, seconds = program.ask('upgrade')
        counters = program.service('app')['connections']
        print(f'  upgrade: {seconds * 1000:.0f} ms, with {counters["active"]:,} connections after it')
        if counters['active'] != count:
            sys.exit(f'connections were lost: {counters}')
        begin = time.monotonic()
        crowd.leave()
        program.wait_until(lambda: program.service('app')['connections']['ended'] == count)
        print(f'  all gone after {time.monotonic() - begin:.1f} s')
        counters = program.service('app')['connections']
        if counters['lost'] or counters['cut'] or counters['active']:
            sys.exit(f'not all have ended well: {counters}')
        time.sleep(1)
        print(f'  memory: {before:,} kB before, {program.memory_kb():,} kB after')
        program.stop()

    @staticmethod
    def arrived(program):
        """Connections that a handler, or a process of its own, has. Of processes the kernel is asked: to list them all
        is no small work for the supervisor."""
        processes = program.processes('answer-inetd-st')
        return processes or program.service('app')['connections']['handed_off']

    def children(self):
        print('10,000 processes at once (exec):')
        self.grow(
            'log: {level: warning}\nlimits: {instances: unlimited}\nservices:\n'
            f'  app: {{listen: "127.0.0.1:0", exec: [{self.programs}/answer-inetd-static], instances: unlimited, '
            'per_source: unlimited}\n', 10, 1000)

    def held(self):
        print('50,000 connections with 64 handlers:')
        self.grow(
            'log: {level: warning}\nservices:\n  app:\n    listen: "127.0.0.1:0"\n    per_source: unlimited\n'
            f'    handoff: {{exec: [{self.programs}/keep], handlers: 64, start: eager, capacity: 800}}\n',
            20, 2500)

    def sources(self):
        print('1,000,000 sources (datagrams from 127.0.0.0/8, rate_per_source):')
        pathlib.Path(self.table).write_text(
            'log: {level: error}\nservices:\n'
            '  app: {listen: "udp://127.0.0.1:0", internal: discard, rate_per_source: 1/h}\n')
        program = self.start()
        port = program.port('app')
        before, most, cpu, costs = program.memory_kb(), 0, program.cpu_us(), []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(1_000_000):
                # in_pktinfo (ip(7)): the address that it is sent from.
                source = struct.pack('=i4s4s', 0, (0x7f100000 + number).to_bytes(4, 'big'), bytes(4))
                sender.sendmsg([b'x'], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, ('127.0.0.1', port))
                if number % 100 == 99:
                    program.wait_until(lambda: self.unread(port) == 0)
                if number % 100_000 == 99_999:
                    most = max(most, program.memory_kb())
                    costs.append((program.cpu_us() - cpu) / 100_000)
                    cpu = program.cpu_us()
            sender.sendmsg([b'x'], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, ('127.0.0.1', port))
            program.wait_until(lambda: self.unread(port) == 0)
        dropped = program.service('app')['connections']['dropped']
        print(f'  first 100,000: {costs[0]:.1f} µs of the supervisor for each; last: {costs[-1]:.1f}')
        print(f'  memory: {before:,} kB before, {most:,} kB at most; the last one again: {dropped}')
        if dropped != {'rate': 1}:
            sys.exit('the rate was not kept')
        program.stop()

    @staticmethod
    def unread(port):
        """Bytes in the receive queue of the socket at `port`."""
        for line in pathlib.Path('/proc/net/udp').read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(':', 1)[1], 16) == port:
                return int(fields[4].split(':')[1], 16)
        return 0


def table_of(found):
    columns = [
        ('ready, ms', 'start', '{:.0f}'), ('memory, MB', 'memory', '{:.1f}'), ('descriptors', 'descriptors', '{:,.0f}'),
        ('reload of one, ms', 'reload', '{:.0f}'), ('loop held, ms', 'reload_held', '{:.1f}'),
        ('status of all, ms', 'status', '{:.0f}'), ('loop held, ms', 'status_held', '{:.1f}'),
        ('handoff: CPU, µs', 'handoff_cpu', '{:.1f}'), ('p50, µs', 'handoff_p50', '{:.0f}'),
        ('exec: CPU, µs', 'exec_cpu', '{:.1f}'), ('p50, µs', 'exec_p50', '{:.0f}'),
        ('wake-ups a second', 'wakeups', '{:.0f}')]
    yield '| services | ' + ' | '.join(name for name, _, _ in columns) + ' |'
    yield '|' + '---:|' * (len(columns) + 1)
    for size, values in found.items():
        cells = [text.format(values[key]) for _, key, text in columns]
        yield f'| {size:,} | ' + ' | '.join(cells) + ' |'


def panels_of(found):
    def lines(**keys):
        return {name: {size: values[key] for size, values in found.items()} for name, key in keys.items()}
    return [
        plot.Panel('Milliseconds', lines(start='start', reload='reload', status='status'), powers=True),
        plot.Panel('Anonymous memory, MB', lines(supervisor='memory'), powers=True),
        plot.Panel(
            'Supervisor’s CPU for a connection, µs', lines(exec='exec_cpu', handoff='handoff_cpu'), powers=False),
        plot.Panel('Median time of a connection, µs', lines(exec='exec_p50', handoff='handoff_p50'), powers=False),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=1, help='of load, for each figure of a connection')
    parser.add_argument('--plot', type=pathlib.Path, help='where to draw it')
    parser.add_argument('--only', default='services,memory,children,held,sources', help='parts, by comma')
    parser.add_argument('--products', type=pathlib.Path, default=ROOT / '.build/release')
    parser.add_argument('--programs', type=pathlib.Path, default=ROOT / '.build/bench')
    options = parser.parse_args()
    parts = options.only.split(',')
    subprocess.run(['make', '-s', '-C', ROOT / 'Benchmarks', f'BUILD={options.programs.resolve()}'], check=True)
    with tempfile.TemporaryDirectory(prefix='baton-scale-') as work:
        os.chmod(work, 0o755)
        bench = Bench(options, work)
        if 'services' in parts:
            found = bench.services()
            print(*table_of(found), sep='\n')
            if options.plot:
                options.plot.write_text(plot.draw(panels_of(found)))
        if 'memory' in parts:
            for way in tables.IDLE:
                print(f'{way}: {bench.memory_of(way):.2f} KB of memory for an idle service (from 1,000 to 10,000)')
        for part in ('children', 'held', 'sources'):
            if part in parts:
                getattr(bench, part)()


main()
