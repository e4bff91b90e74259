#!/usr/bin/python3
"""How many instructions of its own batond spends on a connection: Benchmarks/instructions.py [--record]

Runs the release build under callgrind, for each way once with few connections and once with many: the difference for
each connection has neither the start nor the end in it. What the kernel, the launchers and the handlers do does not
count. batond is stopped until all that come at once have come, so that it finds the same work each time.

Fails when a way takes a tenth more than instructions.json says, or when a connection is not answered. A change that is
meant to cost more, or that costs less for good, writes the new figures there: --record.
"""
import json
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / '.build/bench'
RECORD = pathlib.Path(__file__).with_suffix('.json')
FEW, MANY = 208, 1216
# Runs of the same program were seen to differ by up to 3 %; by 8 % to either side where many come at once and their
# handler answers when it likes. So a way that takes too many is measured again, and the least counts.
MARGIN = 0.10
ATTEMPTS = 3
PATIENCE = 30
QUESTION = b'What is the answer to all of it?'

SERVICES = {
    'handoff': 'handoff: {{exec: [{bench}/answer, "0"]}}, per_source: unlimited',
    'exec': 'exec: [{bench}/answer-inetd-static], per_source: unlimited, instances: unlimited',
    'refused': 'exec: [/bin/false], only_from: [192.0.2.1]',
}
# The service, connections at once, and the level of the log.
WAYS = {
    'handoff': ('handoff', 1, 'error'),
    'handoff, 16 at once': ('handoff', 16, 'error'),
    'handoff, its end logged': ('handoff', 1, 'info'),
    'exec': ('exec', 1, 'error'),
    'exec, 16 at once': ('exec', 16, 'error'),
    # One at a time, it depends on the client's speed whether its end is there when it is looked for.
    'refused, 16 at once': ('refused', 16, 'error'),
}


class Supervisor:
    """batond under callgrind, with one service."""

    def __init__(self, program, service, level, directory):
        table = pathlib.Path(directory, 'baton.yaml')
        table.write_text(
            f'services: {{measured: {{listen: "127.0.0.1:0", {SERVICES[service].format(bench=BENCH)}}}}}\n')
        table.chmod(0o644)
        self.runtime, self.log = pathlib.Path(directory, 'run'), pathlib.Path(directory, 'log')
        self.profile = pathlib.Path(directory, 'callgrind')
        ready, theirs = os.pipe()
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                ['valgrind', '--tool=callgrind', f'--callgrind-out-file={self.profile}',
                 # What own_program.c does about it is not batond's.
                 '--toggle-collect=clone', '--collect-atstart=yes',
                 program, 'run', '--log-level', level, '--runtime-directory', self.runtime, '--ready-fd', str(theirs),
                 table],
                env={**os.environ, 'LD_PRELOAD': str(BENCH / 'own_program.so'), 'BATON_OWN_PROGRAM': str(program)},
                pass_fds=[theirs], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(theirs)
        with open(ready, 'rb') as ready:
            if ready.read(1) != b'\n':
                self.kill()
                sys.exit(f'batond does not start under callgrind:\n{self.log.read_text()}')

    def address(self):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.runtime / 'control.sock'))
            control.sendall(b'{"method": "status"}\n')
            report = json.loads(control.makefile().readline())['result']
        host, port = report['services'][0]['listeners'][0]['address'].rsplit(':', 1)
        return host, int(port)

    def end(self):
        """The instructions of its whole life."""
        self.process.terminate()
        if self.process.wait(PATIENCE) != 0:
            sys.exit(f'batond ended with status {self.process.returncode}:\n{self.log.read_text()}')
        return int(re.search(r'^totals: (\d+)', self.profile.read_text(), re.MULTILINE).group(1))

    def kill(self):
        self.process.kill()
        self.process.wait()


def ask(address):
    client = socket.create_connection(address, PATIENCE)
    client.sendall(QUESTION)
    return client


def answer(client):
    """All that comes until the end, which is a reset where the question was not read."""
    text = b''
    with client:
        try:
            while part := client.recv(4096):
                text += part
        except ConnectionResetError:
            pass
    return text


def load(supervisor, count, at_once, expected):
    address = supervisor.address()
    for _ in range(count // at_once):
        supervisor.process.send_signal(signal.SIGSTOP)
        clients = [ask(address) for _ in range(at_once)]
        supervisor.process.send_signal(signal.SIGCONT)
        if any([answer(client) != expected for client in clients]):
            sys.exit('a connection was not answered as it should be')


def life(program, service, at_once, level, count):
    """The instructions of a supervisor that had so many connections."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        supervisor = Supervisor(program, service, level, directory)
        try:
            load(supervisor, count, at_once, b'' if service == 'refused' else 2 * QUESTION)
            return supervisor.end()
        finally:
            supervisor.kill()


def measure(recorded):
    """Way → instructions for each connection."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        # valgrind 3.19 cannot read the debugging information that Swift writes.
        program = pathlib.Path(directory, 'batond')
        subprocess.run(['strip', '--strip-debug', '-o', program, ROOT / '.build/release/batond'], check=True)
        return {name: least(program, way, recorded.get(name)) for name, way in WAYS.items()}


def least(program, way, allowed):
    """Of so many attempts as are needed to be fine."""
    counts = []
    while len(counts) < ATTEMPTS:
        counts.append(round((life(program, *way, MANY) - life(program, *way, FEW)) / (MANY - FEW)))
        if verdict(counts[-1], allowed) != 'TOO MANY':
            break
    return min(counts)


def verdict(count, allowed):
    if allowed is None:
        return 'not recorded'
    if count > allowed * (1 + MARGIN):
        return 'TOO MANY'
    return 'ok' if count >= allowed * (1 - MARGIN) else 'ok, and fewer: worth recording'


def judge(found, recorded):
    """Prints it; whether nothing costs too much."""
    verdicts = {name: verdict(count, recorded.get(name)) for name, count in found.items()}
    print(f'{"instructions of batond for each connection":44}{"now":>8}{"recorded":>10}')
    for name, count in found.items():
        print(f'{name:44}{count:8}{recorded.get(name, "-"):>10}  {verdicts[name]}')
    return 'TOO MANY' not in verdicts.values()


def main():
    if sys.argv[1:] not in ([], ['--record']):
        sys.exit(__doc__)
    subprocess.run(['make', '-s', '-C', ROOT / 'Benchmarks', f'BUILD={BENCH}'], check=True)
    # Another kind of processor has other instructions.
    record, machine = json.loads(RECORD.read_text()), platform.machine()
    recorded = record.get(machine, {})
    found = measure(recorded)
    is_fine = judge(found, recorded)
    if sys.argv[1:]:
        RECORD.write_text(json.dumps({**record, machine: found}, indent=2) + '\n')
    elif not is_fine:
        sys.exit('Is it meant? Then: make build && Benchmarks/instructions.py --record')


if __name__ == '__main__':
    main()
