"""What is said on the channel, and when. An exchange never waits: a thread or
an event loop gives it its turns, when a socket of `interests` is ready, when
`deadline` has passed, or when there is something new in its outbox."""

from __future__ import annotations

import errno
import select
import socket
import time
from collections import deque
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Protocol

from .channel import Channel, Sending, close_all
from .errors import HandlerError, MalformedMessage
from .messages import (
    ACK, BATCH, BATON, ELSEWHERE, LONGEST_TEXT, NACK, PASSED, PASSES_AT_ONCE, PING,
    PONG, REJECT, SUPERVISOR_DRAIN, WELCOME, Baton, Message, check_welcome, message,
    parse, parse_baton, pass_on, text,
)
from .outbox import Outbox, Passing, Place
from .registration import Registration, delay

_RETRY_SEND = 0.01  # seconds, after the kernel was short of memory
# A supervisor that is not there yet, or that is just going.
_ABSENT = (
    errno.ENOENT, errno.ECONNREFUSED, errno.EAGAIN, errno.EPIPE, errno.ECONNRESET,
)
_BROKEN = (errno.EPIPE, errno.ECONNRESET, errno.ECONNREFUSED, errno.ENOTCONN)
_GONE = "the supervisor is gone"


class Owner(Protocol):
    def arrived(self, baton: Baton, connected: socket.socket, place: Place) -> None:
        """A connection, acknowledged."""

    def finished(self) -> None:
        """No more connections come; once."""


class _Outgoing(NamedTuple):
    message: bytes
    sent: Callable[[], None] = lambda: None
    passing: Optional[Passing] = None


class _Received(NamedTuple):
    baton: Baton
    connected: socket.socket
    place: Place


class Exchange:
    def __init__(self, registration: Registration, owner: Owner) -> None:
        """Registers; HandlerError when that fails and cannot be tried again."""
        self._registration = registration
        self._owner = owner
        self.outbox = Outbox(registration.sends_done)
        # What came and has no ACK yet, what goes out before more is read, and
        # what is being written.
        self._channel: Optional[Channel] = None
        self._received: List[_Received] = []
        self._replies: Deque[bytes] = deque()
        self._outgoing: Optional[_Outgoing] = None
        self._passing: Dict[int, Passing] = {}
        self._own_ids = 0
        self._is_leaving = False  # the supervisor asked to drain this channel
        self._has_finished = False
        self._sending = Sending.SENT
        self._attempts = 0
        self.deadline: Optional[float] = None
        self._is_lost = False  # the channel has ended, and none comes after it
        #: That, and every connection has ended.
        self.is_over = False
        #: Why, unless it was asked for.
        self.error: Optional[str] = None
        try:
            self._register()
        except OSError as error:
            if not registration.reconnect or error.errno not in _ABSENT:
                raise HandlerError(f"cannot register: {error}") from error
            self._retry_later()

    # The turn

    @property
    def interests(self) -> Dict[socket.socket, int]:
        """What to wait for: nothing is read while an answer waits for room."""
        if self._channel is None:
            return {}
        watched = self._channel.watched
        if self._sending is Sending.FULL:
            return {watched[0]: select.POLLOUT}
        if self._sending is Sending.SHORT:
            return {}  # it is writable: the deadline is what to wait for
        return dict.fromkeys(watched, select.POLLIN)

    def turn(self) -> None:
        """Writes what waits and reads what is there."""
        if self._is_lost:
            self.is_over = self.outbox.is_empty(of_this_channel=False)
            return
        if self._channel is None:
            self._try_to_register()
        if self._channel is None:
            return
        self.deadline = None
        try:
            self._exchange(self._channel)
        except MalformedMessage:
            self._leave("protocol error: malformed message from the supervisor")
        except OSError as error:
            self._leave(f"{_GONE} ({error.strerror})")

    def _exchange(self, channel: Channel) -> None:
        while True:
            self._sending = self._flush(channel)
            if self._sending is Sending.SHORT:
                self.deadline = time.monotonic() + _RETRY_SEND
            if self._sending is not Sending.SENT:
                return
            came = self._read_batch(channel)
            if self._channel is None:
                return
            if came is None:
                is_asked = self.outbox.is_draining or self._is_leaving
                self._leave(None if is_asked else _GONE)
                return
            if not came:
                break
        is_draining = self.outbox.is_draining
        if is_draining:
            self._finish()
        if (is_draining or self._is_leaving) and not self._passing:
            if self.outbox.is_empty(of_this_channel=not is_draining):
                self._leave(None)

    # From one channel to the next

    def _register(self) -> None:
        self._channel = self._registration.open()
        self._sending = Sending.SENT
        self._is_leaving = False
        self.deadline = self.error = None
        self.outbox.open()

    def _try_to_register(self) -> None:
        if self.outbox.is_draining:
            self._finish()
            self.is_over = self.outbox.is_empty(of_this_channel=False)
        elif self.deadline is None or time.monotonic() >= self.deadline:
            try:
                self._register()
            except (OSError, HandlerError) as error:
                self.error = f"cannot register: {error}"
                self._retry_later()

    def _retry_later(self) -> None:
        self.deadline = time.monotonic() + delay(self._attempts)
        self._attempts += 1

    def _leave(self, error: Optional[str]) -> None:
        """Closes the channel; then it is over, or registers again."""
        channel, self._channel = self._channel, None
        if channel is None:
            return
        channel.close()
        self._give_back_received()
        passes = [*self._passing.values(), *self.outbox.close()]
        self._replies.clear()
        self._passing.clear()
        self._outgoing = None
        for passing in passes:
            passing.refuse(_GONE)
        self.error = error
        if self._registration.reconnect and not self.outbox.is_draining:
            self._retry_later()
        else:
            self._is_lost = True
            self.is_over = self.outbox.is_empty(of_this_channel=False)
            self._finish()

    def _give_back_received(self) -> None:
        for received in self._received:
            # Baton gives it to another handler: not ours to shut down.
            received.connected.close()
            self.outbox.give_back(received.place)
        self._received.clear()

    def _finish(self) -> None:
        if not self._has_finished:
            self._has_finished = True
            self._owner.finished()

    # Writing

    def _flush(self, channel: Channel) -> Sending:
        while True:
            outgoing = self._outgoing or self._next()
            if outgoing is None:
                return Sending.SENT
            self._outgoing = outgoing
            result = self._send(channel, outgoing)
            if result is not Sending.SENT:
                return result
            self._outgoing = None
            outgoing.sent()

    def _send(self, channel: Channel, outgoing: _Outgoing) -> Sending:
        passing = outgoing.passing
        descriptor = passing.connected.fileno() if passing else None
        try:
            return channel.send(outgoing.message, descriptor)
        except OSError as error:
            if passing is not None and error.errno not in _BROKEN:
                del self._passing[passing.number]
                passing.refuse(str(error.strerror))
                return Sending.SENT
            self._hear_last_words(channel)
            raise

    def _hear_last_words(self, channel: Channel) -> None:
        """A supervisor that refuses says so and closes: its reason may still be
        there to read."""
        while self._channel is not None and self._read_batch(channel):
            self._replies.clear()
            self._give_back_received()

    def _next(self) -> Optional[_Outgoing]:
        """What goes out before what: a NACK before any ACK of as much or
        more."""
        if self._replies:
            return _Outgoing(self._replies.popleft())
        if self._received:
            return _Outgoing(
                message(ACK, self._received[-1].baton.id), self._own_received
            )
        if len(self._passing) < PASSES_AT_ONCE:
            passing = self.outbox.next_pass()
            if passing is not None:
                return self._pass(passing)
        other = self.outbox.next_message()
        return None if other is None else _Outgoing(other)

    def _pass(self, passing: Passing) -> _Outgoing:
        if passing.place is not None and self.outbox.is_counted(passing.place):
            passing.number = passing.place.id
        else:
            self._own_ids += 1
            passing.number = ELSEWHERE | self._own_ids
        self._passing[passing.number] = passing
        return _Outgoing(
            pass_on(passing.number, passing.service, passing.drained),
            passing=passing,
        )

    def _own_received(self) -> None:
        """Ours once its ACK is sent, and not before."""
        received, self._received = self._received, []
        for each in received:
            self._owner.arrived(*each)

    # Reading

    def _read_batch(self, channel: Channel) -> Optional[bool]:
        """True: something came, flush and read on; False: nothing is there;
        None: it is over."""
        came = False
        while len(self._received) < BATCH and not self._replies:
            try:
                received = channel.receive()
            except BlockingIOError:
                return came
            if received is None:
                return None
            try:
                self._take(parse(received.data), received.descriptors)
            finally:
                close_all(received.descriptors)
            if self._channel is None:
                return None
            came = True  # a PASSED, too, lets something go out
        return True

    def _take(self, came: Message, descriptors: List[int]) -> None:
        """Takes one message, and its descriptor out of the list."""
        if came.kind == BATON:
            return self._take_baton(parse_baton(came), descriptors)
        if descriptors:
            raise MalformedMessage
        if came.kind == PASSED and len(came.body) <= LONGEST_TEXT:
            self._take_passed(came)
        elif came.kind == REJECT:
            reason = came.body[:LONGEST_TEXT].decode(errors="replace")
            self._leave(f"the supervisor refuses: {reason}")
        elif came.kind == WELCOME:
            check_welcome(came.body)
            self._attempts = 0
        elif came.body:
            raise MalformedMessage
        elif came.kind == PING:
            self._replies.append(message(PONG, came.id))
        elif came.kind == SUPERVISOR_DRAIN:
            self._is_leaving = True
            if not self._registration.reconnect:
                self.outbox.was_told_to_drain()
        else:
            raise MalformedMessage

    def _take_passed(self, came: Message) -> None:
        passing = self._passing.pop(came.id, None)
        if passing is None:
            raise MalformedMessage
        if came.flags:
            reason = came.body.decode(errors="replace")
            return passing.refuse(reason, is_answered=True)
        if passing.place is not None:
            self.outbox.give_back(passing.place)
        passing.outcome.set_result(None)

    def _take_baton(self, baton: Baton, descriptors: List[int]) -> None:
        # Replies go first, and nothing is read until they are out.
        if len(descriptors) != 1:
            reason = b"out of descriptors"
        elif self._has_finished or self._is_leaving:
            reason = b"draining"  # nobody would take it
        else:
            try:
                connected = socket.socket(fileno=descriptors[0])
            except OSError as error:
                reason = text(str(error))
            else:
                descriptors.clear()
                place = self.outbox.hold(baton.id)
                self._received.append(_Received(baton, connected, place))
                return
        self._replies.append(message(NACK, baton.id, reason))
