#!/usr/bin/python3
"""Reloads under steady load: no client may notice.

Usage: Benchmarks/reload.py [--reloads 500] [--clients 4] [--pause SECONDS] [--products .build/release]

Clients connect to an exec, a handoff and a redirect service, one connection after the other, and check every answer,
while the table is reloaded again and again: by `baton reload`, each fifth time by HUP before it. Every reload changes
something in each of the three, and services come and go beside them; each tenth replaces the handlers. In the end no
client has failed, the process and its listeners (by inode number) are those of the beginning, every connection is
counted and none but as ended, and descriptors and children are what they were. Exits with 1 and says what does not
hold. Printed are the clients served, how long reloads took, and the longest that a client waited, with reloads and
without.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from trouble.supervisor import Supervisor, sum_of

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVICES = ['exec', 'handoff', 'redirect']
SETTLE_SECONDS = 60
TABLE = """
services:
  exec: {{listen: "127.0.0.1:0", exec: [/usr/bin/head, -n, "1"], env: {{ROUND: "{round}"}}, per_source: {most}}}
  handoff:
    listen: "127.0.0.1:0"
    per_source: unlimited
    env: {{ROUND: "{tenth}"}}
    handoff: {{exec: [{handler}], start: eager, handlers: 2, capacity: {most}}}
  redirect: {{listen: "127.0.0.1:0", redirect: "{work}/echo.sock", per_source: unlimited, instances: {most}}}
  echo: {{listen: "{work}/echo.sock", internal: echo, per_source: unlimited, instances: unlimited}}
  guest-{guest}: {{listen: ["127.0.0.1:0", "{work}/guest.sock"], exec: /bin/cat}}
"""


def ask(name, port, nonce):
    """One client, from connect to the end; raises when its answer is not right."""
    with socket.create_connection(('127.0.0.1', port), timeout=30) as client:
        client.sendall(nonce + b'\n')
        if name == 'redirect':
            client.shutdown(socket.SHUT_WR)
        answer = b''
        while more := client.recv(4096):
            answer += more
    right = answer.endswith(b' ' + nonce + b'\n') if name == 'handoff' else answer == nonce + b'\n'
    if not right:
        raise ValueError(f'{answer[:80]} is no answer to {nonce}')


def run_client(name, port, number, over, results):
    served, longest, failures = 0, 0.0, []
    while not over.is_set():
        begin = time.monotonic()
        try:
            ask(name, port, b'%s-%d-%d' % (name.encode(), number, served))
            served += 1
        except (OSError, ValueError) as error:
            failures.append(f'{name}: {error!r}')
        longest = max(longest, time.monotonic() - begin)
    results.put((name, served, longest, failures))


def load(ports, clients, during):
    """Clients of each service while `during` runs: served by name, longest wait, failures."""
    over, results = multiprocessing.Event(), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=run_client, args=(name, port, number, over, results))
                 for name, port in ports.items() for number in range(clients)]
    for process in processes:
        process.start()
    try:
        during()
    finally:
        over.set()
    outcomes = [results.get() for _ in processes]
    for process in processes:
        process.join()
    served = {name: sum(one[1] for one in outcomes if one[0] == name) for name in ports}
    return served, max(one[2] for one in outcomes), [fault for one in outcomes for fault in one[3]]


class Run:
    def __init__(self, options, work):
        self.options, self.work, self.faults, self.times = options, work, [], []
        self.table = pathlib.Path(work, 'baton.yaml')
        self.write(0)
        self.supervisor = Supervisor(options.products, work, self.table, 'notice')

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)

    def write(self, number):
        handler = self.options.products.resolve() / 'baton-example-handler'
        self.table.write_text(TABLE.format(
            round=number, most=500 + number % 100, tenth=number // 10, guest=number % 4, handler=handler,
            work=self.work))
        self.table.chmod(0o644)

    def wait_until(self, condition):
        end = time.monotonic() + SETTLE_SECONDS
        while not (holds := condition()) and time.monotonic() < end:
            time.sleep(0.05)
        return holds

    def is_settled(self):
        status = self.supervisor.status()
        busy = any(service['connections']['active'] or service['connections']['queued'] for service in status.values())
        states = [handler['state'] for handler in status['handoff']['handlers']]
        return not busy and states == ['ready'] * 2 and all(one['state'] != 'draining' for one in status.values())

    def listeners(self, ports):
        """Port → inode number of the supervisor's socket that listens there."""
        own = {os.readlink(entry) for entry in pathlib.Path(f'/proc/{self.supervisor.pid}/fd').iterdir()}
        found = {}
        for line in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[1].split(':')[1], 16)
            if fields[3] == '0A' and port in ports and f'socket:[{fields[9]}]' in own:
                found[port] = fields[9]
        return found

    def reload(self, number):
        self.write(number)
        if number % 5 == 0:
            os.kill(self.supervisor.pid, signal.SIGHUP)
        begin = time.monotonic()
        output = subprocess.run(self.supervisor.command('reload', '--json'), capture_output=True, check=False)
        self.times.append(time.monotonic() - begin)
        if output.returncode != 0:
            return self.expect(False, f'reload {number}: {output.stderr.decode()}')
        report = json.loads(output.stdout)
        notes = report['notes'] + [note for change in report['changed'] for note in change['notes']]
        self.expect(not notes, f'reload {number}: {notes}')
        changed = [change['service'] for change in report['changed']]
        if number % 5:
            self.expect(changed == SERVICES, f'reload {number} changed {changed}')

    def reload_all(self):
        for number in range(1, self.options.reloads + 1):
            self.reload(number)
            time.sleep(self.options.pause)

    def run(self):
        supervisor = self.supervisor
        self.expect(self.wait_until(self.is_settled), 'not ready')
        status = supervisor.status()
        ports = {name: int(re.search(r':(\d+)$', status[name]['listeners'][0]['address']).group(1))
                 for name in SERVICES}
        warm = load(ports, self.options.clients, lambda: time.sleep(3))
        self.expect(self.wait_until(self.is_settled), 'not settled')
        before = supervisor.descriptors(), supervisor.children(), self.listeners(ports.values())
        memory = supervisor.anonymous_memory()
        begin = time.monotonic()
        served, longest, failures = load(ports, self.options.clients, self.reload_all)
        seconds = time.monotonic() - begin
        self.expect(self.wait_until(self.is_settled), 'not settled')
        # As at the beginning: the same guest.
        self.reload(self.options.reloads + 4 - self.options.reloads % 4)
        self.expect(self.wait_until(self.is_settled), 'not settled')
        self.expect(not failures, f'{len(failures)} clients failed: {failures[:3]}')
        after = supervisor.descriptors(), supervisor.children(), self.listeners(ports.values())
        for what, old, new in zip(('descriptors', 'children', 'listeners'), before, after):
            self.expect(old == new, f'{what}: {old} before, {new} after')
        self.expect(len(before[2]) == 3 and supervisor.process.poll() is None, 'not three listeners of one process')
        for name, service in supervisor.status().items():
            counters = service['connections']
            self.expect(sum_of(counters) == counters['accepted'], f'{name}: {counters}')
            if name in SERVICES:
                total = served[name] + warm[0][name]
                self.expect(counters['ended'] == counters['accepted'] == total, f'{name}: {total} asked, {counters}')
        grown = supervisor.anonymous_memory() - memory
        self.expect(supervisor.stop() == 0, f'the supervisor ended with {supervisor.process.returncode}')
        self.report(served, seconds, longest, warm, grown)

    def report(self, served, seconds, longest, warm, grown):
        times = sorted(self.times)
        print(f'{len(times)} reloads in {seconds:.0f} s under load: {sum(served.values())} clients served, '
              f'{", ".join(f"{count} {name}" for name, count in served.items())}')
        print(f'a reload took {statistics.median(times) * 1000:.0f} ms (median, from the start of `baton reload`), '
              f'{times[-1] * 1000:.0f} ms at most')
        print(f'the longest that a client took: {longest * 1000:.0f} ms, without reloads {warm[1] * 1000:.0f} ms')
        print(f'anonymous memory: {grown:+} kB')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--reloads', type=int, default=500)
    parser.add_argument('--clients', type=int, default=4, help='of each service')
    parser.add_argument('--pause', type=float, default=0.05, help='seconds between two reloads')
    parser.add_argument('--products', type=pathlib.Path, default=ROOT / '.build/release')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='baton-reload-') as work:
        os.chmod(work, 0o755)
        run = Run(options, work)
        try:
            run.run()
        finally:
            run.supervisor.process.kill()
        if run.faults:
            print(*run.faults, sep='\n', file=sys.stderr)
            print(pathlib.Path(work, 'log').read_text()[-4000:], file=sys.stderr)
    sys.exit(1 if run.faults else 0)


main()
