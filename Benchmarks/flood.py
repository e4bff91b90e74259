#!/usr/bin/python3
"""A flood of refused sources, and an allowed client among them.

Usage: Benchmarks/flood.py [PROGRAMS]   (the directory of batond and baton; .build/release)
"""
import json
import multiprocessing
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SOURCES = 10_000
TABLE = """
services:
  echo:
    listen: "127.0.0.1:0"
    internal: echo
    only_from: [127.0.0.1]
    rate_per_source: 10000/s
"""


def connect(source, address):
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    client.bind((source, 0))
    client.settimeout(30)
    client.connect(address)
    return client


def flood(address, first, last):
    for number in range(first, last):
        connect(f'127.{1 + number // 65025}.{number // 255 % 255}.{number % 255 + 1}', address).close()


def ask(address):
    begin = time.perf_counter()
    with connect('127.0.0.1', address) as client:
        client.sendall(b'x')
        assert client.recv(1) == b'x'
    return (time.perf_counter() - begin) * 1e6


def anonymous(pid):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('RssAnon'):
            return int(line.split()[1])


def processor(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def show(name, times):
    times.sort()
    print(f'{name}: {len(times)} answers, median {statistics.median(times):.0f} us, '
          f'99 % below {times[len(times) * 99 // 100]:.0f} us, longest {times[-1]:.0f} us')


def main():
    """Measures the allowed client's answers, first alone, then while the flood comes."""
    programs = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.build/release').resolve()
    with tempfile.TemporaryDirectory() as work:
        table = pathlib.Path(work, 'baton.yaml')
        table.write_text(TABLE)
        table.chmod(0o600)
        ready, theirs = os.pipe()
        supervisor = subprocess.Popen(
            [programs / 'baton', 'run', '--runtime-directory', f'{work}/run', '--ready-fd', str(theirs), table],
            pass_fds=[theirs], stderr=open(f'{work}/log', 'w'))
        os.close(theirs)
        os.read(ready, 1)

        def status():
            return json.loads(subprocess.check_output(
                [programs / 'baton', 'status', '--json', '--runtime-directory', f'{work}/run']))['services'][0]

        host, port = status()['listeners'][0]['address'].rsplit(':', 1)
        address = (host, int(port))
        show('quiet', [ask(address) for _ in range(2000)])
        before, time_before = anonymous(supervisor.pid), processor(supervisor.pid)
        begin = time.monotonic()
        worker = multiprocessing.Process(target=flood, args=(address, 0, SOURCES))
        worker.start()
        times = []
        while worker.is_alive():
            times.append(ask(address))
        took = time.monotonic() - begin
        show('flood', times)
        counts = status()['connections']
        print(f'{SOURCES} sources in {took:.1f} s; refused {counts["refused"]}, ended {counts["ended"]}; '
              f'supervisor: {processor(supervisor.pid) - time_before:.2f} s of processor time, '
              f'anonymous memory {before} KiB, then {anonymous(supervisor.pid)} KiB; '
              f'{len(pathlib.Path(work, "log").read_text().splitlines())} lines of log')
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()


main()
