#!/usr/bin/python3
"""Handing a connection to a running handler against starting the same handler for it.

Usage: Benchmarks/handoff.py [ROUNDS [SECONDS]]   (6 and 0.5; a quiet machine, after `make build`)

One source (handoff/answer.c) is the persistent handler and the inetd program. Each cell is a load of SECONDS at 1, 16
or 128 connections at once; a round goes through all contestants, so that the machine's noise falls on all alike.
Printed are the medians of the rounds, and how many times as fast the pool of threads was in each. Latency is from
connect(2) to the last byte of the verified answer. Fails when an answer was wrong or missing. compare.py says what
the supervisor costs, beside its peers and the limit; this says what a handler gains by staying.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / '.build/bench'
CONCURRENCY = [1, 16, 128]
TABLE = """
services:
  pool: {{listen: "127.0.0.1:0", handoff: {{exec: [{bench}/answer, "64"]}}, per_source: unlimited}}
  serial: {{listen: "127.0.0.1:0", handoff: {{exec: [{bench}/answer, "0"]}}, per_source: unlimited}}
  static: {{listen: "127.0.0.1:0", exec: [{bench}/answer-inetd-static], per_source: unlimited}}
  dynamic: {{listen: "127.0.0.1:0", exec: [{bench}/answer-inetd], per_source: unlimited}}
"""
NAMES = {
    'pool': 'handed to a handler with 64 threads',
    'serial': 'handed to one that serves one at a time',
    'static': 'exec of it for each, linked statically',
    'dynamic': 'exec of it for each, linked dynamically',
}


class Baton:
    """A supervisor that serves the four ways, each at a port of its own."""

    def __init__(self, directory):
        table = pathlib.Path(directory, 'baton.yaml')
        table.write_text(TABLE.format(bench=BENCH))
        table.chmod(0o644)
        self.program, self.runtime = ROOT / '.build/release/baton', f'{directory}/run'
        ready, theirs = os.pipe()
        self.process = subprocess.Popen(
            [self.program, 'run', '--log-level', 'error', '--runtime-directory', self.runtime,
             '--ready-fd', str(theirs), table], pass_fds=[theirs])
        os.close(theirs)
        if os.read(ready, 1) != b'\n':
            sys.exit('the supervisor is not ready')
        os.close(ready)

    def status(self):
        command = [self.program, 'status', '--json', '--runtime-directory', self.runtime]
        report = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
        return {service['name']: service for service in report['services']}

    def addresses(self):
        return {name: service['listeners'][0]['address'] for name, service in self.status().items()}


def load(address, concurrency, seconds):
    command = [BENCH / 'load', str(concurrency), str(seconds), address]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def measure(addresses, rounds, seconds):
    """{(contestant, concurrency): the reports of all rounds}"""
    cells = {}
    for address in addresses.values():
        load(address, 16, 0.2)
    for _ in range(rounds):
        for concurrency in CONCURRENCY:
            for name, address in addresses.items():
                cells.setdefault((name, concurrency), []).append(load(address, concurrency, seconds))
    return cells


def median(reports, key):
    return statistics.median(report[key] for report in reports)


def ratio(firsts, reports):
    """How many times as fast the first was: the median of the rounds, each of which compares two neighbours."""
    return statistics.median(first['rate'] / report['rate'] for first, report in zip(firsts, reports) if report['rate'])


def show(addresses, cells):
    first = next(iter(addresses))
    for concurrency in CONCURRENCY:
        print(f'\n{concurrency} at once{"":32}   conn/s    p50 us    p90 us    p99 us    max us   pool : it')
        for name in addresses:
            reports = cells[name, concurrency]
            times = ''.join(f'{median(reports, key):10.0f}' for key in ('p50_us', 'p90_us', 'p99_us', 'max_us'))
            times_as_fast = ratio(cells[first, concurrency], reports)
            print(f'{NAMES[name]:40} {median(reports, "rate"):9.0f}{times} {times_as_fast:11.2f}')


def failures(cells):
    """Contestant → what was wrong or missing, over all its cells."""
    found = {}
    for (name, _), reports in cells.items():
        for report in reports:
            for what, count in [('wrong', report['wrong']), *report['lost'].items()]:
                if count:
                    counts = found.setdefault(name, {})
                    counts[what] = counts.get(what, 0) + count
    return found


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.5
    subprocess.run(['make', '-s', '-C', ROOT / 'Benchmarks', f'BUILD={BENCH}'], check=True)
    with tempfile.TemporaryDirectory() as directory:
        baton = Baton(directory)
        try:
            addresses = baton.addresses()
            cells = measure(addresses, rounds, seconds)
            services = baton.status()
        finally:
            baton.process.terminate()
            baton.process.wait()
    show(addresses, cells)
    total = sum(report['connections'] for reports in cells.values() for report in reports)
    failed = failures(cells)
    for name, counts in failed.items():
        print(f'{NAMES[name]}: {", ".join(f"{count} {what}" for what, count in counts.items())}')
    lost = sum(service['connections']['lost'] for service in services.values())
    print(f'\n{total} connections; baton counts {lost} lost')
    sys.exit(1 if lost or any(name in failed for name in services) else 0)


if __name__ == '__main__':
    main()
