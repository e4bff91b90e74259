"""Looks at the supervisor all the time: the sums, the memory, and how long it takes to answer."""
import collections
import json
import subprocess
import threading
import time

from trouble.supervisor import sum_of

EVERY = 1.0
# `memory` is that of who decides, `monitor` that of its monitor.
Sample = collections.namedtuple('Sample', 'time memory monitor launchers descriptors')


def anonymous_memory(pid):
    """Kilobytes."""
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as status:
            return next((int(line.split()[1]) for line in status if line.startswith('RssAnon:')), 0)
    except OSError:
        return 0


class Watch(threading.Thread):
    def __init__(self, place):
        super().__init__(daemon=True)
        self.place, self.over = place, threading.Event()
        self.samples, self.faults, self.longest, self.unanswered = [], [], 0.0, 0
        self.status, self.restarts = {}, 0

    def run(self):
        while not self.over.wait(EVERY):
            if self.place.supervisor.process.poll() is not None:
                return
            self.look()

    def end(self):
        self.over.set()
        self.join()

    def look(self):
        begin = time.monotonic()
        output = subprocess.run(self.place.supervisor.command('status', '--json'), capture_output=True, check=False)
        self.longest = max(self.longest, time.monotonic() - begin)
        try:
            told = json.loads(output.stdout)
        except ValueError:
            # In the moment of an upgrade, or one of a crowd at the control socket.
            self.unanswered += 1
            return
        self.status = {service['name']: service for service in told['services']}
        self.restarts = told.get('worker', {}).get('restarts', 0)
        for name, service in self.status.items():
            counters = service['connections']
            if sum_of(counters) != counters['accepted'] or counters['lost']:
                self.faults.append(f'{name}: {counters}')
        try:
            *monitor, decider = self.place.supervisor.pids
            if self.place.facts.supervisor_user and not monitor:
                return
            self.samples.append(Sample(
                time.monotonic(), anonymous_memory(decider), sum(map(anonymous_memory, monitor)),
                sum(anonymous_memory(child) for child in self.place.children('baton-launcher')),
                len(self.place.supervisor.descriptors())))
        except OSError:
            pass

    def total(self, counter):
        """Of all services; `refused` for every reason."""
        counts = [service['connections'][counter] for service in self.status.values()]
        return sum(sum(count.values()) if isinstance(count, dict) else count for count in counts)
