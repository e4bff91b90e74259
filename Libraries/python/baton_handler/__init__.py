"""Persistent handlers for Baton in Python: connections come over a channel that
stays open.

Linux, Python 3.9 or later, standard library only: install it with pip, or copy
this folder into your program. baton-handler(7) explains how a handler is
written, docs/protocol.md what goes over the channel. The package keeps the
protocol's promises for you: it acknowledges a connection before you see it,
answers heartbeats, refuses what cannot be taken, and reports what has ended.

The short form serves each connection in a thread of a pool::

    def answer(connection):
        connection.write(b"hello\\n")

    baton_handler.serve(answer, threads=32)

or in a task of asyncio::

    async def answer(connection):
        connection.writer.write(b"hello\\n")

    asyncio.run(baton_handler.serve_async(answer))

The long form is a loop over the connections; what you do with each is up to
you::

    with Handler() as handler:
        for connection in handler:
            with connection:  # then shutdown, close, and its place given back
                connection.write(b"hello\\n")
"""

from .aio import AsyncHandler, serve_async
from .connection import Connection
from .errors import HandlerError, PassRefused
from .handler import Handler, serve
from .messages import Address
from .streams import AsyncConnection

__all__ = [
    "Address",
    "AsyncConnection",
    "AsyncHandler",
    "Connection",
    "Handler",
    "HandlerError",
    "PassRefused",
    "serve",
    "serve_async",
]
