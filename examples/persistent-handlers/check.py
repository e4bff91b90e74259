#!/usr/bin/env python3
"""Plays the supervisor to an echo handler and checks that it keeps to
docs/protocol.md:

    check.py python/echo.py
    check.py c/echo

Every check starts the handler anew on a real socket pair. It ends with
status 0 when all hold. Standard library only; nothing here sleeps.
"""

import array
import os
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile

HEADER = struct.Struct("=IHHQ")
REGISTER, ACK, DONE, PONG, CAPACITY, DRAIN, STATUS, NACK = (
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
)
WELCOME, BATON, PING, SUPERVISOR_DRAIN, REJECT = 16, 17, 18, 19, 20
PATIENCE = 20


class Failed(Exception):
    pass


def expect(truth, what):
    if not truth:
        raise Failed(what)


class Supervisor:
    """One end of a channel, the handler's process at the other."""

    def __init__(self, command, registered=False, welcome=True):
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("BATON_")
        }
        self.directory = None
        if registered:
            self.directory = tempfile.TemporaryDirectory()
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listener.bind(os.path.join(self.directory.name, "register.sock"))
            listener.listen(1)
            environment["BATON_RUNTIME_DIRECTORY"] = self.directory.name
            self.process = subprocess.Popen(
                [*command, "echo"], env=environment, stderr=subprocess.PIPE
            )
            listener.settimeout(PATIENCE)
            self.channel, _ = listener.accept()
            listener.close()
        else:
            self.channel, theirs = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_SEQPACKET
            )
            environment.update(
                BATON_CHANNEL=str(theirs.fileno()),
                BATON_SERVICE="echo",
                BATON_PROTOCOL="1",
            )
            self.process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
            )
            theirs.close()
        self.channel.settimeout(PATIENCE)
        self.sent = 0
        self.done = []
        self.acknowledged = 0
        kind, number, body = self.receive()
        expect(
            kind == REGISTER and number == 0, "REGISTER is the first message"
        )
        version, self.traits, self.capacity = struct.unpack_from("=HHI", body)
        expect(version == 1, "REGISTER speaks version 1")
        expect(body[8:] == b"echo", "REGISTER names the service")
        if welcome:
            self.send(WELCOME, 0, struct.pack("=HHI", 1, 0, 5000))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        if self.directory:
            self.directory.cleanup()

    def send(
        self, kind, number=0, body=b"", descriptors=(), flags=0, length=None
    ):
        header = HEADER.pack(
            length or HEADER.size + len(body), kind, flags, number
        )
        rights = [
            (
                socket.SOL_SOCKET,
                socket.SCM_RIGHTS,
                array.array("i", descriptors),
            )
        ]
        self.channel.sendmsg([header, body], rights if descriptors else [])

    def receive(self):
        """The next message but STATUS: (type, id, body)."""
        while True:
            data = self.channel.recv(65536)
            if not data:
                raise Failed(
                    f"the handler is gone ({self.process.wait()}): "
                    f"{self.process.stderr.read()!r}"
                )
            length, kind, flags, number = HEADER.unpack_from(data)
            expect(
                length == len(data),
                "the header's length is that of the packet",
            )
            expect(flags == 0, "flags are 0")
            if kind != STATUS:
                return kind, number, data[HEADER.size:]

    def receive_end(self):
        """Until the handler closes the channel; its exit status."""
        while True:
            data = self.channel.recv(65536)
            if not data:
                return self.process.wait(PATIENCE)
            if HEADER.unpack_from(data)[1] == DONE:
                self.done += struct.unpack(
                    f"={(len(data) - 16) // 8}Q", data[16:]
                )

    def await_ack(self, number):
        while self.acknowledged < number:
            kind, got, body = self.receive()
            if kind == ACK:
                expect(got <= self.sent, "ACK names what was sent")
                self.acknowledged = max(self.acknowledged, got)
            elif kind == DONE:
                self.done += struct.unpack(f"={len(body) // 8}Q", body)
            else:
                raise Failed(
                    f"unexpected message {kind} while waiting for ACK {number}"
                )

    def await_done(self, numbers):
        while not set(numbers) <= set(self.done):
            kind, got, body = self.receive()
            if kind == DONE:
                self.done += struct.unpack(f"={len(body) // 8}Q", body)
            else:
                expect(
                    kind == ACK,
                    f"unexpected message {kind} while waiting for DONE",
                )
        expect(
            len(self.done) == len(set(self.done)),
            "each connection is DONE once",
        )

    def baton(self, drained=b"", proxy_header=b"", flags=0, descriptors=None):
        """Sends one end of a TCP connection; the client's end."""
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        client.settimeout(PATIENCE)
        server, _ = listener.accept()
        listener.close()
        self.sent += 1
        body = (
            struct.pack("=QHHI", 1000 + self.sent, 4, 3, len(drained))
            + b"echo"
            + b"web"
            + drained
            + proxy_header
        )
        self.send(
            BATON,
            self.sent,
            body,
            [server.fileno()] if descriptors is None else descriptors,
            flags,
        )
        server.close()
        return client


def read_all(client):
    data = b""
    while True:
        part = client.recv(4096)
        if not part:
            client.close()
            return data
        data += part


def check_conversation(supervisor, client, line, number):
    client.sendall(line + b"\n")
    reply = read_all(client)
    expected = (
        f"pid={supervisor.process.pid} connection={1000 + number} ".encode()
        + line
        + b"\n"
    )
    expect(
        reply.endswith(b" " + expected) and reply.count(b" ") >= 3,
        f"the reply is whole: {reply!r}",
    )


def acknowledges_before_it_reads(command):
    with Supervisor(command) as supervisor:
        client = supervisor.baton()
        supervisor.await_ack(1)  # not a byte was sent yet
        check_conversation(supervisor, client, b"hello there", 1)
        supervisor.await_done([1])


def registers_through_the_runtime_directory(command):
    with Supervisor(command, registered=True) as supervisor:
        check_conversation(supervisor, supervisor.baton(), b"x", 1)
        supervisor.await_done([1])


def serves_side_by_side(command):
    with Supervisor(command) as supervisor:
        clients = [supervisor.baton() for _ in range(40)]
        supervisor.await_ack(40)
        for number, client in reversed(list(enumerate(clients, 1))):
            check_conversation(supervisor, client, b"n%d" % number, number)
        supervisor.await_done(range(1, 41))


def answers_heartbeats_while_it_serves(command):
    with Supervisor(command) as supervisor:
        client = supervisor.baton()
        supervisor.await_ack(1)
        for number in (7, 0, 2**64 - 1):
            supervisor.send(PING, number)
            expect(
                supervisor.receive()[:2] == (PONG, number),
                "PONG has the id of PING",
            )
        check_conversation(supervisor, client, b"x", 1)


def hands_out_drained_bytes_first(command):
    with Supervisor(command) as supervisor:
        client = supervisor.baton(drained=b"from before, ")
        check_drained = b"and now"
        client.sendall(check_drained + b"\n")
        expect(
            read_all(client).endswith(b" from before, and now\n"),
            "drained bytes come first",
        )
        whole = supervisor.baton(drained=b"a line\nand more")
        expect(
            read_all(whole).endswith(b" a line\n"),
            "drained bytes alone can be a line",
        )
        largest = supervisor.baton(
            drained=b"a" * 4095 + b"\n" + b"b" * (61440 - 4096)
        )
        expect(
            read_all(largest).endswith(b"a" * 4095 + b"\n"),
            "61,440 drained bytes fit",
        )


def takes_a_proxy_header(command):
    header = b"\r\n\r\n\0\r\nQUIT\n" + bytes(
        [0x21, 0x11, 0, 12, 192, 0, 2, 1, 10, 0, 0, 1, 1, 2, 3, 4]
    )
    with Supervisor(command) as supervisor:
        for junk in (
            header,
            header[:20],
            b"junk",
            header + b"\0" * (536 - len(header)),
        ):
            client = supervisor.baton(proxy_header=junk, flags=1)
            client.sendall(b"hi\n")
            expect(
                read_all(client).endswith(b" hi\n"),
                "whatever the header says, the stream is the client's",
            )


def gives_back_what_it_cannot_take(command):
    with Supervisor(command) as supervisor:
        first = supervisor.baton()
        supervisor.await_ack(1)
        pid = supervisor.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        full = min(set(range(len(used) + 1)) - used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (full, hard))
        lost = supervisor.baton()
        kind, number, reason = supervisor.receive()
        expect((kind, number) == (NACK, 2), "no descriptor, no ACK")
        reason.decode()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        third = supervisor.baton()
        supervisor.await_ack(3)
        check_conversation(supervisor, first, b"x", 1)
        check_conversation(supervisor, third, b"x", 3)
        supervisor.await_done([1, 3])
        lost.close()


def gives_back_a_baton_without_descriptor(command):
    with Supervisor(command) as supervisor:
        supervisor.baton(descriptors=[]).close()
        expect(supervisor.receive()[:2] == (NACK, 1), "no descriptor, no ACK")


def drains(command):
    with Supervisor(command) as supervisor:
        clients = [supervisor.baton() for _ in range(3)]
        supervisor.await_ack(3)
        supervisor.send(SUPERVISOR_DRAIN)
        supervisor.send(PING, 9)
        expect(
            supervisor.receive()[:2] == (PONG, 9),
            "heartbeats go on while it drains",
        )
        for number, client in enumerate(clients, 1):
            check_conversation(supervisor, client, b"bye", number)
        expect(supervisor.receive_end() == 0, "a drained handler exits with 0")
        expect(
            sorted(supervisor.done) == [1, 2, 3],
            "every connection was DONE before the end",
        )


def drains_at_once_when_idle(command):
    with Supervisor(command) as supervisor:
        supervisor.send(SUPERVISOR_DRAIN)
        expect(supervisor.receive_end() == 0, "an idle handler drains at once")


def ends_the_stream_while_a_copy_is_open(command):
    with Supervisor(command) as supervisor:
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        supervisor.sent = 1
        body = struct.pack("=QHHI", 1001, 4, 0, 0) + b"echo"
        supervisor.send(BATON, 1, body, [theirs.fileno()])
        ours.sendall(b"x\n")
        read_all(ours)  # ends only by shutdown: `theirs` is open here
        theirs.close()


def ends_with_the_supervisor(command):
    with Supervisor(command) as supervisor:
        supervisor.channel.shutdown(socket.SHUT_RDWR)
        expect(
            supervisor.process.wait(PATIENCE) != 0,
            "a supervisor that is gone is no clean end",
        )


def ends_with_answers_unsent(command):
    """Regression: one that could not say PONG any more tried for ever."""
    with Supervisor(command) as supervisor:
        for number in range(1, 4):
            supervisor.send(PING, number)
        supervisor.channel.shutdown(socket.SHUT_RDWR)
        expect(supervisor.process.wait(PATIENCE) > 0, "no clean end")


def reports_a_refusal(command):
    with Supervisor(command, welcome=False) as supervisor:
        supervisor.send(REJECT, 0, b"no such service")
        expect(supervisor.receive_end() != 0, "a refusal is no clean end")
        expect(
            b"no such service" in supervisor.process.stderr.read(),
            "the reason is told",
        )


def learns_of_a_refusal_after_the_end(command):
    """Regression: the reason was lost when the handler's STATUS came after
    the supervisor had closed, or lay unread when it did."""
    with Supervisor(command, welcome=False) as supervisor:
        supervisor.send(REJECT, 0, b"not for you")
        supervisor.channel.close()
        expect(supervisor.process.wait(PATIENCE) > 0, "no clean end")
        said = supervisor.process.stderr.read()
        expect(b"not for you" in said, f"the reason is told, not {said!r}")


def survives_a_full_channel(command):
    """The supervisor reads nothing while 3,000 heartbeats and a baton come."""
    with Supervisor(command) as supervisor:
        supervisor.channel.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20
        )
        poll = select.poll()
        poll.register(supervisor.channel, select.POLLOUT)
        sent = 0
        while sent < 3000 and poll.poll(200):
            supervisor.send(PING, sent)
            sent += 1
        expect(sent > 300, "the channel takes some")
        for number in range(sent):
            expect(
                supervisor.receive()[:2] == (PONG, number),
                "every PING is answered, in order",
            )
        check_conversation(supervisor, supervisor.baton(), b"x", 1)


def refuses_malformed_messages(command):
    baton = struct.pack("=QHHI", 1, 4, 3, 0)
    for kind, number, body, flags, length in (
        (BATON, 1, b"", 0, None),
        (BATON, 1, baton, 0, None),
        (BATON, 1, baton + b"echowe", 0, None),
        (BATON, 0, baton + b"echoweb", 0, None),
        (BATON, 1, baton + b"echoweb", 2, None),
        (
            BATON,
            1,
            struct.pack("=QHHI", 1, 4, 3, 2**32 - 1) + b"echoweb",
            0,
            None,
        ),
        (BATON, 1, struct.pack("=QHHI", 1, 256, 0, 0) + b"e" * 256, 0, None),
        (BATON, 1, struct.pack("=QHHI", 1, 0, 0, 0) + b"p" * 537, 0, None),
        (
            BATON,
            1,
            struct.pack("=QHHI", 1, 0, 0, 61441) + b"d" * 61441,
            0,
            None,
        ),
        (PING, 1, b"x", 0, None),
        (PING, 1, b"", 0, 17),
        (PING, 1, b"", 0, 15),
        (PING, 1, b"", 1, None),
        (WELCOME, 0, b"\1\0", 0, None),
        (WELCOME, 0, struct.pack("=HHI", 2, 0, 0), 0, None),
        (REGISTER, 0, b"", 0, None),
        (99, 0, b"", 0, None),
    ):
        with Supervisor(command) as supervisor:
            with socket.socket() as unconnected:
                supervisor.channel.setsockopt(
                    socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20
                )
                passed = [unconnected.fileno()] if kind == BATON else []
                supervisor.send(kind, number, body, passed, flags, length)
            status = supervisor.receive_end()
            expect(
                status > 0,
                f"{(kind, number, body[:20], flags, length)} ends in order, "
                f"not status {status}",
            )


CHECKS = [
    acknowledges_before_it_reads,
    registers_through_the_runtime_directory,
    serves_side_by_side,
    answers_heartbeats_while_it_serves,
    hands_out_drained_bytes_first,
    takes_a_proxy_header,
    gives_back_what_it_cannot_take,
    gives_back_a_baton_without_descriptor,
    drains,
    drains_at_once_when_idle,
    ends_the_stream_while_a_copy_is_open,
    ends_with_the_supervisor,
    ends_with_answers_unsent,
    reports_a_refusal,
    learns_of_a_refusal_after_the_end,
    survives_a_full_channel,
    refuses_malformed_messages,
]


def main():
    command = sys.argv[1:]
    if not command:
        sys.exit(f"usage: {sys.argv[0]} HANDLER [ARGUMENT…]")
    failures = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(command)
            print(f"ok   {name}")
        except (Failed, OSError, subprocess.TimeoutExpired) as error:
            failures += 1
            print(f"FAIL {name}: {error}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
