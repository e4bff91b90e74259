"""Plays the supervisor to an echo handler: gives it 40 connections that it is
to pass on, and answers all PASSes that it sends at once while it is stopped.
Those that it kept back must come then, and nothing else wakes it.

    many_passes.py HANDLER [ARGUMENT...]
"""

import array
import os
import signal
import socket
import struct
import subprocess
import sys

HEADER = struct.Struct("=IHHQ")
DONE, PONG, PASS, WELCOME, BATON, PING, PASSED = 3, 4, 5, 16, 17, 18, 21
MOST = 40
UNANSWERED = 32  # a library leaves no more so
# Each gives the handler a turn, in which it may come to what it keeps back.
TURNS = 20


def message(kind, number, body=b""):
    return HEADER.pack(HEADER.size + len(body), kind, 0, number) + body


def receive_pass(channel):
    """The id of the next PASS."""
    while True:
        data, ancillary, _, _ = channel.recvmsg(65536, socket.CMSG_LEN(4))
        for _, _, number in ancillary:
            os.close(struct.unpack("i", number[:4])[0])
        _, kind, _, number = HEADER.unpack_from(data)
        if kind == DONE:
            sys.exit("DONE of a connection that is passed on")
        if kind == PASS:
            return number


def give_turns(channel):
    for number in range(TURNS):
        channel.send(message(PING, number))
        while HEADER.unpack_from(channel.recv(65536))[1] != PONG:
            pass


def answer_all_at_once(process, channel, numbers):
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    for number in numbers:
        channel.send(message(PASSED, number))
    process.send_signal(signal.SIGCONT)


def main():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(20)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    environment = dict(os.environ, BATON_CHANNEL=str(theirs.fileno()), BATON_SERVICE="app")
    process = subprocess.Popen(sys.argv[1:], env=environment, pass_fds=[theirs.fileno()])
    theirs.close()
    ours.send(message(WELCOME, 0, struct.pack("=HHI", 1, 0, 0)))
    body = struct.pack("=QHHI", 1, 0, 0, 7) + b"pass b\n"
    clients = []
    for number in range(1, MOST + 1):
        client, served = socket.socketpair()
        rights = array.array("i", [served.fileno()])
        ours.sendmsg([message(BATON, number, body)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        served.close()
        clients.append(client)
    first = [receive_pass(ours) for _ in range(UNANSWERED)]
    give_turns(ours)
    answer_all_at_once(process, ours, first)
    rest = [receive_pass(ours) for _ in range(MOST - len(first))]
    answer_all_at_once(process, ours, rest)
    if sorted(first + rest) != list(range(1, MOST + 1)):
        sys.exit(f"not each once: {first} {rest}")
    ours.close()
    process.wait(20)


if __name__ == "__main__":
    main()
