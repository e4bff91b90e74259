"""The handler of an asyncio program: the channel is read by the event loop, so
an event loop that hangs is noticed."""

from __future__ import annotations

import asyncio
import select
import socket
import sys
import time
from collections import deque
from types import TracebackType
from typing import Awaitable, Callable, Deque, Dict, List, Optional, Set, Tuple, Type

from .connection import hang_up
from .errors import HandlerError, PassRefused
from .exchange import Exchange
from .messages import Baton
from .outbox import Passing, Place
from .registration import Registration
from .streams import AsyncConnection


class AsyncHandler:
    """A registered handler: iterate over it with `async for`.

    Made in a running event loop. When the iteration ends, and what the
    arguments mean, is as for `Handler`.
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
        self._loop = asyncio.get_running_loop()
        self._came: Deque[Tuple[Baton, socket.socket, Place]] = deque()
        self._has_news = asyncio.Event()
        self._has_finished = False
        self._over = asyncio.Event()
        self._watched: Dict[socket.socket, int] = {}
        self._numbers: List[int] = []  # of those: they may have been closed since
        self._timer: Optional[asyncio.TimerHandle] = None
        self._turn_is_due = True
        self._registration = Registration.checked(
            service, capacity, sends_done, runtime_directory, reconnect, channel
        )
        self._exchange = Exchange(self._registration, self)
        self._outbox = self._exchange.outbox
        if status is not None:
            self.set_status(status)
        self._turn()

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
        taken. Fit for `loop.add_signal_handler`."""
        self._outbox.drain()
        self._wake()

    async def pass_socket(
        self, connected: socket.socket, service: str = "", drained: bytes = b""
    ) -> None:
        """Passes a connected stream or seqpacket socket that Baton did not
        send. Taken, it is closed here; after PassRefused it is yours."""
        passing = Passing(connected, None, service, drained)
        self.pass_on(passing)
        await asyncio.wrap_future(passing.outcome)
        connected.close()

    async def close(self) -> None:
        """Drains, waits until every connection has ended, and closes the
        channel."""
        self.drain()
        while self._came or not self._has_finished:
            await self._has_news.wait()
            while self._came:
                _, connected, place = self._came.popleft()
                hang_up(connected)
                self.end(place)
            if not self._has_finished:
                self._has_news.clear()
        await self._over.wait()

    def __aiter__(self) -> AsyncHandler:
        return self

    async def __anext__(self) -> AsyncConnection:
        while True:
            while not self._came:
                if self._has_finished:
                    if self._exchange.error is not None:
                        raise HandlerError(self._exchange.error)
                    raise StopAsyncIteration
                self._has_news.clear()
                await self._has_news.wait()
            baton, connected, place = self._came.popleft()
            connection = AsyncConnection(self, baton, connected, place)
            try:
                await connection.open()
            except BaseException as error:
                hang_up(connected)
                self.end(place)
                # A seqpacket socket makes no streams (ValueError).
                if not isinstance(error, (OSError, ValueError)):
                    raise
            else:
                return connection

    async def __aenter__(self) -> AsyncHandler:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    # What the exchange says

    def arrived(self, baton: Baton, connected: socket.socket, place: Place) -> None:
        self._came.append((baton, connected, place))
        self._has_news.set()

    def finished(self) -> None:
        self._has_finished = True
        self._has_news.set()

    # What a connection says

    def pass_on(self, passing: Passing) -> None:
        self._outbox.pass_on(passing)
        self._wake()

    def end(self, place: Place) -> None:
        self._outbox.end(place)
        self._wake()

    # The event loop

    def _wake(self) -> None:
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        self._exchange.turn()
        self._watch(self._exchange.interests)
        self._wait_for(self._exchange.deadline)
        if self._exchange.is_over:
            self._over.set()

    def _watch(self, interests: Dict[socket.socket, int]) -> None:
        if interests == self._watched:
            return
        for number in self._numbers:
            self._loop.remove_reader(number)
            self._loop.remove_writer(number)
        self._numbers = [watched.fileno() for watched in interests]
        for watched, events in interests.items():
            if events == select.POLLIN:
                self._loop.add_reader(watched, self._turn)
            else:
                self._loop.add_writer(watched, self._turn)
        self._watched = interests

    def _wait_for(self, deadline: Optional[float]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            seconds = max(0.0, deadline - time.monotonic())
            self._timer = self._loop.call_later(seconds, self._turn)


async def serve_async(
    function: Callable[[AsyncConnection], Awaitable[None]],
    service: Optional[str] = None,
    *,
    capacity: int = 0,
    status: Optional[str] = None,
    runtime_directory: Optional[str] = None,
    reconnect: bool = False,
    channel: str = "seqpacket",
) -> None:
    """Awaits `function` for each connection in a task of its own, and ends the
    connection afterwards.

    Returns after a drain, when every task has ended; raises HandlerError when
    the supervisor refuses or goes away. Cancelled, it cancels them. What
    `function` raises is printed, and concerns its connection only.
    """

    async def run(connection: AsyncConnection) -> None:
        async with connection:
            try:
                await function(connection)
            except (ConnectionError, PassRefused, asyncio.IncompleteReadError):
                pass  # the client is gone, or goes now
            except Exception:
                sys.excepthook(*sys.exc_info())

    tasks: Set[asyncio.Task[None]] = set()
    handler = AsyncHandler(
        service,
        capacity=capacity,
        status=status,
        runtime_directory=runtime_directory,
        reconnect=reconnect,
        channel=channel,
    )
    try:
        async for connection in handler:
            task = asyncio.ensure_future(run(connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await handler.close()
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        raise
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)
        await handler.close()
