#!/usr/bin/python3
"""What an idle supervisor costs: Benchmarks/idle.py [PRODUCTS], default .build/release.

Starts `baton run` ten times with a table of every kind of service and prints, as medians, the time until
it is ready and what it then holds in memory. Fails when a limit of the project is exceeded: ready in
20 ms, 6 MB resident, 1 MB of it anonymous (the launchers apart), and no wake-up in five seconds.
xinetd with services of the same kinds stands beside where it is installed, started in turn with it.
"""
import os
import pathlib
import pwd
import shutil
import socket
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
XINETD = """
service {name}
{{
    type = {type} UNLISTED
    id = {name}-{protocol}
    socket_type = {socket_type}
    protocol = {protocol}
    wait = {wait}
    user = {user}
    bind = 127.0.0.1
    port = {port}
    {server}
}}
"""
RUNS = 10
LIMITS = {'ready_ms': 20, 'rss_kb': 6144, 'anonymous_kb': 1024, 'wakeups': 0}


def status(pid, key):
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1])
    raise KeyError(key)


def memory(pid):
    return {'rss_kb': status(pid, 'VmRSS'), 'anonymous_kb': status(pid, 'RssAnon')}


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
    result |= memory(process.pid)
    process.terminate()
    if process.wait(30) != 0:
        sys.exit(f'ended with status {process.returncode}')
    return result


def free_port(kind):
    with socket.socket(type=kind) as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def xinetd_service(name, protocol, server, wait='no'):
    kind = socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM
    port = free_port(kind)
    return port, XINETD.format(
        name=name, protocol=protocol, port=port, wait=wait, user=pwd.getpwuid(os.geteuid()).pw_name,
        socket_type='stream' if protocol == 'tcp' else 'dgram',
        type='' if server else 'INTERNAL', server=f'server = {server}' if server else '')


def measure_xinetd(program, directory):
    services = [
        xinetd_service('wait', 'udp', '/bin/cat', 'yes'), xinetd_service('app', 'tcp', '/bin/cat'),
        *(xinetd_service(name, protocol, None, wait) for name in ('echo', 'chargen')
          for protocol, wait in (('udp', 'yes'), ('tcp', 'no'))),
        xinetd_service('cat', 'tcp', '/bin/cat')]
    table = pathlib.Path(directory, 'xinetd.conf')
    table.write_text(''.join(text for _, text in services))
    begin = time.monotonic()
    process = subprocess.Popen(
        [program, '-dontfork', '-f', table, '-pidfile', f'{directory}/pid'], stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    # It says nothing when it is ready: the last service listens then.
    listening = f':{services[-1][0]:04X} 00000000:0000 0A'
    while listening not in pathlib.Path('/proc/net/tcp').read_text():
        if process.poll() is not None:
            sys.exit(f'xinetd ended with status {process.returncode}')
    result = {'ready_ms': (time.monotonic() - begin) * 1000}
    time.sleep(0.3)
    result |= memory(process.pid)
    process.terminate()
    process.wait(30)
    return result


def median(results, key):
    return statistics.median(result[key] for result in results if key in result)


def main():
    baton = os.path.join(sys.argv[1] if len(sys.argv) > 1 else '.build/release', 'baton')
    xinetd = shutil.which('xinetd', path=os.environ.get('PATH', '') + ':/usr/sbin')
    results, peers = [], []
    for run in range(RUNS):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            results.append(measure(baton, directory, watch=run == 0))
            if xinetd:
                peers.append(measure_xinetd(xinetd, directory))
    failed = False
    for key, limit in LIMITS.items():
        value = median(results, key)
        failed |= value > limit
        beside = f'   xinetd {median(peers, key):8.1f}' if peers and key in peers[0] else ''
        print(f'{key:14} {value:8.1f}   limit {limit:5}{beside}{"   EXCEEDED" if value > limit else ""}')
    sys.exit(failed)


if __name__ == '__main__':
    main()
