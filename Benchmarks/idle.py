#!/usr/bin/python3
"""What an idle supervisor costs: Benchmarks/idle.py [PRODUCTS], default .build/release.

Starts `baton run` ten times with a table of every kind of service and prints, as medians, the time until
it is ready and what it then holds in memory. Fails when a limit of the project is exceeded: ready in
50 ms, 8 MB resident, 1.5 MB of it anonymous (the launcher apart), and no wake-up in five seconds.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

TABLE = """
services:
  cat: {listen: "127.0.0.1:0", exec: [/bin/cat]}
  wait: {listen: "udp://127.0.0.1:0", wait: true, exec: [/bin/cat]}
  app: {listen: ["127.0.0.1:0", app.sock], handoff: {exec: [/bin/cat]}}
  echo: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: echo}
  chargen: {listen: ["127.0.0.1:0", "udp://127.0.0.1:0"], internal: chargen}
"""
RUNS = 10
LIMITS = {'ready_ms': 50, 'rss_kb': 8192, 'anonymous_kb': 1536, 'wakeups': 0}


def status(pid, key):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1])
    raise KeyError(key)


def measure(baton, directory, watch):
    """One start: what it took and holds; with `watch`, also its wake-ups in five seconds."""
    table = os.path.join(directory, 'baton.yaml')
    pathlib.Path(table).write_text(TABLE.replace('app.sock', directory + '/app.sock'))
    os.chmod(table, 0o644)
    read, write = os.pipe()
    begin = time.monotonic()
    process = subprocess.Popen(
        [baton, 'run', '--ready-fd', str(write), '--runtime-directory', directory + '/run', table],
        pass_fds=[write], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    if os.read(read, 1) != b'\n':
        sys.exit(f'not ready: status {process.wait()}')
    result = {'ready_ms': (time.monotonic() - begin) * 1000}
    os.close(read)
    time.sleep(0.3)
    before = status(process.pid, 'voluntary_ctxt_switches')
    if watch:
        time.sleep(5)
        result['wakeups'] = status(process.pid, 'voluntary_ctxt_switches') - before
    result['rss_kb'] = status(process.pid, 'VmRSS')
    result['anonymous_kb'] = status(process.pid, 'RssAnon')
    process.terminate()
    if process.wait(30) != 0:
        sys.exit(f'ended with status {process.returncode}')
    return result


def main():
    baton = os.path.join(sys.argv[1] if len(sys.argv) > 1 else '.build/release', 'baton')
    results = []
    for run in range(RUNS):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            results.append(measure(baton, directory, watch=run == 0))
    failed = False
    for key, limit in LIMITS.items():
        value = statistics.median(result[key] for result in results if key in result)
        failed |= value > limit
        print(f'{key:14} {value:8.1f}   limit {limit}{"   EXCEEDED" if value > limit else ""}')
    sys.exit(failed)


if __name__ == '__main__':
    main()
