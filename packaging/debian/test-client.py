#!/usr/bin/python3
"""A client that never stops: packaging/debian/test.

test-client.py PORT… : exchanges lines with each service, on a connection that lasts and on one after another. A line
on standard input is answered with the number of exchanges so far; at its end it exits, with 1 when anything went wrong.
"""
import select
import socket
import sys

PATIENCE = 20


def exchange(connection, line):
    connection.sendall(line)
    answer = b""
    while len(answer) < len(line):
        part = connection.recv(len(line) - len(answer))
        if not part:
            raise ConnectionError("closed before the answer")
        answer += part
    if answer != line:
        raise ValueError(f"{answer!r} for {line!r}")


def main():
    ports = [int(port) for port in sys.argv[1:]]
    lasting = [socket.create_connection(("127.0.0.1", port), PATIENCE) for port in ports]
    count = 0
    while True:
        for port, connection in zip(ports, lasting):
            line = b"exchange %d\n" % count
            exchange(connection, line)
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as fresh:
                exchange(fresh, line)
            count += 2
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(count, flush=True)


main()
