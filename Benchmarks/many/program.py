"""The supervisor, what it costs, and how long its loop is held."""
import atexit
import json
import mmap
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time


class Program:
    """`baton run`, ready, with its rounds measured."""

    def __init__(self, products, programs, work, table):
        self.runtime, self.log = f'{work}/run', f'{work}/log'
        rounds = pathlib.Path(work, 'rounds')
        rounds.write_bytes(bytes(8))
        with rounds.open('r+b') as file:
            self.rounds = mmap.mmap(file.fileno(), 8)
        ready, theirs = os.pipe()
        begin = time.monotonic()
        # The supervisor alone: what it starts inherits nothing of its environment.
        environment = os.environ | {'BATON_ROUNDS': str(rounds), 'LD_PRELOAD': str(programs / 'rounds.so')}
        self.process = subprocess.Popen(
            [products / 'baton', 'run', '--runtime-directory', self.runtime, '--ready-fd', str(theirs), table],
            pass_fds=[theirs], stderr=open(self.log, 'wb'), env=environment)
        atexit.register(self.process.kill)
        os.close(theirs)
        if os.read(ready, 1) != b'\n':
            sys.exit(f'not ready: {pathlib.Path(self.log).read_text()[-2000:]}')
        self.seconds_to_ready = time.monotonic() - begin
        os.close(ready)
        self.pid = self.process.pid

    def held_ms(self, action):
        """What `action` answers, and the longest round of the loop meanwhile."""
        self.rounds[:8] = bytes(8)
        result = action()
        # The answer is written in a round that is not over yet.
        time.sleep(0.1)
        return result, struct.unpack('Q', self.rounds[:8])[0] / 1e6

    def ask(self, method, **parameters):
        """The result, and the seconds to its last byte."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f'{self.runtime}/control.sock')
            begin = time.monotonic()
            client.sendall(json.dumps({'method': method, 'params': parameters}).encode() + b'\n')
            line = bytearray()
            while not line.endswith(b'\n'):
                part = client.recv(1 << 20)
                if not part:
                    sys.exit(f'{method} was not answered')
                line += part
            seconds = time.monotonic() - begin
        reply = json.loads(line)
        if 'result' not in reply:
            sys.exit(f'{method}: {reply}')
        return reply['result'], seconds

    def service(self, name):
        return self.ask('status', services=[name])[0]['services'][0]

    def port(self, name):
        return int(self.service(name)['listeners'][0]['address'].rsplit(':', 1)[1])

    def wait_until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                sys.exit(f'waited too long; {pathlib.Path(self.log).read_text()[-2000:]}')
            time.sleep(0.02)

    def cpu_us(self):
        """Of the supervisor's one thread (schedstat counts in nanoseconds)."""
        return int(pathlib.Path(f'/proc/{self.pid}/schedstat').read_text().split()[0]) / 1000

    def figure(self, key):
        for line in pathlib.Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith(key + ':'):
                return int(line.split()[1])
        raise KeyError(key)

    def memory_kb(self):
        return self.figure('RssAnon')

    def processes(self, name):
        """Its children of this name (15 characters at most)."""
        count = 0
        for entry in os.scandir('/proc'):
            try:
                found, fields = pathlib.Path(entry, 'stat').read_text().split('(', 1)[1].rsplit(')', 1)
            except (OSError, IndexError):
                continue
            count += found == name and int(fields.split()[1]) == self.pid
        return count

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def stop(self):
        self.process.terminate()
        if self.process.wait(120) != 0:
            sys.exit(f'ended with status {self.process.returncode}')
