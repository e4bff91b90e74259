#!/usr/bin/python3
"""Everything at once, and everything that can go wrong: what is left must add up.

Usage: Benchmarks/soak.py [--minutes 5] [--seed NUMBER] [--guests 24] [--products .build/release] [--keep]
                          [--supervisor-user NAME [--kill-worker]]

Guests connect to every kind of service: exec, wait (TCP and UDP), handoff to handlers that Baton keeps and to those
that registered, redirect with and without a PROXY header, route, tcpmux, a script that passes on, and what Baton serves
itself. Beside them handlers, programs and launchers are killed and stopped, and break the protocol; descriptors,
processes, memory and disk run out; strangers send what is none to every socket, and leave at every stage; tables are
reloaded, programs upgraded, services restarted, paused and stopped.

Each request has a nonce, and who serves it writes it down. In the end nobody was served twice; each guest has heard all
of its answer, or the log says what became of it in particular: refused, for a reason that is counted, or its handler
was killed, by us; every counter adds up, and with what the clients counted; everything works as at the beginning, with
the same descriptors, children and files and no more memory; every place that a limit has can be taken; and nothing is
left when the supervisor has stopped. Exits with 1 and says what does not hold; then log and records stay.

With --supervisor-user all of that holds for both processes. With --kill-worker, too, but for what is lost with a worker
(docs/decisions/separation.md): the log tells what each had when it died, and only that is forgiven.

As root it can do more; what is left out otherwise is said at the start. A seed repeats the choices, not the moments.
The supervisor's own memory is left alone: a program in Swift that gets none ends.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from soaking.course import Course, SupervisorEnded
from soaking.report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of faults that begin alike.
MOST_TOLD = 8


def options():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--minutes', type=float, default=5)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--guests', type=int, default=24)
    parser.add_argument('--products', type=pathlib.Path, default=ROOT / '.build/release',
                        help='the directory of baton and batond')
    parser.add_argument('--supervisor-user', metavar='NAME', help='of the table: rights and decisions in two processes')
    parser.add_argument('--kill-worker', action='store_true', help='the process that decides is killed now and then')
    parser.add_argument('--keep', action='store_true', help='log and records, whatever comes of it')
    chosen = parser.parse_args()
    if chosen.supervisor_user and os.geteuid() != 0:
        parser.error('--supervisor-user takes root')
    if chosen.kill_worker and not chosen.supervisor_user:
        parser.error('--kill-worker takes a --supervisor-user')
    return chosen


def run(course):
    """What does not hold."""
    try:
        course.run()
        report = Report(course)
        report.show()
        return course.faults + report.faults
    except SupervisorEnded:
        return course.faults + [f'the supervisor has ended with {course.supervisor.process.returncode}']
    finally:
        if course.supervisor.process.poll() is None:
            course.supervisor.process.kill()
        course.place.fleet.end()
        course.archivist.end()
        course.place.unmount()


def tell(faults):
    told = collections.Counter()
    for fault in faults:
        kind = fault.split(':')[0]
        told[kind] += 1
        if told[kind] <= MOST_TOLD:
            print(f'DOES NOT HOLD: {fault}')
    print(f'{len(faults)} things do not hold' if faults else 'everything adds up')


def main():
    chosen = options()
    subprocess.run(['make', '-s', '-C', ROOT / 'Benchmarks', '../.build/bench/trouble', '../.build/bench/program'],
                   check=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = tempfile.mkdtemp(prefix='baton-soak-')
    os.chmod(work, 0o755)
    print(f'seed {chosen.seed}, {chosen.minutes:g} minutes, {chosen.guests} guests, in {work}', flush=True)
    course = Course(chosen, work)
    print('left out here:', ', '.join(course.left_out) or 'nothing', flush=True)
    faults = run(course)
    tell(faults)
    if faults or chosen.keep:
        print(f'log and records are in {work}; --seed {chosen.seed} makes the same choices')
    else:
        shutil.rmtree(work)
    sys.exit(1 if faults else 0)


if __name__ == '__main__':
    main()
