"""Processes that die, stop and misbehave: handlers, programs, launchers, and the supervisor itself."""
import os
import signal

from trouble.director import MISDEEDS

from soaking.mischief import Fault


class ToProcess(Fault):
    """To one process, which is known by a descriptor."""

    programs = ['trouble', 'program']
    signal = None

    def candidates(self):
        return self.place.children('trouble') + self.place.children('program') + self.place.fleet.pids()

    def pick(self):
        """A process, or None."""
        pids = self.candidates()
        while pids:
            pid = pids.pop(self.random.randrange(len(pids)))
            for program in self.programs:
                try:
                    return self.place.process(pid, program)
                except OSError:
                    continue
        return None

    def make(self):
        process = self.pick()
        if process is None:
            return False
        try:
            return self.harm(process)
        finally:
            process.close()

    def harm(self, process):
        if self.signal in (signal.SIGKILL, signal.SIGABRT, signal.SIGTERM):
            self.place.note_killed(process.pid)
        process.signal(self.signal)
        return True


class Kill(ToProcess):
    name, weight, signal = 'kill', 20, signal.SIGKILL


class Abort(ToProcess):
    name, weight, signal = 'abort', 4, signal.SIGABRT


class Terminate(ToProcess):
    name, weight, signal = 'terminate', 4, signal.SIGTERM


class Stop(ToProcess):
    name, weight = 'stop for a moment', 10
    seconds = (0.05, 0.6)

    def harm(self, process):
        process.signal(signal.SIGSTOP)
        return self.random.uniform(*self.seconds), lambda: self.go_on(process.pid)

    def go_on(self, pid):
        for program in self.programs:
            try:
                process = self.place.process(pid, program)
            except OSError:
                continue
            process.signal(signal.SIGCONT)
            process.close()


class StopForLong(Stop):
    """Longer than the heartbeat allows."""

    name, weight, seconds = 'stop for long', 4, (2.5, 4)


class Misdeed(ToProcess):
    """What trouble/handler.c does when it is told to: the protocol broken in each way, channels closed and unread."""

    name, weight, programs = 'misdeed of a handler', 25, ['trouble']

    def candidates(self):
        return self.place.children('trouble') + self.place.fleet.pids()

    def harm(self, process):
        number = self.random.randrange(len(MISDEEDS))
        if MISDEEDS[number] in ('crash', 'child on the channel', 'clean exit', 'closed channel'):
            self.place.note_killed(process.pid)
        process.signal(signal.SIGRTMIN + number)


class KillAll(Fault):
    """Every handler of Baton at once, so that nobody is there to take over."""

    name, weight = 'kill all handlers', 1

    def make(self):
        for pid in self.place.children('trouble'):
            try:
                process = self.place.process(pid, 'trouble')
            except OSError:
                continue
            self.place.note_killed(pid)
            process.signal(signal.SIGKILL)
            process.close()


class Fickle(Fault):
    """The handlers of one service do not start for a while."""

    name, weight = 'handlers do not start', 1

    def make(self):
        marker = self.place.work / 'no-fickle'
        marker.touch()
        for pid in self.place.children('trouble'):
            if b'fickle' in open(f'/proc/{pid}/cmdline', 'rb').read():
                self.place.note_killed(pid)
                os.kill(pid, signal.SIGKILL)
        return self.random.uniform(0.5, 4), lambda: marker.unlink(missing_ok=True)


# ---- What belongs to Baton ----

class ToLauncher(ToProcess):
    programs = ['batond']

    def candidates(self):
        return self.place.launchers()


class KillLauncher(ToLauncher):
    name, weight, signal = 'kill a launcher', 6, signal.SIGKILL


class StopLauncher(Stop, ToLauncher):
    """Beyond 5 s it is killed and replaced."""

    name, weight, seconds = 'stop a launcher', 3, (0.2, 8)
    programs, candidates = ToLauncher.programs, ToLauncher.candidates


class KillOther(ToLauncher):
    """The loader, or who looks up names, in the middle of it."""

    name, weight, signal = 'kill a loader', 3, signal.SIGKILL

    def candidates(self):
        return self.place.children('batond') + self.place.children('baton-loader')


class StopSupervisor(Fault):
    name, weight = 'stop the supervisor', 2

    def make(self):
        pid = self.random.choice(self.place.supervisor.pids)
        os.kill(pid, signal.SIGSTOP)
        return self.random.uniform(0.05, 3), lambda: os.kill(pid, signal.SIGCONT)


HANDLERS = [Kill, Abort, Terminate, Stop, StopForLong, Misdeed, KillAll, Fickle]
OWN = [KillLauncher, StopLauncher, KillOther, StopSupervisor]
