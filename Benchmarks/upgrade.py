#!/usr/bin/python3
"""Upgrades under load: Benchmarks/upgrade.py [PRODUCTS [UPGRADES]], default .build/release and 100.

Clients of an exec, a handoff, a redirect and an internal service ask and read their answers as fast as they can, in
new connections and in ones that last, while the supervisor becomes another program again and again: one by one the
same program in a new file, and every tenth time one that cannot take over. Fails when a client went without its
answer, when the pid or a listener's inode is another, or when the counters do not add up.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = """
services:
  exec: {{listen: "127.0.0.1:0", exec: /bin/cat, instances: 64}}
  app: {{listen: "127.0.0.1:0", handoff: {{exec: [{products}/baton-example-handler], handlers: 2}}}}
  echo: {{listen: "127.0.0.1:0", internal: echo}}
  relay: {{listen: "127.0.0.1:0", redirect: "@baton-upgrade-{pid}"}}
  target: {{listen: "@baton-upgrade-{pid}", internal: echo, per_source: unlimited}}
defaults: {{per_source: unlimited}}
"""
BROKEN = ['#!/bin/sh\nexit 1\n', '#!/bin/sh\nexit 0\n', '#!/bin/sh\nkill -9 $$\n']


class Load:
    """What clients ask and are answered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.answers = dict.fromkeys(['exec', 'app', 'echo', 'relay', 'lasting'], 0)
        self.failures = []
        self.over = False

    def count(self, kind, failure=None):
        with self.lock:
            self.answers[kind] += failure is None
            if failure:
                self.failures.append(f'{kind}: {failure}')

    def short(self, kind, address):
        number = 0
        while not self.over:
            number += 1
            word = f'{kind} {number}\n'.encode()
            try:
                with socket.create_connection(address, timeout=30) as connection:
                    connection.sendall(word)
                    answer = connection.makefile('rb').readline()
                self.count(kind, None if answer.endswith(word) else f'{word} was answered with {answer}')
            except OSError as error:
                self.count(kind, str(error))

    def lasting(self, kind, address):
        """One connection for as long as it takes."""
        number = 0
        try:
            with socket.create_connection(address, timeout=30) as connection:
                answers = connection.makefile('rb')
                while not self.over:
                    number += 1
                    word = f'{kind} {number} '.encode() + b'x' * (number * 37 % 9000) + b'\n'
                    connection.sendall(word)
                    if answers.readline() != word:
                        return self.count('lasting', f'{kind}: exchange {number} is not what was sent')
                    self.count('lasting')
        except OSError as error:
            self.count('lasting', f'{kind}: exchange {number}: {error}')


class Supervisor:
    def __init__(self, place, products):
        self.place = place
        for name in ('baton', 'batond', 'baton-example-handler'):
            shutil.copy(products / name, place / name)
        table = place / 'baton.yaml'
        table.write_text(TABLE.format(products=place, pid=os.getpid()))
        ready, report = os.pipe()
        self.process = subprocess.Popen(
            [place / 'baton', 'run', '--ready-fd', str(report), '--runtime-directory', place / 'run', table],
            pass_fds=[report], stderr=open(place / 'log', 'w'))
        os.close(report)
        if os.read(ready, 1) != b'\n':
            sys.exit((place / 'log').read_text())
        os.close(ready)

    def baton(self, *arguments):
        return subprocess.run(
            [self.place / 'baton', *arguments, '--runtime-directory', self.place / 'run'], capture_output=True,
            text=True, check=False)

    def status(self):
        return json.loads(self.baton('status', '--json').stdout)

    def sockets(self):
        """The inode numbers of what it listens on."""
        links = pathlib.Path(f'/proc/{self.process.pid}/fd')
        mine = set()
        for link in links.iterdir():
            try:
                mine.add(os.readlink(link))
            except FileNotFoundError:
                pass
        listening = set()
        for line in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == '0A' and f'socket:[{fields[9]}]' in mine:
                listening.add(fields[9])
        return listening

    def put_on_disk(self, content=None):
        new = self.place / 'new'
        if content:
            new.write_text(content)
            new.chmod(0o755)
        else:
            shutil.copy(self.place / 'kept', new)
        new.rename(self.place / 'batond')


def main():
    products = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / '.build/release').resolve()
    upgrades = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as directory:
        supervisor = Supervisor(pathlib.Path(directory), products)
        shutil.copy(products / 'batond', supervisor.place / 'kept')
        addresses = {}
        for service in supervisor.status()['services']:
            host, _, port = service['listeners'][0]['address'].rpartition(':')
            if port.isdigit():
                addresses[service['name']] = (host, int(port))
        load = Load()
        tasks = [(load.short, item) for item in addresses.items() for _ in range(2)]
        tasks += [(load.lasting, (name, addresses[name])) for name in ('exec', 'echo', 'relay')]
        threads = [threading.Thread(target=task, args=arguments, daemon=True) for task, arguments in tasks]
        for thread in threads:
            thread.start()
        while not all(load.answers.values()):
            time.sleep(0.01)
        sockets = supervisor.sockets()
        times, wrong = [], []
        for number in range(1, upgrades + 1):
            broken = number % 10 == 0
            supervisor.put_on_disk(BROKEN[number // 10 % len(BROKEN)] if broken else None)
            begun = time.monotonic()
            output = supervisor.baton('upgrade')
            if (output.returncode != 0) != broken:
                wrong.append(f'upgrade {number}: {output}')
            if not broken:
                times.append(time.monotonic() - begun)
        load.over = True
        for thread in threads:
            thread.join()
        while any(service['connections']['active'] for service in supervisor.status()['services']):
            time.sleep(0.05)
        status = supervisor.status()
        for service in status['services']:
            counters = service['connections']
            parts = sum(counters[part] for part in ('active', 'queued', 'ended', 'cut', 'abandoned', 'lost'))
            if counters['accepted'] != parts + sum(counters['refused'].values()) or counters['lost'] or counters['cut']:
                wrong.append(f"{service['name']}: {counters}")
        if status['pid'] != supervisor.process.pid:
            wrong.append('the pid is another')
        if supervisor.sockets() != sockets:
            wrong.append('a listener is another socket')
        times.sort()
        print(f"{upgrades} upgrades, every tenth of a program that cannot; baton upgrade took "
              f"{times[len(times) // 2] * 1000:.0f} ms (median), {times[-1] * 1000:.0f} ms at most")
        print('answers: ' + ', '.join(f'{name} {count}' for name, count in load.answers.items())
              + f'; without: {len(load.failures)}')
        supervisor.baton('stop')
        supervisor.process.wait(30)
        for line in load.failures[:10] + wrong:
            print(line)
        sys.exit(1 if load.failures or wrong else 0)


if __name__ == '__main__':
    main()
