"""What a program has to say to the supervisor, and what it holds: from any
thread, at any time."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from concurrent.futures import Future
from typing import Deque, List, NamedTuple, Optional

from .errors import PassRefused
from .messages import (
    CAPACITY, DONE, DRAIN, IDS_A_MESSAGE, LONGEST_DRAINED, LONGEST_NAME, STATUS,
    message, text,
)


class Place(NamedTuple):
    """What a connection is known by: its id, and the channel it came over."""

    id: int
    channel: int


class Passing:
    """A connection on its way elsewhere; `outcome` has no value, or raises
    PassRefused. Taken, it is to be closed and not shut down: the stream goes on
    elsewhere."""

    def __init__(
        self, connected: socket.socket, place: Optional[Place], service: str,
        drained: bytes,
    ) -> None:
        self.connected = connected
        self.place = place
        self.service = service.encode()
        self.drained = drained
        self.number = 0
        self.outcome: Future[None] = Future()
        self.outcome.set_running_or_notify_cancel()  # there is no way back
        if len(self.service) > LONGEST_NAME:
            raise ValueError("the service's name is too long")
        if len(drained) > LONGEST_DRAINED:
            raise PassRefused("too many bytes have been drained", is_answered=False)

    def refuse(self, reason: str, is_answered: bool = False) -> None:
        self.outcome.set_exception(PassRefused(reason, is_answered))


class Outbox:
    """It outlives the channels. `channel` is the number of the one that there
    is, None between two."""

    def __init__(self, sends_done: bool) -> None:
        self._lock = threading.Lock()
        self._sends_done = sends_done
        self._opened = 0
        self._channel: Optional[int] = None
        self._ended: Deque[int] = deque()
        self._passes: Deque[Passing] = deque()
        self._notices: Deque[bytes] = deque()
        self._status: Optional[bytes] = None
        self._held = 0  # connections that have come and not ended
        self._held_here = 0  # those that came over this channel
        self._is_draining = False

    # What the program says

    def set_capacity(self, capacity: int) -> None:
        self._say(message(CAPACITY, 0, struct.pack("=I", capacity)))

    def set_status(self, line: str) -> None:
        with self._lock:
            self._status = message(STATUS, 0, text(line))
        self._say(self._status)

    def drain(self) -> None:
        with self._lock:
            if self._is_draining:
                return
            self._is_draining = True
        self._say(message(DRAIN))

    def pass_on(self, passing: Passing) -> None:
        """Taken, the connection has ended: no `end`."""
        with self._lock:
            if self._channel is None:
                passing.refuse("the supervisor is not there")
            else:
                self._passes.append(passing)

    def end(self, place: Place) -> None:
        with self._lock:
            is_here = self._forget(place)
            if is_here and self._sends_done:
                self._ended.append(place.id)

    def _say(self, notice: bytes) -> None:
        with self._lock:
            if self._channel is not None:
                self._notices.append(notice)

    # What the channel does

    @property
    def is_draining(self) -> bool:
        """For good."""
        with self._lock:
            return self._is_draining

    def was_told_to_drain(self) -> None:
        with self._lock:
            self._is_draining = True

    def is_empty(self, of_this_channel: bool) -> bool:
        """Nothing is held, and nothing waits to be said."""
        with self._lock:
            held = self._held_here if of_this_channel else self._held
            return not (held or self._ended or self._passes or self._notices)

    def open(self) -> None:
        with self._lock:
            self._opened += 1
            self._channel = self._opened
            if self._status is not None:
                self._notices.append(self._status)

    def close(self) -> List[Passing]:
        """The channel has ended; the passes that are left."""
        with self._lock:
            self._channel = None
            self._held_here = 0
            passes = list(self._passes)
            self._passes.clear()
            self._ended.clear()
            self._notices.clear()
            return passes

    def hold(self, number: int) -> Place:
        with self._lock:
            self._held += 1
            self._held_here += 1
            return Place(number, self._opened)

    def give_back(self, place: Place) -> None:
        """It ended, and the supervisor knows."""
        with self._lock:
            self._forget(place)

    def is_counted(self, place: Optional[Place]) -> bool:
        """The supervisor takes the connection for ours."""
        with self._lock:
            return (
                place is not None
                and place.channel == self._channel
                and self._sends_done
            )

    def next_pass(self) -> Optional[Passing]:
        with self._lock:
            return self._passes.popleft() if self._passes else None

    def next_message(self) -> Optional[bytes]:
        with self._lock:
            if self._ended:
                count = min(len(self._ended), IDS_A_MESSAGE)
                ids = [self._ended.popleft() for _ in range(count)]
                return message(DONE, 0, struct.pack(f"={count}Q", *ids))
            return self._notices.popleft() if self._notices else None

    def _forget(self, place: Place) -> bool:
        """Whether the channel that it came over is there still."""
        self._held -= 1
        if place.channel != self._channel:
            return False
        self._held_here -= 1
        return True
