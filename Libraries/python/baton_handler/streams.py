"""One connection, for code of asyncio: a pair of streams, the drained bytes
first."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Optional, Type

from .connection import Holder, Origin
from .messages import Address, Baton
from .outbox import Passing, Place

# What asyncio reads ahead must fit into a PASS together with what is given
# back: it stops at twice the limit, one reading further.
_LIMIT = 16384
_READING = 8192


class _Reader(asyncio.StreamReader):
    # asyncio has no word for what was read ahead, but this name since 3.4.
    _buffer: bytearray

    def take(self) -> bytes:
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken

    def unread(self, data: bytes) -> None:
        self._buffer[:0] = data


class _BoundedProtocol(asyncio.StreamReaderProtocol, asyncio.BufferedProtocol):
    """A stream that reads little at a time; asyncio's own takes 256 KiB."""

    def get_buffer(self, sizehint: int) -> bytearray:
        self._room = bytearray(_READING)
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._room[:nbytes]))


class AsyncConnection(Origin):
    """One connection, as a pair of streams. Yours until `end`, which leaving an
    `async with` block awaits, or until it was passed on."""

    def __init__(
        self, holder: Holder, baton: Baton, connected: socket.socket, place: Place
    ) -> None:
        super().__init__(baton)
        self._holder = holder
        self._place = place
        self._socket = connected
        self._is_over = False
        #: Gives the drained bytes first.
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    @property
    def peer(self) -> Address:
        """The client: (host, port), or the path of a Unix-domain socket."""
        return self._peer(self._socket)

    async def open(self) -> None:
        """For the handler: makes the streams."""
        loop = asyncio.get_running_loop()
        reader = _Reader(limit=_LIMIT, loop=loop)
        reader.unread(self.drained)
        protocol = _BoundedProtocol(reader, loop=loop)
        self._socket.setblocking(False)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, self._socket
        )
        self._reader = reader
        self.reader = reader
        self.writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    def unread(self, data: bytes) -> None:
        """Puts bytes back in front of the stream: `reader` gives them again, or
        they go along when the connection is passed on."""
        self._reader.unread(data)

    async def pass_to(self, service: str = "") -> None:
        """Passes the connection on, what is unread first, to a service that
        the table lists in `pass_to`; without a name, to another handler of
        this one. What was written is sent before.

        Taken, the connection has ended here; after PassRefused it is yours as
        before. Nobody may read or write meanwhile.
        """
        # Once it has begun it is carried to its end, whoever is cancelled.
        await asyncio.shield(asyncio.ensure_future(self._pass_to(service)))

    async def _pass_to(self, service: str) -> None:
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=0)
        await self.writer.drain()
        if transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        transport.pause_reading()
        drained = self._reader.take()
        try:
            passing = Passing(self._socket, self._place, service, drained)
            self._holder.pass_on(passing)
            await asyncio.wrap_future(passing.outcome)
        except BaseException:
            self._reader.unread(drained)
            transport.set_write_buffer_limits()
            transport.resume_reading()
            raise
        self._is_over = True
        transport.abort()  # closes, and no more: nothing waits to be written
        await _closed(self.writer)

    async def end(self) -> None:
        """Writes what waits, then shutdown, close and DONE; again is nothing."""
        if self._is_over:
            return
        self._is_over = True
        try:
            self.writer.transport.set_write_buffer_limits(high=0)
            await self.writer.drain()
        except (ConnectionError, OSError):
            pass  # the client was faster
        finally:
            self._hang_up()
        await _closed(self.writer)

    def _hang_up(self) -> None:
        try:
            # The supervisor may still have its copy: only shutdown ends the
            # stream at once.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.writer.transport.abort()
        self._holder.end(self._place)

    async def __aenter__(self) -> AsyncConnection:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.end()


async def _closed(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.wait_closed()
    except OSError:
        pass
