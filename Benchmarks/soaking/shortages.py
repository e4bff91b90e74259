"""What runs out: descriptors, processes, memory and disk."""
import errno
import os
import resource
import signal
import subprocess
import time

from soaking.mischief import Fault
from soaking.processes import ToProcess


class Limit(Fault):
    """A soft limit of a process that runs, lowered for a while to what it has and a few more."""

    limit = resource.RLIMIT_NOFILE
    seconds = (0.2, 2)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        # What was a limit that is low now is no limit to go back to.
        self.lowered = set()

    def used(self, pid):
        return len(os.listdir(f'/proc/{pid}/fd'))

    def lower(self, pid, most_more):
        soft, hard = resource.prlimit(pid, self.limit)
        few = self.used(pid) + self.random.randrange(most_more)
        if pid in self.lowered or soft != resource.RLIM_INFINITY and few >= soft:
            return False
        resource.prlimit(pid, self.limit, (few, hard))
        self.lowered.add(pid)
        return self.random.uniform(*self.seconds), lambda: self.put_back(pid, few, soft)

    def put_back(self, pid, few, soft):
        """Unless it is another process, or has been put back already."""
        self.lowered.discard(pid)
        now, hard = resource.prlimit(pid, self.limit)
        if now == few:
            resource.prlimit(pid, self.limit, (soft, hard))


class NoDescriptors(Limit):
    name, weight = 'no descriptors', 5

    def make(self):
        return self.lower(self.random.choice(self.place.supervisor.pids), 12)


class NoDescriptorsElsewhere(Limit):
    name, weight = 'no descriptors for a handler', 6

    def make(self):
        pids = self.place.children('trouble') + self.place.fleet.pids()
        return self.lower(self.random.choice(pids), 3) if pids else False


class NoDescriptorsForLaunchers(Limit):
    name, weight = 'no descriptors for a launcher', 2

    def make(self):
        pids = self.place.launchers()
        return self.lower(self.random.choice(pids), 3) if pids else False


class NoMemoryForLaunchers(Limit):
    """Its address space: what it starts has the same until its own limits are set, or fails."""

    name, weight, limit = 'no memory for a launcher', 2, resource.RLIMIT_AS

    def used(self, pid):
        return int(open(f'/proc/{pid}/statm').read().split()[0]) * resource.getpagesize()

    def make(self):
        pids = self.place.launchers()
        lowered = self.lower(self.random.choice(pids), 65536) if pids else False
        if lowered:
            # What it starts may be killed by the kernel on its way to its program, when it is too late to say so.
            self.place.kernel_kills.append((time.time(), time.time() + lowered[0] + 1))
        return lowered


class NoMemoryForHandlers(NoMemoryForLaunchers):
    name, weight = 'no memory for a handler', 2

    def make(self):
        pids = self.place.children('trouble') + self.place.children('program')
        if not pids:
            return False
        pid = self.random.choice(pids)
        self.place.note_killed(pid)
        return self.lower(pid, 4096)


class NoProcesses(Fault):
    """As many processes of a service's user as its RLIMIT_NPROC allows: exec fails with EAGAIN."""

    name, weight, needs_root = 'no processes', 2, True

    def make(self):
        uid = self.place.facts.other_uid
        sleepers = [subprocess.Popen(['/bin/sleep', '60'], user=uid, group=uid, extra_groups=[],
                                     stdin=subprocess.DEVNULL) for _ in range(40)]
        return self.random.uniform(0.3, 2), lambda: self.end(sleepers)

    def end(self, sleepers):
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


class NoProcessesForLaunchers(Limit):
    """Only where the supervisor is no root: root may have more than its limit."""

    name, weight, limit = 'no processes for launchers', 2, resource.RLIMIT_NPROC

    @classmethod
    def can_be_made(cls, place):
        return not place.is_root

    def used(self, pid):
        return 1

    def make(self):
        pids = self.place.launchers()
        return self.lower(self.random.choice(pids), 1) if pids else False


class DiskFull(Fault):
    """Where the log is, to the last byte. What it waits with would die with a worker."""

    name, weight, needs_disk = 'disk full', 2, True

    @classmethod
    def can_be_made(cls, place):
        return super().can_be_made(place) and not place.kills

    def make(self):
        ballast = self.place.work / 'disk/ballast'
        with open(ballast, 'ab', buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                self.fill(file, size)
        return self.random.choice([0.1, 0.2, 0.5, 0.5, 1, 1, 2, 12]), lambda: ballast.unlink(missing_ok=True)

    def fill(self, file, size):
        try:
            while True:
                if file.write(bytes(size)) < size:
                    return
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


class NoTime(ToProcess):
    """The least of the processor that there is, for a while: on a machine that is busy that is next to nothing."""

    name, weight, needs_root = 'no time', 2, True

    def harm(self, process):
        os.setpriority(os.PRIO_PROCESS, process.pid, 19)
        return self.random.uniform(0.5, 3), lambda: os.setpriority(os.PRIO_PROCESS, process.pid, 0)


class ReopenLog(Fault):
    name, weight = 'log opened anew', 2

    def make(self):
        os.kill(self.place.supervisor.pid, signal.SIGUSR1)


ALL = [NoDescriptors, NoDescriptorsElsewhere, NoDescriptorsForLaunchers, NoMemoryForLaunchers, NoMemoryForHandlers,
       NoProcesses, NoProcessesForLaunchers, DiskFull, NoTime, ReopenLog]
