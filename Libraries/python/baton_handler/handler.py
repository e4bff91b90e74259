"""The handler of a program with threads."""

from __future__ import annotations

import queue
import select
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Callable, Iterator, Optional, Type

from .connection import Connection
from .errors import HandlerError, PassRefused
from .exchange import Exchange
from .messages import Baton
from .outbox import Passing, Place
from .registration import Registration


class Handler:
    """A registered handler: iterate over it for connections. A thread of its
    own reads the channel, and answers heartbeats whatever you do.

    The iteration ends when the handler was told to drain (or `drain` was
    called) and has taken what was sent; it raises HandlerError when the
    supervisor refuses or goes away. With `reconnect`, a handler that Baton did
    not start registers again instead, after 0.1 s, doubling up to 30 s; then
    only `drain` and `close` end it.

    Give the places back with `Connection.end`: the channel is closed when
    every connection has ended, and `close` waits for that.
    """

    def __init__(
        self,
        service: Optional[str] = None,
        *,
        capacity: int = 0,
        status: Optional[str] = None,
        sends_done: bool = True,
        runtime_directory: Optional[str] = None,
        reconnect: bool = False,
        channel: str = "seqpacket",
    ) -> None:
        """Opens the channel (BATON_CHANNEL, else one at RUNTIME_DIR of the kind
        "seqpacket", "stream" or "datagram") and registers.

        `service` defaults to BATON_SERVICE; a `capacity` of 0 leaves it to the
        service table.
        """
        self._connections: queue.SimpleQueue[Optional[Connection]] = (
            queue.SimpleQueue()
        )
        self._over = threading.Event()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._registration = Registration.checked(
            service, capacity, sends_done, runtime_directory, reconnect, channel
        )
        self._exchange = Exchange(self._registration, self)
        self._outbox = self._exchange.outbox
        if status is not None:
            self.set_status(status)
        self._thread = threading.Thread(
            target=self._run, name="baton-channel", daemon=True
        )
        self._thread.start()

    def set_capacity(self, capacity: int) -> None:
        """The most connections to hold from now on; 0 leaves it to the service
        table."""
        self._registration.capacity = capacity
        self._outbox.set_capacity(capacity)
        self._wake()

    def set_status(self, text: str) -> None:
        """A line for `baton status`, cut at 1,024 bytes."""
        self._outbox.set_status(text)
        self._wake()

    def drain(self) -> None:
        """Asks for no more; the iteration ends when what was sent has been
        taken."""
        self._outbox.drain()
        self._wake()

    def pass_socket(
        self, connected: socket.socket, service: str = "", drained: bytes = b""
    ) -> None:
        """Passes a connected stream or seqpacket socket that Baton did not
        send. Taken, it is closed here; after PassRefused it is yours."""
        passing = Passing(connected, None, service, drained)
        self.pass_on(passing)
        passing.outcome.result()
        connected.close()

    def close(self) -> None:
        """Drains, waits until every connection has ended, and closes the
        channel."""
        self.drain()
        for connection in iter(self._connections.get, None):
            connection.end()
        self._connections.put(None)
        self._over.wait()
        self._thread.join()

    def __iter__(self) -> Iterator[Connection]:
        while True:
            connection = self._connections.get()
            if connection is None:
                self._connections.put(None)
                if self._exchange.error is not None:
                    raise HandlerError(self._exchange.error)
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

    # What the exchange says

    def arrived(self, baton: Baton, connected: socket.socket, place: Place) -> None:
        self._connections.put(Connection(self, baton, connected, place))

    def finished(self) -> None:
        self._connections.put(None)

    # What a connection says

    def pass_on(self, passing: Passing) -> None:
        self._outbox.pass_on(passing)
        self._wake()

    def end(self, place: Place) -> None:
        self._outbox.end(place)
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"!")
        except OSError:
            pass  # full: it is awake

    # The thread of the channel

    def _run(self) -> None:
        try:
            while not self._exchange.is_over:
                self._exchange.turn()
                if not self._exchange.is_over:
                    self._wait()
        except Exception as error:
            # A bug of this package must not leave the program waiting.
            self._exchange.error = f"internal error: {error!r}"
            self.finished()
        self._over.set()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wake_reader, select.POLLIN)
        for watched, events in self._exchange.interests.items():
            poll.register(watched, events)
        deadline = self._exchange.deadline
        if deadline is None:
            poll.poll()
        else:
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        try:
            while self._wake_reader.recv(4096):
                pass
        except BlockingIOError:
            pass


def serve(
    function: Callable[[Connection], None],
    service: Optional[str] = None,
    *,
    threads: int = 64,
    status: Optional[str] = None,
    runtime_directory: Optional[str] = None,
    reconnect: bool = False,
    channel: str = "seqpacket",
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
            except (ConnectionError, PassRefused):
                pass  # the client is gone, or goes now
            except Exception:
                sys.excepthook(*sys.exc_info())

    handler = Handler(
        service,
        capacity=threads,
        status=status,
        runtime_directory=runtime_directory,
        reconnect=reconnect,
        channel=channel,
    )
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for connection in handler:
            pool.submit(run, connection)
    handler.close()
