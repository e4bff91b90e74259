"""The process that decides, where a monitor has the rights, dies: what it had is lost, and nothing else."""
import collections
import os
import select
import signal
import time

from soaking.mischief import Fault
from soaking.place import stat

PATIENCE = 10
# `looked`: when its counters were asked for; `last`: when it accepted nobody any more; `sent`: when it was killed;
# `gone`: when it was no more. `connects`: service → how many had come when it was looked at.
Death = collections.namedtuple('Death', 'looked last sent gone counters connects')
# What closes a connection of a worker that is gone may be a launcher that was stopped.
LINGER = 10


class Deaths:
    """What the workers that died have taken along: only what the log says that they alone had, and that was there when
    they died. `lives`: `log.Life` of each."""

    def __init__(self, deaths, lives, streams):
        """`streams`: the pids of handlers with a stream for a channel. That ends with the worker, and they exit."""
        self.faults, self.taken, self.streams = [], [], streams
        # How many refusals were counted, and told not even in number; who was accepted, and that not yet said.
        self.untold, self.unsaid = [], []
        begin = 0
        for life in lives:
            own = [death for death in deaths if begin < death.sent <= life.end]
            if not own:
                self.faults.append(f'nobody has killed the worker that ended before {time.ctime(life.end)}')
            self.taken.append((set(life.held.values()), own))
            self.untold.append(untold(life, own[0]) if own else 0)
            self.unsaid.append(len(own))
            begin = life.end
        # Of what handlers had passed on, too.
        self.settled = sum(len(life.held) + life.failed + sum(count for _, count in life.told) for life in lives)

    def explain(self, client, events):
        """Why somebody was not answered; None: this does not explain it. `events`: of the client."""
        if client.outcome != 'unanswered':
            return None
        for number, (peers, deaths) in enumerate(self.taken):
            if client.peer in peers and any(straddles(client, death) for death in deaths):
                return 'a worker died with it'
            if client.peer in peers and deaths and client.end < deaths[0].looked and self.untold[number] > 0:
                self.untold[number] -= 1
                return 'refused, and its worker died before it said so'
            if self.has_stream(events) and any(straddles(client, death) for death in deaths):
                return 'the channel of its handler, a stream, ended with a worker'
            if not events and self.unsaid[number] > 0 and any(straddles(client, death) for death in deaths):
                self.unsaid[number] -= 1
                return 'a worker died that had just accepted it'
        return None

    def has_stream(self, events):
        """Whoever was given it last."""
        handed = [event['pid'] for event in events if event['event'] == 'handed_off']
        return bool(handed) and handed[-1] in self.streams


def straddles(client, death):
    return client.begin <= death.last and death.looked <= client.end <= death.gone + LINGER


def untold(life, death):
    counted = sum(sum(service['refused'].values()) for service in death.counters.values())
    return counted - sum(count for when, count in life.told if when <= death.looked)


class KillWorker(Fault):
    name, weight = 'kill the worker', 4

    def make(self):
        looked, connects = time.time(), self.place.tally.made()
        try:
            counters = {name: service['connections'] for name, service in self.place.supervisor.status().items()}
        except ValueError:
            # What it has told in number only would not be known.
            return False
        return self.end(looked, counters, connects)

    def end(self, looked, counters, connects):
        pid = self.place.supervisor.worker
        if pid is None:
            return False
        descriptor = os.pidfd_open(pid)
        try:
            last, sent = self.kill(pid)
            if not select.select([descriptor], [], [], PATIENCE)[0]:
                self.place.wrong.append(f'the worker, pid {pid}, has not died')
            gone = time.time()
        finally:
            os.close(descriptor)
        self.place.deaths.append(Death(looked, last or gone, sent, gone, counters, connects))
        return True

    def kill(self, pid):
        """When it accepted nobody any more, if that is known, and when it was killed."""
        sent = time.time()
        os.kill(pid, signal.SIGKILL)
        return None, sent


class StopAndKillWorker(KillWorker):
    """Who comes meanwhile waits in the backlog."""

    name, weight = 'stop and kill the worker', 4

    def kill(self, pid):
        os.kill(pid, signal.SIGSTOP)
        last = time.time()
        time.sleep(self.random.choice([0.01, 0.1, 1, 3]))
        # Somebody else may have told it to go on.
        is_stopped = stat(pid)[0] == 'T'
        _, sent = super().kill(pid)
        return last if is_stopped else None, sent


class KillNextWorker(KillWorker):
    """In the middle of going on, or just after."""

    name, weight = 'kill the worker and the next one', 2

    def make(self):
        if not super().make():
            return False
        begin, connects = time.time(), self.place.tally.made()
        while self.place.supervisor.worker is None and time.time() < begin + PATIENCE:
            time.sleep(0.005)
        time.sleep(self.random.uniform(0, 0.15))
        return self.end(begin, {}, connects)


class KillAllLaunchers(KillWorker):
    """A worker cannot start another one, and gives up."""

    name, weight = 'kill all launchers', 1

    def kill(self, pid):
        launchers = self.place.children('baton-launcher')
        sent = time.time()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for launcher in launchers:
                self.signal(launcher, number)
        # One more may have come just then.
        time.sleep(1)
        self.signal(pid, signal.SIGKILL)
        return None, sent

    def signal(self, pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


ALL = [KillWorker, StopAndKillWorker, KillNextWorker, KillAllLaunchers]
