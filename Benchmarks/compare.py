#!/usr/bin/python3
"""Baton, its peers and the limit, measured in one run.

Usage: Benchmarks/compare.py [--rounds 4] [--seconds 0.5] [--only WORD,…] [--json FILE] [handoff|exec|idle|burden …]

Suites: handoff, a connection reaches a process that runs; exec, a program is started for it; idle, the same beside
1,000 idle services; burden, the same with memory and descriptors that a spawn must not copy. In each all contestants
run side by side, and take turns: cells of half a second, at 1, 16 and 128 connections at once, the order rotated from
round to round. Every round begins and ends with the limit, and what is printed are medians of the rounds, and of each
round's ratio to its limit (`x`, for the rate with the range): the machine's noise falls on all alike, so only the
ratios mean something. A round in which the limit's two cells differ, or a cell found the machine busy, is done again.
`CPU us` is the time of the supervisor's own processes for a connection, without what it starts for it; where the worker
accepts by itself, the worker's.

Times are from connect(2) to the last byte of the verified answer. A connection without the whole right answer is
`lost`; fails when one of Baton's was. Peers that are not found are left out, and named: `make bench` fetches them.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

from comparison import report, rounds
from comparison.contestant import BENCH, ROOT
from comparison.suites import SUITES, Suite


def words(text):
    return text.split(',')


def numbers(text):
    return list(map(int, words(text)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('suites', nargs='*', metavar='SUITE', help=', '.join(SUITES) + '; all when none is named')
    parser.add_argument('--rounds', type=int, default=4)
    parser.add_argument('--seconds', type=float, default=0.5, help='of a cell')
    parser.add_argument('--concurrency', type=numbers, default=[1, 16, 128], metavar='N,…', help='1,16,128')
    parser.add_argument('--only', type=words, metavar='WORD,…', help='contestants with one of these in their names')
    parser.add_argument('--json', type=pathlib.Path, metavar='FILE', help='everything that was measured')
    options = parser.parse_args()
    for suite in options.suites:
        if suite not in SUITES:
            parser.error(f'{suite} is none of {", ".join(SUITES)}')
    return options


def machine():
    """What the figures depend on."""
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    models = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    autogroup = pathlib.Path('/proc/sys/kernel/sched_autogroup_enabled')
    return {'processors': os.cpu_count(), 'model': models[0] if models else platform.machine(),
            'kernel': platform.release(), 'autogroup': autogroup.exists() and autogroup.read_text().strip() == '1'}


def run(name, options):
    """Measures a suite; answers what is to be kept of it, and whether Baton was without fault."""
    print(f'\n{name}: {SUITES[name].__doc__}', flush=True)
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        suite = Suite(directory, options.only)
        try:
            SUITES[name](suite)
            done, dropped = rounds.measure(
                suite.contestants, options.concurrency, options.rounds, options.seconds, tell=progress)
            lost = {each.name: each.lost() for each in suite.contestants if each.is_baton}
            resident = {each.name: each.resident() for each in suite.contestants}
        finally:
            suite.stop()
    names = [each.name for each in suite.contestants]
    found = report.show(done, names)
    everything = [each for several in [*done.values(), dropped] for each in several]
    faults = {each: report.failures(everything, each) for each in names}
    for each, counts in faults.items():
        if counts:
            print(f'{each}: ' + ', '.join(f'{count} {what}' for what, count in counts.items()))
    if dropped:
        print(f'{len(dropped)} rounds are left out: the limit did not stay steady, or the machine was busy')
    kept = {'summary': found, 'failures': faults, 'resident_kb': resident,
            'rounds': [each.record() for each in everything[:len(everything) - len(dropped)]],
            'unsteady_rounds': [each.record() for each in dropped]}
    return kept, not any(faults[each] or count for each, count in lost.items())


def progress(text):
    if sys.stderr.isatty():
        print(f'\r{text}\033[K', end='', file=sys.stderr, flush=True)


def main():
    options = arguments()
    subprocess.run(['make', '-s', '-C', ROOT / 'Benchmarks', f'BUILD={BENCH}'], check=True)
    kept, is_sound = {'machine': machine(), 'suites': {}}, True
    print(', '.join(f'{key} {value}' for key, value in kept['machine'].items()))
    for name in options.suites or SUITES:
        kept['suites'][name], sound = run(name, options)
        is_sound &= sound
        if options.json:
            options.json.write_text(json.dumps(kept, indent=1) + '\n')
    if not is_sound:
        sys.exit('baton lost connections, or answered wrongly')


if __name__ == '__main__':
    main()
