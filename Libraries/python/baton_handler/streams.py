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

    async def open(self, drained: bytes) -> None:
        """For the handler: makes the streams."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LIMIT, loop=loop)
        reader.feed_data(drained)
        protocol = _BoundedProtocol(reader, loop=loop)
        self._socket.setblocking(False)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, self._socket
        )
        self.reader = reader
        self.writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    async def pass_to(self, service: str = "", unread: bytes = b"") -> None:
        """Passes the connection on to a service that the table lists in
        `pass_to`; without a name, to another handler of this one. First come
        the bytes `unread`, which you took from `reader` and give back, then what
        is still in `reader`.

        Taken, the connection has ended here. After PassRefused it is yours as
        before, with a new `reader` and `writer`. Others must not use the old
        ones meanwhile.
        """
        # Once it has begun it is carried to its end, whoever is cancelled.
        await asyncio.shield(asyncio.ensure_future(self._pass_to(service, unread)))

    async def _pass_to(self, service: str, unread: bytes) -> None:
        kept = self._socket.dup()
        try:
            drained = unread + await self._take_streams_down()
        except BaseException:
            kept.close()
            raise
        self._socket = kept
        try:
            passing = Passing(kept, self._place, service, drained)
            self._holder.pass_on(passing)
            await asyncio.wrap_future(passing.outcome)
            self._is_over = True
        except BaseException:
            await self.open(drained)
            raise

    async def _take_streams_down(self) -> bytes:
        """Writes what waits; answers what was read of the socket."""
        transport = self.writer.transport
        transport.set_write_buffer_limits(high=0)
        await self.writer.drain()
        assert isinstance(transport, asyncio.ReadTransport)
        if not transport.is_closing():
            transport.pause_reading()
        self.reader.feed_eof()
        drained = await self.reader.read()
        transport.abort()  # nothing waits to be written
        await _closed(self.writer)
        return drained

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
