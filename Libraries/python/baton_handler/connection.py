"""One connection, for code that waits in threads."""

from __future__ import annotations

import os
import socket
import threading
from types import TracebackType
from typing import Optional, Protocol, Type

from .messages import Address, Baton, proxy_source
from .outbox import Passing, Place


class Origin:
    """Where a connection comes from."""

    def __init__(self, baton: Baton) -> None:
        #: The connection's number in Baton's log and events.
        self.number = baton.connection
        self.service = baton.service
        self.listener = baton.listener
        #: Another handler was given it first, and did not take it.
        self.was_sent_before = baton.was_sent_before
        #: Bytes that were read from the stream before it came; they are read
        #: first.
        self.drained = baton.drained
        #: A PROXY protocol v2 header with the original addresses, or nothing;
        #: `peer` reads it.
        self.proxy_header = baton.proxy_header

    def _peer(self, connected: socket.socket) -> Address:
        original = proxy_source(self.proxy_header)
        if original is not None:
            return original
        address = connected.getpeername()
        if isinstance(address, tuple):
            return str(address[0]), int(address[1])
        return os.fsdecode(address)


class Holder(Protocol):
    """The handler, as its connections know it."""

    def pass_on(self, passing: Passing) -> None: ...

    def end(self, place: Place) -> None: ...


class Connection(Origin):
    """One connection. Yours until `end`, which leaving a `with` block
    calls, or until it was passed on."""

    def __init__(
        self, holder: Holder, baton: Baton, connected: socket.socket, place: Place
    ) -> None:
        super().__init__(baton)
        self._holder = holder
        self._place = place
        self._buffer = baton.drained
        self._lock = threading.Lock()
        self._is_over = False
        #: The blocking socket. Bytes that `read` and `readline` have in store
        #: are not in it.
        self.socket = connected

    @property
    def peer(self) -> Address:
        """The client: (host, port), or the path of a Unix-domain socket."""
        return self._peer(self.socket)

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
                self.unread(part[end:])
                return line + part[:end]
            line += part
            if not part:
                break
        return line

    def unread(self, data: bytes) -> None:
        """Puts bytes back in front of the stream: they are read again, or go
        along when the connection is passed on."""
        self._buffer = data + self._buffer

    def write(self, data: bytes) -> None:
        """Writes all of it."""
        self.socket.sendall(data)

    def pass_to(self, service: str = "") -> None:
        """Passes the connection on, what is unread first, to a service that
        the table lists in `pass_to`; without a name, to another handler of
        this one.

        Waits for the supervisor's answer, which comes at once. Taken, the
        connection has ended here; after PassRefused it is yours as before.
        """
        passing = Passing(self.socket, self._place, service, self._buffer)
        self._holder.pass_on(passing)
        passing.outcome.result()
        with self._lock:
            self._is_over = True
        self.socket.close()

    def detach(self) -> socket.socket:
        """Takes the socket out, to be closed elsewhere; `end` still gives the
        place back."""
        with self._lock:
            taken, self.socket = self.socket, socket.socket()
        return taken

    def end(self) -> None:
        """Shutdown, close and DONE; again is nothing."""
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        hang_up(self.socket)
        self._holder.end(self._place)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.end()


def hang_up(connected: socket.socket) -> None:
    try:
        # The supervisor may still have its copy for a moment: only shutdown
        # ends the stream at once.
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client was faster
    connected.close()
