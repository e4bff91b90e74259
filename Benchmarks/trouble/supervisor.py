"""The supervisor under test, and what it holds."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

SAMPLE_EVERY = 0.25


def sum_of(counters):
    """What `accepted` must be."""
    return (counters['active'] + counters['queued'] + sum(counters['refused'].values()) + counters['ended']
            + counters['cut'] + counters['abandoned'] + counters['lost'])


class Supervisor:
    """`baton run`, ready."""

    def __init__(self, products, work, table, log_level):
        self.program, self.runtime = pathlib.Path(products, 'baton'), f'{work}/run'
        ready, theirs = os.pipe()
        self.process = subprocess.Popen(
            [self.program, 'run', '--runtime-directory', self.runtime, '--log-level', log_level,
             '--ready-fd', str(theirs), table], pass_fds=[theirs], stderr=open(f'{work}/log', 'wb'))
        os.close(theirs)
        if os.read(ready, 1) != b'\n':
            sys.exit(f'the supervisor is not ready; see {work}/log')
        os.close(ready)
        self.pid = self.process.pid

    def command(self, *words):
        return [self.program, words[0], '--runtime-directory', self.runtime, *words[1:]]

    def status(self):
        """Service → its status."""
        output = subprocess.run(self.command('status', '--json'), capture_output=True, check=False).stdout
        return {service['name']: service for service in json.loads(output)['services']}

    @property
    def worker(self):
        """The pid of the process that decides for a monitor. None where there is none."""
        for pid in pathlib.Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text().split():
            try:
                if pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')[1:2] == [b'worker']:
                    return int(pid)
            except OSError:
                pass
        return None

    @property
    def pids(self):
        """Of the processes that the supervisor is: one, or the monitor and its worker."""
        return [self.pid] + [pid for pid in [self.worker] if pid]

    def descriptors(self):
        """The kinds of what is open, such as socket and anon_inode:[eventpoll], each as often as it is."""
        kinds = []
        for entry in [entry for pid in self.pids for entry in pathlib.Path(f'/proc/{pid}/fd').iterdir()]:
            try:
                target = os.readlink(entry)
            except OSError:
                continue
            kinds.append(target if target.startswith('anon_inode') else target.split('[')[0])
        return sorted(kinds)

    def children(self):
        """The names of all children, zombies included."""
        names, pids = [], self.pids
        for entry in pathlib.Path('/proc').iterdir():
            if not entry.name.isdigit():
                continue
            try:
                name, fields = (entry / 'stat').read_text().split('(', 1)[1].rsplit(')', 1)
            except OSError:
                continue
            if int(fields.split()[1]) in pids:
                names.append(f'{name}{" (zombie)" if fields.split()[0] == "Z" else ""}')
        return sorted(names)

    def anonymous_memory(self):
        for line in pathlib.Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith('RssAnon:'):
                return int(line.split()[1])
        return 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class Sampler(threading.Thread):
    """Looks at the supervisor again and again: the sums, and the memory."""

    def __init__(self, supervisor):
        super().__init__()
        self.supervisor = supervisor
        self.over = threading.Event()
        self.latest, self.memory, self.faults, self.count, self.most_queued = supervisor.status(), [], [], 0, 0

    def run(self):
        while not self.over.wait(SAMPLE_EVERY):
            self.latest = self.supervisor.status()
            self.memory.append(self.supervisor.anonymous_memory())
            for name, service in self.latest.items():
                counters = service['connections']
                self.count += 1
                self.most_queued = max(self.most_queued, counters['queued'])
                if sum_of(counters) != counters['accepted'] or counters['lost']:
                    self.faults.append(f'{name}: {counters}')

    def handlers(self, service):
        return [handler['pid'] for handler in self.latest[service]['handlers'] if handler.get('pid')]
