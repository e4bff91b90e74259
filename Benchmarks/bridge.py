#!/usr/bin/env python3
"""What drained bytes cost a program that is started for the connection.

A handler passes connections to an exec service: without drained bytes the
program gets the socket itself, with them one end of a socketpair whose other
end Baton relays. Time from PASS to the program's whole answer, and how fast
it then sends.

    Benchmarks/bridge.py [ROUNDS]
"""

import array
import os
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATON = os.path.join(REPOSITORY, ".build/release/baton")
MEBIBYTES = 256
HEADER = struct.Struct("=IHHQ")


def message(kind, number, body=b""):
    return HEADER.pack(16 + len(body), kind, 0, number) + body


class Front:
    """The handler that passes connections on."""

    def __init__(self, directory):
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.connect(os.path.join(directory, "register.sock"))
        self.channel.send(message(1, 0, struct.pack("=HHI", 1, 0, 0) + b"front"))
        self.channel.recv(65536)  # WELCOME
        self.number = 1 << 63

    def give(self, service, drained, connection):
        """Passes a connection from elsewhere, as it is."""
        self.number += 1
        name = service.encode()
        body = struct.pack("=HHI", len(name), 0, len(drained)) + name + drained
        rights = array.array("i", [connection.fileno()])
        self.channel.sendmsg(
            [message(5, self.number, body)],
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)],
        )
        _, kind, flags, _ = HEADER.unpack_from(self.channel.recv(65536))
        if (kind, flags) != (21, 0):
            sys.exit(f"{service}: not taken ({kind}, {flags})")
        connection.close()


def pair(listener):
    """The two ends of a TCP connection over loopback."""
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]


def answer_time(front, listener, drained):
    """Seconds from PASS to the end of what `head -c 16` answers."""
    client, accepted = pair(listener)
    rest = b"x" * (16 - len(drained))
    client.sendall(rest)
    begin = time.perf_counter()
    front.give("short", drained, accepted)
    answer = b""
    while True:
        part = client.recv(4096)
        if not part:
            break
        answer += part
    took = time.perf_counter() - begin
    client.close()
    if answer != drained + rest:
        sys.exit(f"wrong answer: {answer!r}")
    return took


def throughput(front, listener, drained):
    """MiB/s of a program that sends."""
    client, accepted = pair(listener)
    begin = time.perf_counter()
    front.give("long", drained, accepted)
    left = MEBIBYTES << 20
    while left:
        left -= len(client.recv(1 << 20)) or sys.exit("cut short")
    took = time.perf_counter() - begin
    client.close()
    return MEBIBYTES / took


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as directory:
        run = os.path.join(directory, "run")
        table = os.path.join(directory, "baton.yaml")
        with open(table, "w", encoding="utf-8") as file:
            file.write(
                f"""
runtime_directory: {run}
services:
  front: {{handoff: {{heartbeat: false, pass_to: [short, long]}}, listen: "127.0.0.1:0"}}
  short: {{exec: [head, -c, "16"]}}
  long: {{exec: [head, -c, "{MEBIBYTES << 20}", /dev/zero]}}
"""
            )
        ready, theirs = os.pipe()
        baton = subprocess.Popen(
            [BATON, "run", "--ready-fd", str(theirs), table],
            pass_fds=[theirs],
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.read(ready, 1)
        try:
            front = Front(run)
            listener = socket.create_server(("127.0.0.1", 0))
            times = {b"": [], b"drained:": []}
            for _ in range(rounds):
                for drained, found in times.items():
                    found.append(answer_time(front, listener, drained))
            speeds = {b"": [], b"drained:": []}
            for _ in range(5):
                for drained, found in speeds.items():
                    found.append(throughput(front, listener, drained))
        finally:
            baton.send_signal(signal.SIGTERM)
            baton.wait()
    direct, bridged = (statistics.median(found) for found in times.values())
    print(f"from PASS to the answer: {direct * 1e6:.0f} us without drained bytes, {bridged * 1e6:.0f} us with them")
    direct, bridged = (statistics.median(found) for found in speeds.values())
    print(f"sending: {direct:.0f} MiB/s on the socket itself, {bridged:.0f} MiB/s through Baton")


if __name__ == "__main__":
    main()
