"""A persistent handler for Baton in Python: connections come over a channel
that stays open.

Copy this file into your program (Linux, Python 3.9 or later, standard library
only). The protocol is docs/protocol.md; the module keeps its promises for you:
a thread of its own reads the channel, acknowledges a connection before you see
it, answers heartbeats whatever you do, refuses what cannot be taken, and
reports what has ended.

The short form serves each connection in a thread of a pool::

    def serve(connection):
        connection.write(b"hello\\n")

    baton_handler.serve(serve, threads=32)

The long form is a loop over the connections; what you do with each is up to
you::

    with Handler() as handler:
        for connection in handler:
            with connection:  # then shutdown, close, and its place given back
                connection.write(b"hello\\n")
"""

from __future__ import annotations

import array
import errno
import ipaddress
import os
import queue
import select
import socket
import stat
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import (
    Callable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
    Type,
    Union,
)

__all__ = ["Connection", "Handler", "HandlerError", "serve"]

VERSION = 1
SERVES_ON_CHANNEL_THREAD = 1
SENDS_NO_DONE = 2

_REGISTER, _ACK, _DONE, _PONG, _CAPACITY, _DRAIN, _STATUS, _NACK = (
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
)
_WELCOME, _BATON, _PING, _SUPERVISOR_DRAIN, _REJECT = 16, 17, 18, 19, 20

# Host byte order without padding: both ends are on one machine.
_HEADER = struct.Struct("=IHHQ")
_BATON_BODY = struct.Struct("=QHHI")
_REGISTER_BODY = struct.Struct("=HHI")
_WELCOME_BODY = struct.Struct("=HHI")

_LONGEST_MESSAGE = 65536
_LONGEST_DRAINED = 61440
_LONGEST_NAME = 255
_LONGEST_PROXY_HEADER = 536
_LONGEST_TEXT = 1024
_BATCH = 64  # batons read before one ACK; no more ever stand unacknowledged
_IDS_A_MESSAGE = 512  # connections named by one DONE
_PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

Address = Union[Tuple[str, int], str]


class HandlerError(Exception):
    """Registration failed, the supervisor refused, or the channel broke."""


class _MalformedMessage(Exception):
    pass


class _Baton(NamedTuple):
    id: int
    connection: int
    was_sent_before: bool
    service: str
    listener: str
    drained: bytes
    proxy_header: bytes


class Connection:
    """One connection. Yours until `end`, which leaving a `with` block
    calls."""

    def __init__(
        self, handler: Handler, baton: _Baton, connected: socket.socket
    ) -> None:
        self._handler = handler
        self._id = baton.id
        self._buffer = baton.drained
        self._lock = threading.Lock()
        self._ended = False
        #: The blocking socket. Bytes that `read` and `readline` have in store
        #: are not in it.
        self.socket = connected
        #: The connection's number in Baton's log and events.
        self.number = baton.connection
        self.service = baton.service
        self.listener = baton.listener
        #: Another handler was given it first, and did not take it.
        self.was_sent_before = baton.was_sent_before
        #: Bytes that were read from the stream before it came; `read` hands
        #: them out first.
        self.drained = baton.drained
        #: A PROXY protocol v2 header with the original addresses, or nothing;
        #: `peer` reads it.
        self.proxy_header = baton.proxy_header

    @property
    def peer(self) -> Address:
        """The client: (host, port), or the path of a Unix-domain socket."""
        original = _proxy_source(self.proxy_header)
        if original is not None:
            return original
        address = self.socket.getpeername()
        if isinstance(address, tuple):
            return str(address[0]), int(address[1])
        return os.fsdecode(address)

    def read(self, size: int = 65536) -> bytes:
        """Up to `size` bytes, the drained ones first; nothing at the end of
        the stream."""
        if self._buffer:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        return self.socket.recv(size)

    def readline(self, limit: int = 4096) -> bytes:
        """A line with its newline; without it at the end of the stream or
        after `limit` bytes."""
        line = b""
        while len(line) < limit:
            part = self.read(limit - len(line))
            end = part.find(b"\n") + 1
            if end:
                self._buffer = part[end:] + self._buffer
                return line + part[:end]
            line += part
            if not part:
                break
        return line

    def write(self, data: bytes) -> None:
        """Writes all of it."""
        self.socket.sendall(data)

    def detach(self) -> socket.socket:
        """Takes the socket out, to be closed elsewhere; `end` still gives the
        place back."""
        with self._lock:
            taken, self.socket = self.socket, socket.socket()
        return taken

    def end(self) -> None:
        """Shutdown, close and DONE; again is nothing."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        try:
            # The supervisor may still have its copy for a moment: only
            # shutdown ends the stream at once.
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client was faster
        self.socket.close()
        self._handler._done(self._id)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.end()


class Handler:
    """A registered handler: iterate over it for connections.

    The iteration ends when the handler was told to drain (or `drain` was
    called) and has taken what was sent; it raises HandlerError when the
    supervisor refuses or goes away. Give the places back with
    `Connection.end`: the channel is closed when every connection has ended,
    and `close` waits for that.
    """

    def __init__(
        self,
        service: Optional[str] = None,
        *,
        capacity: int = 0,
        status: Optional[str] = None,
        sends_done: bool = True,
        runtime_directory: Optional[str] = None,
    ) -> None:
        """Opens the channel (BATON_CHANNEL, else RUNTIME_DIR/register.sock)
        and registers.

        `service` defaults to BATON_SERVICE; a `capacity` of 0 leaves it to the
        service table.
        """
        name = (service or os.environ.get("BATON_SERVICE", "")).encode()
        if not name or len(name) > _LONGEST_NAME:
            raise HandlerError(
                "no service: give its name, or set BATON_SERVICE"
            )
        try:
            self._channel = _open_channel(runtime_directory)
            self._channel.setblocking(True)
            traits = 0 if sends_done else SENDS_NO_DONE
            self._channel.send(
                _HEADER.pack(24 + len(name), _REGISTER, 0, 0)
                + _REGISTER_BODY.pack(VERSION, traits, capacity)
                + name
            )
        except OSError as error:
            raise HandlerError(f"cannot register: {error}") from error
        # The number means nothing to programs that this one starts: it is
        # closed there.
        os.environ.pop("BATON_CHANNEL", None)
        self._sends_done = sends_done
        self._connections: queue.SimpleQueue[Optional[Connection]] = (
            queue.SimpleQueue()
        )
        self._over = threading.Event()
        self._error: Optional[str] = None
        # The thread alone has these: what came and has no ACK yet, and what
        # goes out before more is read.
        self._received: List[Tuple[_Baton, socket.socket]] = []
        self._replies: List[bytes] = []
        # Everybody has these.
        self._lock = threading.Lock()
        self._ended: List[int] = []
        self._notices: List[bytes] = []
        self._held = 0
        self._draining = False
        self._finishing = False
        self._told_to_drain = False
        self._flushed = True
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        if status is not None:
            self.set_status(status)
        self._thread = threading.Thread(
            target=self._run, name="baton-channel", daemon=True
        )
        self._thread.start()

    # What the program says

    def set_capacity(self, capacity: int) -> None:
        """The most connections to hold from now on; 0 leaves it to the service
        table."""
        self._say(_message(_CAPACITY, 0, struct.pack("=I", capacity)))

    def set_status(self, text: str) -> None:
        """A line for `baton status`, cut at 1,024 bytes."""
        cut = text.encode()[:_LONGEST_TEXT].decode(errors="ignore")
        self._say(_message(_STATUS, 0, cut.encode()))

    def drain(self) -> None:
        """Asks for no more; the iteration ends when what was sent has been
        taken."""
        with self._lock:
            if self._draining:
                return
            self._draining = True
        self._say(_message(_DRAIN))

    def close(self) -> None:
        """Drains, waits until every connection has ended, and closes the
        channel."""
        self.drain()
        while True:
            try:
                connection = self._connections.get_nowait()
            except queue.Empty:
                break
            if connection is not None:
                connection.end()
        self._over.wait()
        self._thread.join()

    def __iter__(self) -> Iterator[Connection]:
        while True:
            connection = self._connections.get()
            if connection is None:
                self._connections.put(None)
                if self._error is not None:
                    raise HandlerError(self._error)
                return
            yield connection

    def __enter__(self) -> Handler:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _done(self, number: int) -> None:
        with self._lock:
            self._held -= 1
            if self._sends_done:
                self._ended.append(number)
        self._wake()

    def _say(self, message: bytes) -> None:
        with self._lock:
            self._notices.append(message)
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"!")
        except OSError:
            pass  # full: it is awake; or closed: it is over

    # The thread of the channel

    def _run(self) -> None:
        try:
            while self._exchange():
                self._wait()
        except _MalformedMessage:
            self._error = (
                "protocol error: malformed message from the supervisor"
            )
        except OSError as error:
            if self._error is None:
                self._error = f"the supervisor is gone ({error.strerror})"
        except (
            Exception
        ) as error:  # a bug of this module must not leave the program waiting
            self._error = f"internal error: {error!r}"
        for _, connected in self._received:
            # Baton gives it to another handler: not ours to shut down.
            connected.close()
        self._channel.close()
        self._connections.put(None)
        self._over.set()

    def _exchange(self) -> bool:
        """Writes what waits and reads what is there; False when it is over."""
        try:
            while self._wake_reader.recv(4096):
                pass
        except BlockingIOError:
            pass
        while True:
            self._flushed = self._flush()
            if not self._flushed:
                return True
            came = self._read_batch()
            if came is None:
                return False
            if not came:
                break
        with self._lock:
            if not self._draining:
                return True
            if not self._finishing:
                self._finishing = True
                self._connections.put(None)
            return self._held > 0 or bool(self._ended) or bool(self._notices)

    def _wait(self) -> None:
        """Waits for something to read, or for room to write: nothing is read
        while an answer waits."""
        poll = select.poll()
        poll.register(
            self._channel, select.POLLIN if self._flushed else select.POLLOUT
        )
        poll.register(self._wake_reader, select.POLLIN)
        poll.poll()

    def _send(self, message: bytes) -> bool:
        try:
            self._channel.send(
                message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
            )
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                return False
            # A supervisor that refuses says so and closes: its reason may
            # still be there to read.
            self._replies.clear()
            while self._read_batch():
                self._replies.clear()
                while self._received:
                    self._received.pop()[1].close()
            raise

    def _flush(self) -> bool:
        """False when the channel is full."""
        while self._replies:
            if not self._send(self._replies[0]):
                return False
            del self._replies[0]
        if self._received:
            if not self._send(_message(_ACK, self._received[-1][0].id)):
                return False
            # Ours now, and not before.
            received, self._received = self._received, []
            for baton, connected in received:
                self._connections.put(Connection(self, baton, connected))
        while True:
            with self._lock:
                ids = self._ended[:_IDS_A_MESSAGE]
                if ids:
                    body = struct.pack(f"={len(ids)}Q", *ids)
                    message = _message(_DONE, 0, body)
                elif self._notices:
                    message = self._notices[0]
                else:
                    return True
            if not self._send(message):
                return False
            with self._lock:
                if ids:
                    del self._ended[: len(ids)]
                else:
                    del self._notices[0]

    def _read_batch(self) -> Optional[bool]:
        """True: something came, flush and read on; False: nothing is there;
        None: it is over."""
        while len(self._received) < _BATCH and not self._replies:
            try:
                # Room for exactly one descriptor: with CMSG_SPACE a second one
                # fits into the padding.
                data, ancillary, flags, _ = self._channel.recvmsg(
                    _LONGEST_MESSAGE,
                    socket.CMSG_LEN(4),
                    socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC,
                )
            except BlockingIOError:
                return bool(self._received)
            except ConnectionResetError:
                # Said once when the supervisor closed with something unread;
                # what it sent comes after.
                continue
            descriptors = _descriptors(ancillary)
            if not data:
                if not self._draining:
                    self._error = "the supervisor is gone"
                return None
            try:
                if flags & socket.MSG_TRUNC or not self._take(
                    data, descriptors, bool(flags & socket.MSG_CTRUNC)
                ):
                    return None
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        return True

    def _take(self, data: bytes, descriptors: List[int], cut: bool) -> bool:
        """Takes one message, and its descriptor out of the list; False when it
        is over."""
        if len(data) < _HEADER.size:
            raise _MalformedMessage
        length, kind, flags, number = _HEADER.unpack_from(data)
        body = data[_HEADER.size:]
        if length != len(data):
            raise _MalformedMessage
        if kind == _BATON:
            self._take_baton(
                _parse_baton(number, flags, body), descriptors, cut
            )
            return True
        if descriptors or flags:
            raise _MalformedMessage
        if (
            kind == _WELCOME
            and len(body) == _WELCOME_BODY.size
            and _WELCOME_BODY.unpack(body)[0] == VERSION
        ):
            return True
        if kind == _PING and not body:
            self._replies.append(_message(_PONG, number))
        elif kind == _SUPERVISOR_DRAIN and not body:
            self._told_to_drain = True
            with self._lock:
                self._draining = True
        elif kind == _REJECT:
            reason = body[:_LONGEST_TEXT].decode(errors="replace")
            self._error = f"the supervisor refuses: {reason}"
            return False
        else:
            raise _MalformedMessage
        return True

    def _take_baton(
        self, baton: _Baton, descriptors: List[int], cut: bool
    ) -> None:
        # A NACK goes out before any ACK of as much or more: replies go first,
        # and nothing is read until they are out.
        if cut or len(descriptors) != 1:
            self._replies.append(
                _message(
                    _NACK,
                    baton.id,
                    b"out of descriptors",
                )
            )
            return
        if (
            self._finishing or self._told_to_drain
        ):  # the iteration has ended: nobody would take it
            self._replies.append(_message(_NACK, baton.id, b"draining"))
            return
        try:
            connected = socket.socket(fileno=descriptors[0])
        except OSError as error:
            self._replies.append(
                _message(_NACK, baton.id, str(error).encode()[:_LONGEST_TEXT])
            )
            return
        descriptors.clear()
        self._received.append((baton, connected))
        with self._lock:
            self._held += 1


def serve(
    function: Callable[[Connection], None],
    service: Optional[str] = None,
    *,
    threads: int = 64,
    status: Optional[str] = None,
    runtime_directory: Optional[str] = None,
) -> None:
    """Calls `function` for each connection in a thread of a pool and ends the
    connection afterwards.

    No more connections than threads are asked for. Returns after a drain;
    raises HandlerError when the supervisor refuses or goes away. What
    `function` raises is printed, and concerns its connection only.
    """

    def run(connection: Connection) -> None:
        with connection:
            try:
                function(connection)
            except ConnectionError:
                pass  # the client is gone
            except Exception:
                sys.excepthook(*sys.exc_info())

    handler = Handler(
        service,
        capacity=threads,
        status=status,
        runtime_directory=runtime_directory,
    )
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for connection in handler:
            pool.submit(run, connection)
    handler.close()


def _message(kind: int, number: int = 0, body: bytes = b"") -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, 0, number) + body


def _parse_baton(number: int, flags: int, body: bytes) -> _Baton:
    if number == 0 or flags & ~1 or len(body) < _BATON_BODY.size:
        raise _MalformedMessage
    connection, service, listener, drained = _BATON_BODY.unpack_from(body)
    ends = [_BATON_BODY.size]
    for size in (service, listener, drained):
        ends.append(ends[-1] + size)
    if (
        service > _LONGEST_NAME
        or listener > _LONGEST_NAME
        or drained > _LONGEST_DRAINED
    ):
        raise _MalformedMessage
    if ends[3] > len(body) or len(body) - ends[3] > _LONGEST_PROXY_HEADER:
        raise _MalformedMessage
    try:
        return _Baton(
            id=number,
            connection=connection,
            was_sent_before=bool(flags),
            service=body[ends[0]: ends[1]].decode(),
            listener=body[ends[1]: ends[2]].decode(),
            drained=body[ends[2]: ends[3]],
            proxy_header=body[ends[3]:],
        )
    except UnicodeDecodeError as error:
        raise _MalformedMessage from error


def _descriptors(ancillary: List[Tuple[int, int, bytes]]) -> List[int]:
    numbers = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    return list(numbers)


def _proxy_source(header: bytes) -> Optional[Address]:
    if (
        len(header) < 16
        or header[:12] != _PROXY_SIGNATURE
        or header[12] != 0x21
    ):
        return None
    block = header[16: 16 + int.from_bytes(header[14:16], "big")]
    if header[13] == 0x11 and len(block) >= 12:
        return str(ipaddress.IPv4Address(block[:4])), int.from_bytes(
            block[8:10], "big"
        )
    if header[13] == 0x21 and len(block) >= 36:
        return str(ipaddress.IPv6Address(block[:16])), int.from_bytes(
            block[32:34], "big"
        )
    if header[13] == 0x31 and len(block) >= 216:
        return os.fsdecode(block[:108].rstrip(b"\0"))
    return None


def _open_channel(directory: Optional[str]) -> socket.socket:
    inherited = os.environ.get("BATON_CHANNEL")
    if inherited is None:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.connect(
                os.path.join(_runtime_directory(directory), "register.sock")
            )
        except BaseException:
            channel.close()
            raise
        return channel
    if os.environ.get("BATON_PROTOCOL", "1") != str(VERSION):
        raise HandlerError("BATON_PROTOCOL is not 1")
    if not (inherited.isascii() and inherited.isdigit()):
        raise HandlerError("BATON_CHANNEL is no descriptor number")
    number = int(inherited)
    # At once: a child that kept the channel would keep this handler from ever
    # being gone.
    os.set_inheritable(number, False)
    channel = socket.socket(fileno=number)
    if channel.type != socket.SOCK_SEQPACKET:
        channel.detach()
        raise HandlerError("BATON_CHANNEL is no seqpacket socket")
    return channel


def _runtime_directory(given: Optional[str]) -> str:
    """RUNTIME_DIR; refused when others could have put it there."""
    user = os.geteuid()
    session = os.environ.get("XDG_RUNTIME_DIR")
    path = given or os.environ.get("BATON_RUNTIME_DIRECTORY")
    if not path:
        if user == 0:
            path = "/run/baton"
        elif session is not None and os.path.isabs(session):
            path = os.path.join(session, "baton")
        else:
            path = f"/tmp/baton-{user}"
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise HandlerError(f"{path} is a link, or no directory")
    if status.st_uid not in (0, user) or status.st_mode & stat.S_IWOTH:
        raise HandlerError(f"{path} is not root's or ours alone")
    return path
