#!/usr/bin/python3
"""What a relay costs: Baton's redirect beside socat and xinetd, where they are installed.

For each: new connections one after another (connect, one byte there and back, close), bytes in one direction, and what
500 quiet relays hold. `direct` is without a relay. Run it on a quiet machine, after `make build`.
"""
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QUIET = 500


def serve(listener):
    """The target, a process of its own: answers a byte with a byte, or many bytes with one."""
    def talk(connection):
        with connection:
            first = connection.recv(1)
            if first == b"1":
                connection.sendall(b"1")
                connection.recv(1)
            elif first == b"n":
                buffer, left = bytearray(1 << 20), int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
                while left > 0 and (got := connection.recv_into(buffer)):
                    left -= got
                connection.sendall(b"n")
    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def listening():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    return listener, listener.getsockname()[1]


def free_port():
    listener, port = listening()
    listener.close()
    return port


def connect(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise


def exchange(port):
    with connect(port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"1")
        assert client.recv(1) == b"1"


def connections(port, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        exchange(port)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6, count / sum(times)


def throughput(port, megabytes):
    block = bytes(1 << 20)
    with connect(port) as client:
        start = time.perf_counter()
        client.sendall(b"n" + (megabytes << 20).to_bytes(8, "big"))
        for _ in range(megabytes):
            client.sendall(block)
        # No shutdown: xinetd takes the end of one way for the end of both.
        assert client.recv(1) == b"n"
        return megabytes / (time.perf_counter() - start)


def family(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid] + [one for child in children for one in family(int(child))]


def processor(pids):
    total = 0
    for pid in pids:
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            total += sum(int(fields[index]) for index in (11, 12, 13, 14))
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def memory(pids):
    total = 0
    for pid in pids:
        try:
            for line in open(f"/proc/{pid}/smaps_rollup"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


def quiet(port, pid):
    before = memory(family(pid))
    clients = [connect(port) for _ in range(QUIET)]
    for client in clients:
        client.sendall(b"1")
    for client in clients:
        assert client.recv(1) == b"1"
    pids = family(pid)
    held = memory(pids) - before
    for client in clients:
        client.close()
    return len(pids), held


def baton(directory, target):
    port = free_port()
    table = os.path.join(directory, "baton.yaml")
    with open(table, "w") as file:
        file.write(f"services: {{r: {{listen: '127.0.0.1:{port}', redirect: '127.0.0.1:{target}', "
                   "instances: unlimited, per_source: unlimited}}\n")
    program = os.path.join(ROOT, ".build/release/baton")
    return [program, "run", "--log-level", "warning", "--runtime-directory", directory + "/run", table], port


def socat(directory, target):
    port = free_port()
    listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=1024"
    return ["socat", listen, f"TCP:127.0.0.1:{target},nodelay"], port


def xinetd(directory, target):
    port = free_port()
    table = os.path.join(directory, "xinetd.conf")
    with open(table, "w") as file:
        file.write(f"""service relay
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    bind = 127.0.0.1
    port = {port}
    redirect = 127.0.0.1 {target}
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = 1000000 1
}}
""")
    return ["xinetd", "-dontfork", "-f", table, "-pidfile", directory + "/xinetd.pid"], port


def measure(name, port, pid, rounds):
    connections(port, 50)
    before = processor(family(pid)) if pid else 0
    median, rate = connections(port, rounds)
    cost = (processor(family(pid)) - before) / rounds * 1e6 if pid else 0
    speed = max(throughput(port, 1024) for _ in range(3))
    processes, held = quiet(port, pid) if pid else (0, 0)
    print(f"{name:8} {median:8.0f} us {rate:8.0f}/s {cost:8.0f} us CPU {speed:8.0f} MiB/s"
          f" {processes:6} processes {held:8} KiB for {QUIET} quiet", flush=True)


def main():
    listener, target = listening()
    server = os.fork()
    if server == 0:
        serve(listener)
    listener.close()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    try:
        measure("direct", target, None, rounds)
        for make in (baton, socat, xinetd):
            with tempfile.TemporaryDirectory() as directory:
                command, port = make(directory, target)
                if not shutil.which(command[0]):
                    print(f"{make.__name__:8} is not here")
                    continue
                with open(os.devnull, "w") as null:
                    process = subprocess.Popen(command, stdout=null, stderr=null, start_new_session=True)
                try:
                    exchange(port)
                    measure(make.__name__, port, process.pid, rounds)
                finally:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait()
    finally:
        os.kill(server, signal.SIGKILL)


if __name__ == "__main__":
    main()
