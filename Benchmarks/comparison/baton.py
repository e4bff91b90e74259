"""Baton itself."""
import json
import os
import pathlib
import subprocess

from .contestant import BENCH, ROOT, TINY, WORKER, Contestant, Unavailable, children

PROGRAMS = ROOT / '.build/release'
# The other limits are above what `load` asks for.
UNLIMITED = 'per_source: unlimited, instances: unlimited'
MEASURED = 'measured'


def handoff(directory, *worker_options):
    words = ', '.join(map(str, [WORKER, 'channel', *worker_options]))
    return table(directory, f'{{listen: "127.0.0.1:0", per_source: unlimited, handoff: {{exec: [{words}]}}}}')


def execution(directory, idle=0, listeners=1):
    return table(directory, f'{{listen: "127.0.0.1:0", exec: [{TINY}], {UNLIMITED}}}', idle, listeners)


def separated(path):
    """The same table, with rights in one process and decisions in another."""
    if os.getuid() != 0:
        raise Unavailable('only root has rights to be given up')
    path.write_text('supervisor_user: nobody\n' + path.read_text())
    return path


def table(directory, service, idle=0, listeners=1):
    """A table with one service that is measured, and so many idle ones of so many listeners behind it."""
    path = pathlib.Path(directory, 'baton.yaml')
    addresses = ', '.join(f'"127.0.{1 + number}.1:0"' for number in range(listeners))
    path.write_text(f'services:\n  {MEASURED}: {service}\n' + ''.join(
        f'  idle{number}: {{listen: [{addresses}], exec: [{TINY}]}}\n' for number in range(idle)))
    path.chmod(0o644)
    return path


class Baton(Contestant):
    """A supervisor of its own. With `burden` it carries so many megabytes of touched memory, which it does not use."""

    is_baton = True

    def __init__(self, name, path, burden=0):
        if not (PROGRAMS / 'batond').exists():
            raise Unavailable(f'{PROGRAMS}/batond is not built')
        self.runtime = path.parent / 'run'
        ready, theirs = os.pipe()
        environment = dict(os.environ)
        if burden:
            environment |= {'LD_PRELOAD': str(BENCH / 'burden.so'), 'BURDEN_MEGABYTES': str(burden)}
        super().__init__(
            name,
            [PROGRAMS / 'baton', 'run', '--log-level', 'error', '--runtime-directory', self.runtime,
             '--ready-fd', theirs, path],
            None, log=path.parent / 'log', pass_fds=[theirs], env=environment)
        os.close(theirs)
        is_ready = os.read(ready, 1) == b'\n'
        os.close(ready)
        if not is_ready:
            self.stop()
            raise Unavailable((path.parent / 'log').read_text())
        self.address = self.status()['listeners'][0]['address']
        self.workers = [pid for pid in children(self.process.pid) if is_started_as(pid, b'worker')]
        decides = (self.workers or [self.process.pid])[0]
        self.launchers = [pid for pid in children(decides) if is_started_as(pid, b'launcher')]

    def supervisors(self):
        return [self.process.pid, *self.workers, *self.launchers]

    def status(self):
        command = [PROGRAMS / 'baton', 'status', '--json', '--runtime-directory', self.runtime, MEASURED]
        report = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
        return report['services'][0]

    def lost(self):
        """What it says itself that it lost."""
        return self.status()['connections']['lost']


def is_started_as(pid, mode):
    return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')[1:2] == [mode]
