"""Where a run takes place: its directory, the supervisor in it, and what it finds out about that one's processes."""
import collections
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

from trouble.director import Process
from trouble.supervisor import Supervisor

from soaking import table

CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 0x40000, 2
PROGRAMS = ['baton', 'batond']
DISK_BYTES = 48 << 20
# The log is moved away before it fills the disk by itself.
LOG_BYTES = 8 << 20


def free_port():
    """One that connections do not get by chance."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port


def stat(pid):
    """The fields of /proc/PID/stat from the state on."""
    return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()


def start_time(pid):
    """In ticks; of one that is gone, infinite."""
    try:
        return int(stat(pid)[19])
    except OSError:
        return float('inf')


def mount_disk(path):
    """A small disk that is there for this process and its children only. False where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.mkdir(path)
    options = f'size={DISK_BYTES},mode=755'.encode()
    return (libc.unshare(CLONE_NEWNS) == 0
            and libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None) == 0
            and libc.mount(b'tmpfs', str(path).encode(), b'tmpfs', 0, options) == 0)


class Place:
    """`supervisor_user`: None, or whom decisions are left to. With `kills` the process that decides dies now and then,
    and the log says enough to know what it had then."""

    def __init__(self, work, products, seed, supervisor_user, kills):
        self.work, self.kept = pathlib.Path(work), pathlib.Path(work, 'batond-kept')
        self.is_root = os.geteuid() == 0
        self.has_disk = mount_disk(self.work / 'disk')
        bench = pathlib.Path(__file__).resolve().parents[2] / '.build/bench'
        for program in [products / name for name in PROGRAMS] + [bench / 'trouble', bench / 'program']:
            shutil.copy(program, self.work)
        shutil.copy(products / 'batond', self.kept)
        for directory in ('records', 'logs'):
            os.mkdir(self.work / directory)
        # The programs of services with a user of their own write there too.
        os.chmod(self.work / 'records', 0o1777)
        # Nobody's, and no other run's, so that its processes can be counted out. Only root may give a program a user.
        other_uid = random.SystemRandom().randrange(61000, 65000) if self.is_root else None
        self.facts = table.Facts(work=str(self.work), log=f'{self.work}/disk/log', seed=seed, proxied_port=free_port(),
                                 shifty_port=free_port(), other_uid=other_uid,
                                 supervisor_user=supervisor_user, level='debug' if kills else 'info')
        self.kills, self.deaths = kills, []
        self.table = self.work / 'baton.yaml'
        self.write_table(table.first(self.facts))
        # Pid → when it was killed by us: numbers come again.
        self.killed = collections.defaultdict(list)
        # When the kernel may have killed what was being started: (begin, end).
        self.kernel_kills = []
        # Commands that failed, and things that must not be.
        self.failed, self.wrong = collections.Counter(), []
        self.lock = threading.Lock()
        self.supervisor = Supervisor(self.work, str(self.work), self.table, self.facts.level)

    def unmount(self):
        if self.has_disk:
            ctypes.CDLL(None).umount2(f'{self.work}/disk'.encode(), MNT_DETACH)

    def write_table(self, text):
        new = self.work / 'baton.yaml.new'
        new.write_text(text)
        new.chmod(0o644)
        new.rename(self.table)

    def run(self, *words):
        """`baton …`: its exit status, and what it said."""
        done = subprocess.run(self.supervisor.command(*words), capture_output=True, check=False, text=True)
        return done.returncode, (done.stdout + done.stderr).strip()

    # ---- Listeners ----

    def addresses(self):
        """Service → scheme → address."""
        found = {}
        for name, service in self.supervisor.status().items():
            found[name] = {}
            for listener in service['listeners']:
                host, _, port = listener['address'].rpartition(':')
                is_path = listener['protocol'] == 'unix'
                found[name][listener['protocol']] = listener['address'] if is_path else (host, int(port))
        return found

    # ---- Processes ----

    def children(self, name):
        """The children of the supervisor with this name, but for its worker: pids."""
        found, own = [], self.supervisor.pids
        for parent in own:
            for pid in map(int, pathlib.Path(f'/proc/{parent}/task/{parent}/children').read_text().split()):
                try:
                    if pid not in own and pathlib.Path(f'/proc/{pid}/comm').read_text().strip() == name:
                        found.append(pid)
                except OSError:
                    pass
        return found

    def launchers(self):
        """Those that may come to harm: of a worker's one must stay, for only a launcher can start another."""
        found = sorted(self.children('baton-launcher'), key=start_time)
        return found[1:] if self.facts.supervisor_user else found

    def process(self, pid, program):
        return Process(pid, str(self.work / program))

    def processor_seconds(self):
        """What the supervisor has used."""
        fields = [stat(pid) for pid in self.supervisor.pids]
        return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf('SC_CLK_TCK')

    def note_killed(self, pid):
        with self.lock:
            self.killed[pid].append(time.time())

    def survivors(self):
        """The pids of what runs a program of the place."""
        found = []
        for entry in pathlib.Path('/proc').iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / 'exe').startswith(f'{self.work}/'):
                    found.append(int(entry.name))
            except OSError:
                pass
        return found


class Archivist(threading.Thread):
    """Moves the log away from the small disk, as logrotate does: `logs/000000` and so on, which make one file."""

    def __init__(self, place):
        super().__init__(daemon=True)
        self.place, self.over, self.rotations = place, threading.Event(), 0
        self.path = place.work / 'disk/log'

    def run(self):
        while not self.over.wait(0.5):
            if self.path.exists() and self.path.stat().st_size > LOG_BYTES:
                self.rotate()

    def rotate(self):
        moved = self.path.with_name('moved')
        self.path.rename(moved)
        os.kill(self.place.supervisor.pid, signal.SIGUSR1)
        # Until it has opened the new one it goes on with the old one, and it may be stopped or have no descriptors.
        while not self.path.exists() and self.place.supervisor.process.poll() is None:
            time.sleep(0.02)
        self.keep(moved)

    def keep(self, path):
        if path.exists():
            shutil.move(path, self.place.work / f'logs/{self.rotations:06}')
            self.rotations += 1

    def end(self):
        """After the end of the supervisor."""
        self.over.set()
        if self.is_alive():
            self.join()
        self.keep(self.path)
