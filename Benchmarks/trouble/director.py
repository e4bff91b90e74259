"""Who makes the trouble: kills, stops, starves and misleads the handlers of the service whose turn it is."""
import collections
import heapq
import os
import random
import resource
import signal
import subprocess
import threading
import time

# In the order of misdeed.h.
MISDEEDS = [
    'garbage', 'wrong length', 'unknown type', 'ACK of what was not sent', 'DONE of what was not sent',
    'NACK of what is acknowledged', 'second REGISTER', 'empty message', 'surplus descriptor', 'unknown flags',
    'too long', 'shutdown', 'PASS of what was not sent', 'no UTF-8', 'cut short', 'deaf for a while', 'deaf for long',
    'child on the channel', 'clean exit', 'crash', 'own DRAIN', 'other capacity', 'closed channel', 'flood',
]
PROTOCOL_ERRORS = 15
TRANSPORTS = ['packets', 'stream', 'datagram']
# Trouble: how often, beside each other.
TROUBLE = {'kill': 25, 'stop': 15, 'stop for long': 6, 'no descriptors': 10, 'protocol error': 12, 'misdeed': 32,
           'flood': 6, 'flood by all': 2, 'stop all': 2}
EVERY = 0.13
RESTART_EVERY = 12


class Process:
    """A handler, by a descriptor of its process: its number may have become somebody else's."""

    def __init__(self, pid, program):
        self.pid = pid
        self.descriptor = os.pidfd_open(pid)
        if os.readlink(f'/proc/{pid}/exe').removesuffix(' (deleted)') != program:
            os.close(self.descriptor)
            raise ProcessLookupError

    def signal(self, number):
        signal.pidfd_send_signal(self.descriptor, number)

    def close(self):
        os.close(self.descriptor)


class Fleet:
    """The handlers that Baton did not start: one of each transport for each service, started again when they end."""

    def __init__(self, program, services, environment):
        """`services`: each with the one that its handlers pass connections to."""
        self.commands = [[program, *names, transport] for names in services for transport in TRANSPORTS]
        self.environment = environment
        self.processes = [None] * len(self.commands)
        self.starts = 0
        # The pids of those that ever had a stream.
        self.streams = set()

    def look(self):
        for index, process in enumerate(self.processes):
            if process is None or process.poll() is not None:
                self.processes[index] = subprocess.Popen(
                    self.commands[index], env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.starts += 1
                if self.commands[index][-1] == 'stream':
                    self.streams.add(self.processes[index].pid)

    def pids(self):
        return [process.pid for process in self.processes if process is not None]

    def end(self):
        for process in self.processes:
            if process is not None:
                process.kill()
                process.wait()


class Director(threading.Thread):
    """`handlers()` answers the pids of a service's handlers as they were a moment ago."""

    def __init__(self, seed, schedule, program, fleet, handlers, restart):
        super().__init__()
        self.random = random.Random(f'{seed}/director')
        self.schedule, self.program, self.fleet = schedule, program, fleet
        self.handlers, self.restart_command = handlers, restart
        self.undo, self.counter = [], 0
        self.done = collections.Counter()
        self.restart = None
        self.next_restart = time.monotonic() + RESTART_EVERY * self.random.uniform(0.2, 1)
        self.stopped = threading.Event()

    def run(self):
        while (service := self.schedule.service()) is not None:
            self.fleet.look()
            self.look_at_the_clock(service)
            pids = self.handlers(service)
            trouble = self.random.choices(list(TROUBLE), list(TROUBLE.values()))[0]
            if pids and trouble.endswith(' all'):
                # To all at once, so that nobody is there to take over.
                for pid in pids:
                    self.make(trouble, pid)
            elif pids:
                self.make(trouble, self.random.choice(pids))
            self.stopped.wait(self.random.uniform(0, 2 * EVERY))
        self.look_at_the_clock(None)
        if self.restart is not None:
            self.restart.wait()

    def make(self, trouble, pid):
        try:
            process = Process(pid, self.program)
        except OSError:
            return
        try:
            if trouble == 'kill':
                process.signal(signal.SIGKILL)
            elif trouble.startswith('stop'):
                process.signal(signal.SIGSTOP)
                seconds = self.random.uniform(1.5, 3) if trouble == 'stop for long' else self.random.uniform(0.05, 0.6)
                self.later(seconds, lambda process: process.signal(signal.SIGCONT), pid)
            elif trouble == 'no descriptors':
                self.starve(pid)
            elif trouble.startswith('flood'):
                process.signal(signal.SIGRTMIN + MISDEEDS.index('flood'))
            else:
                errors = trouble == 'protocol error'
                number = self.random.randrange(*((0, PROTOCOL_ERRORS) if errors else (PROTOCOL_ERRORS, len(MISDEEDS))))
                process.signal(signal.SIGRTMIN + number)
                trouble = MISDEEDS[number]
            self.done[trouble] += 1
        except OSError:
            pass
        finally:
            process.close()

    def starve(self, pid):
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        few = len(os.listdir(f'/proc/{pid}/fd')) + self.random.randrange(3)
        if few < soft:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))
            self.later(self.random.uniform(0.3, 1.5), lambda process: resource.prlimit(
                process.pid, resource.RLIMIT_NOFILE, (soft, hard)), pid)

    def later(self, seconds, action, pid):
        self.counter += 1
        heapq.heappush(self.undo, (time.monotonic() + seconds, self.counter, action, pid))

    def look_at_the_clock(self, service):
        """Undoes what is due; everything when there is no service any more."""
        while self.undo and (service is None or self.undo[0][0] <= time.monotonic()):
            _, _, action, pid = heapq.heappop(self.undo)
            try:
                process = Process(pid, self.program)
                try:
                    action(process)
                finally:
                    process.close()
            except OSError:
                pass
        if service is None or time.monotonic() < self.next_restart:
            return
        if self.restart is None or self.restart.poll() is not None:
            self.restart = subprocess.Popen(
                self.restart_command + [service], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.done['baton restart'] += 1
        self.next_restart = time.monotonic() + RESTART_EVERY * self.random.uniform(0.5, 1.5)
