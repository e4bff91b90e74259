"""A program that serves the question of `load` at an address, and what it costs."""
import os
import pathlib
import pwd
import random
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / '.build/bench'
TINY = BENCH / 'tiny'
WORKER = BENCH / 'worker'
# As the kernel allows without asking (net.core.somaxconn); what has a smaller one of its own drops SYNs at 128.
BACKLOG = 4096
PATIENCE = 30


class Unavailable(Exception):
    """A contestant that is not here; the text says why."""


def listener():
    """A listening socket for a child that inherits it, and its address."""
    opened = socket.create_server(('127.0.0.1', 0), backlog=BACKLOG)
    return opened, f'127.0.0.1:{opened.getsockname()[1]}'


def free_port():
    """None of those that the kernel gives to whoever asks for any, as who has a thousand idle sockets does."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            socket.create_server(('127.0.0.1', port)).close()
            return port
        except OSError:
            pass


def user():
    return pwd.getpwuid(os.geteuid()).pw_name


def run_time(pid):
    """Nanoseconds that the threads of a process have run."""
    total = 0
    for thread in pathlib.Path(f'/proc/{pid}/task').iterdir():
        total += int((thread / 'schedstat').read_text().split()[0])
    return total


def children(pid):
    found = []
    for thread in pathlib.Path(f'/proc/{pid}/task').iterdir():
        found += map(int, (thread / 'children').read_text().split())
    return found


class Contestant:
    """A running program. Each is in a session of its own, so that the scheduler treats all alike."""

    is_baton = False

    def __init__(self, name, command, address, *, log=os.devnull, stdin=subprocess.DEVNULL, **options):
        self.name, self.address = name, address
        with open(log, 'ab') as output:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=stdin, stdout=output, stderr=output, start_new_session=True, **options)
        self.pid = self.process.pid
        self.companions = []

    def becomes_a_daemon(self, pidfile):
        """It goes to the background; the file will say where it is then."""
        self.process.wait(PATIENCE)
        end = time.monotonic() + PATIENCE
        while not (pidfile.exists() and pidfile.read_text().endswith('\n')):
            if time.monotonic() > end:
                raise Unavailable(f'it ended with status {self.process.returncode}')
            time.sleep(0.01)
        self.pid = int(pidfile.read_text())
        return self

    def wait_until_it_listens(self):
        host, port = self.address.rsplit(':', 1)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection((host, int(port))).close()
                return self
            except ConnectionRefusedError:
                pass
            if not pathlib.Path(f'/proc/{self.pid}/exe').exists():
                self.stop()
                raise Unavailable(f'it ended with status {self.process.returncode}')
            if time.monotonic() > end:
                self.stop()
                raise Unavailable(f'it does not listen after {PATIENCE} s')
            time.sleep(0.01)

    def supervisors(self):
        """The processes whose time is the supervisor's: not what they start for a connection."""
        return [self.pid]

    def run_time(self):
        return sum(map(run_time, self.supervisors()))

    def resident(self):
        """Kilobytes of the supervisor's own processes."""
        total = 0
        for pid in self.supervisors():
            for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
                if line.startswith('VmRSS:'):
                    total += int(line.split()[1])
        return total

    def stop(self):
        for companion in self.companions:
            companion.stop()
        # A group that has ended is no more; a daemon is nobody's child here.
        for send in (lambda: os.killpg(self.process.pid, signal.SIGTERM), lambda: os.kill(self.pid, signal.SIGTERM)):
            try:
                send()
            except ProcessLookupError:
                pass
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def on_inherited_listener(name, command, **options):
    """One that inherits its listening socket: {listener} in its command is the number of the descriptor."""
    opened, address = listener()
    with opened:
        number = opened.fileno()
        return Contestant(
            name, [str(word).format(listener=number) for word in command], address, pass_fds=[number], **options)
