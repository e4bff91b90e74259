#!/usr/bin/python3
"""A kill storm: Benchmarks/storm.py [PRODUCTS [SECONDS]], default .build/release and 20.

Runs the persistent handlers in Swift, C and Python, one after another. Eight clients connect, ask and read
their answer as fast as they can, while every 400 ms the handler gets SIGKILL. Prints what became of the
connections; fails when one was lost, when the counters do not add up, or when more clients went without
an answer than connections were cut (their handler died after it had taken them).
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = """
services:
  swift: {{listen: "127.0.0.1:0", handoff: {{exec: [{products}/baton-example-handler]}}}}
  c: {{listen: "127.0.0.1:0", handoff: {{exec: [{work}/echo]}}}}
  python:
    listen: "127.0.0.1:0"
    handoff: {{exec: [/usr/bin/python3, {root}/examples/persistent-handlers/python/echo.py]}}
"""
CLIENTS = 8
INTERVAL = 0.4


class Storm:
    def __init__(self, baton, directory, service):
        self.command = [baton, 'status', '--json', '--runtime-directory', directory, service]
        self.answered = self.unanswered = self.kills = 0
        self.lock = threading.Lock()

    def status(self):
        return json.loads(subprocess.run(self.command, capture_output=True, check=False).stdout)['services'][0]

    def client(self, address, until):
        while time.monotonic() < until:
            try:
                with socket.create_connection(address, timeout=30) as connection:
                    connection.sendall(b'x\n')
                    answered = bool(connection.recv(200))
            except OSError:
                answered = False
            with self.lock:
                self.answered += answered
                self.unanswered += not answered

    def run(self, seconds):
        host, port = self.status()['listeners'][0]['address'].rsplit(':', 1)
        until = time.monotonic() + seconds
        clients = [threading.Thread(target=self.client, args=((host, int(port)), until)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        while time.monotonic() < until:
            time.sleep(INTERVAL)
            for handler in self.status()['handlers']:
                try:
                    os.kill(handler['pid'], signal.SIGKILL)
                    self.kills += 1
                except ProcessLookupError:
                    pass
        for client in clients:
            client.join()
        while (counters := self.status()['connections'])['active'] or counters['queued']:
            time.sleep(0.1)
        return counters


def main():
    products = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / '.build/release').resolve()
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    sound = True
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(['make', '-s', '-C', ROOT / 'examples/persistent-handlers/c', f"BUILD={directory}"], check=True)
        table = pathlib.Path(directory, 'baton.yaml')
        table.write_text(TABLE.format(products=products, work=directory, root=ROOT))
        table.chmod(0o644)
        read, write = os.pipe()
        supervisor = subprocess.Popen(
            [products / 'baton', 'run', '--log-level', 'error', '--runtime-directory', directory + '/run',
             '--ready-fd', str(write), table], pass_fds=[write])
        os.close(write)
        os.read(read, 1)
        try:
            for service in ['swift', 'c', 'python']:
                storm = Storm(products / 'baton', directory + '/run', service)
                counters = storm.run(seconds)
                print(f"{service:7} kills {storm.kills}, answered {storm.answered}, unanswered {storm.unanswered}, "
                      f"requeued {counters['requeued']}, cut {counters['cut']}, lost {counters['lost']}")
                total = counters['ended'] + counters['cut'] + counters['abandoned'] + sum(counters['refused'].values())
                sound &= counters['lost'] == 0 and counters['accepted'] == total
                sound &= storm.unanswered <= counters['cut'] + sum(counters['refused'].values())
        finally:
            supervisor.terminate()
            supervisor.wait()
    sys.exit(0 if sound else 1)


main()
