"""Who is measured with whom. The first of each suite is the limit that the others are compared with."""
import os
import pathlib
import tempfile

from . import baton, limits, relays, superservers
from .contestant import Unavailable

IDLE = 1000
MANY = 10_000
MEGABYTES = 500


class Suite:
    """Contestants that run side by side."""

    def __init__(self, directory, only):
        self.directory, self.only, self.contestants = directory, only, []

    def add(self, name, start):
        """`start` gets the name and a directory of its own."""
        if self.contestants and self.only and not any(word in name for word in self.only):
            return
        directory = tempfile.mkdtemp(dir=self.directory)
        os.chmod(directory, 0o755)
        try:
            self.contestants.append(start(name, pathlib.Path(directory)))
        except Unavailable as reason:
            print(f'{name} is left out: {reason}')

    def stop(self):
        for contestant in self.contestants:
            contestant.stop()


def handoff(suite):
    """A connection reaches a process that runs."""
    suite.add('limit: handed over, copy kept until ACK', lambda name, _: limits.handoff(name))
    suite.add('baton', lambda name, at: baton.Baton(name, baton.handoff(at, 'done')))
    suite.add('baton, supervisor_user',
              lambda name, at: baton.Baton(name, baton.separated(baton.handoff(at, 'done'))))
    suite.add('baton, handler without DONE', lambda name, at: baton.Baton(name, baton.handoff(at)))
    suite.add('limit: handed over, closed at once', lambda name, _: limits.handoff_without_copy(name))
    suite.add('the worker accepts by itself', lambda name, _: limits.direct(name))
    suite.add('haproxy, relaying to the worker', relays.haproxy)
    suite.add('nginx, relaying to the worker', relays.nginx)


def execution(suite):
    """A program is started for each connection."""
    suite.add('limit: clone and exec', lambda name, _: limits.execution(name))
    suite.add('baton', lambda name, at: baton.Baton(name, baton.execution(at)))
    suite.add('baton, supervisor_user', lambda name, at: baton.Baton(name, baton.separated(baton.execution(at))))
    suite.add('limit: in sessions of their own', lambda name, _: limits.execution(name, '-S'))
    suite.add('limit: two spawning threads', lambda name, _: limits.execution(name, '-t', 2, '-s'))
    for name, start in {**superservers.ONE_PROCESS, **superservers.ONE_SERVICE}.items():
        suite.add(name, start)


def idle(suite):
    """The same, with 1,000 idle services in the same supervisor."""
    suite.add('limit: CLONE_FILES', lambda name, _: limits.execution(name, '-s', '-l', IDLE))
    suite.add('baton', lambda name, at: baton.Baton(name, baton.execution(at, IDLE)))
    suite.add('limit: plain clone', lambda name, _: limits.execution(name, '-l', IDLE))
    for name, start in superservers.ONE_PROCESS.items():
        suite.add(name, lambda name, at, start=start: start(name, at, IDLE))


def burden(suite):
    """The same, with memory and descriptors that a spawn must not copy."""
    suite.add('limit: clone and exec', lambda name, _: limits.execution(name))
    suite.add('baton', lambda name, at: baton.Baton(name, baton.execution(at)))
    suite.add(f'baton, {MEGABYTES} MB', lambda name, at: baton.Baton(name, baton.execution(at), MEGABYTES))
    suite.add(f'baton, {MANY} listening sockets',
              lambda name, at: baton.Baton(name, baton.execution(at, MANY // 100, listeners=100)))
    suite.add(f'limit, {MEGABYTES} MB', lambda name, _: limits.execution(name, '-m', MEGABYTES))
    suite.add(f'limit, {MANY} descriptors', lambda name, _: limits.execution(name, '-d', MANY))
    suite.add(f'limit: CLONE_FILES, {MANY} descriptors',
              lambda name, _: limits.execution(name, '-s', '-d', MANY))


SUITES = {'handoff': handoff, 'exec': execution, 'idle': idle, 'burden': burden}
