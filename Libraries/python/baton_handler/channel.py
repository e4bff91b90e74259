"""The three kinds of channel: whole messages with their descriptors go in and
come out, and nothing waits."""

from __future__ import annotations

import array
import enum
import errno
import socket
from collections import deque
from typing import Deque, Iterator, List, NamedTuple, Optional, Tuple

from .errors import MalformedMessage
from .messages import BATON, HEADER, LONGEST_MESSAGE, stated_length

_NOW = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
# Room for exactly one descriptor: with CMSG_SPACE a second one fits into the
# padding.
_ROOM_FOR_ONE = socket.CMSG_LEN(4)


class Sending(enum.Enum):
    SENT = enum.auto()
    FULL = enum.auto()  # the same message again when it is writable
    SHORT = enum.auto()  # the kernel is short of memory: again in a moment


class Received(NamedTuple):
    data: bytes
    descriptors: List[int]  # the receiver's, to be used or closed


class Channel:
    """A seqpacket socket: a packet is a message."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        connected.setblocking(False)

    @property
    def watched(self) -> Tuple[socket.socket, ...]:
        """What becomes readable when there is something to receive; the first
        is what messages are written to."""
        return (self.socket,)

    def send(self, message: bytes, descriptor: Optional[int] = None) -> Sending:
        """One that was not SENT must be sent again before any other.

        OSError: the channel is broken, or the descriptor cannot be sent.
        """
        try:
            self._write(message, descriptor)
        except BlockingIOError:
            return Sending.FULL
        except OSError as error:
            if error.errno in (errno.ENOBUFS, errno.ENOMEM):
                return Sending.SHORT
            raise
        return Sending.SENT

    def receive(self) -> Optional[Received]:
        """None at the end, BlockingIOError when nothing is there now."""
        while True:
            try:
                data, ancillary, flags, _ = self.socket.recvmsg(
                    LONGEST_MESSAGE, _ROOM_FOR_ONE, _NOW | socket.MSG_CMSG_CLOEXEC
                )
                break
            except ConnectionResetError:
                # Said once when the supervisor closed with something unread;
                # what it sent comes after.
                continue
        received = Received(data, list(_descriptors(ancillary)))
        if flags & socket.MSG_CTRUNC:
            close_all(received.descriptors)  # it came in bad company
        if flags & socket.MSG_TRUNC:
            close_all(received.descriptors)
            raise MalformedMessage
        return received if data else None

    def close(self) -> None:
        self.socket.close()

    def _write(self, message: bytes, descriptor: Optional[int]) -> int:
        if descriptor is None:
            return self.socket.send(message, _NOW)
        rights = array.array("i", [descriptor])
        return self.socket.sendmsg(
            [message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], _NOW
        )


class StreamChannel(Channel):
    """A stream socket: messages follow each other, and each descriptor travels
    with the first byte of its message."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__(connected)
        self._written = 0  # of the message that is being sent
        self._buffer = bytearray()
        # In the order of the BATONs; None: the kernel could not give it to us.
        self._arrived: Deque[Optional[int]] = deque()

    def _write(self, message: bytes, descriptor: Optional[int]) -> int:
        while self._written < len(message):
            rest = message[self._written:]
            first = descriptor if self._written == 0 else None
            self._written += super()._write(rest, first)
        self._written = 0
        return len(message)

    def receive(self) -> Optional[Received]:
        while True:
            length = stated_length(bytes(self._buffer[:4]))
            if 0 < length <= len(self._buffer):
                data = bytes(self._buffer[:length])
                del self._buffer[:length]
                return Received(data, self._descriptor_of(data))
            try:
                data, ancillary, flags, _ = self.socket.recvmsg(
                    LONGEST_MESSAGE, _ROOM_FOR_ONE, _NOW | socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionResetError:
                continue
            if not data:
                return None
            self._buffer += data
            # A call ends with the part that brings a descriptor, so there is
            # one message at most that begins in it and has, or lacks, one.
            if flags & socket.MSG_CTRUNC:
                close_all(list(_descriptors(ancillary)))
                self._arrived.append(None)
            else:
                self._arrived.extend(_descriptors(ancillary))

    def _descriptor_of(self, data: bytes) -> List[int]:
        if HEADER.unpack_from(data)[1] == BATON and self._arrived:
            descriptor = self._arrived.popleft()
            return [] if descriptor is None else [descriptor]
        if self._arrived and not self._buffer:
            raise MalformedMessage  # it came with a message that has none
        return []

    def close(self) -> None:
        close_all([each for each in self._arrived if each is not None])
        self._arrived.clear()
        super().close()


class DatagramChannel(Channel):
    """One end of a datagram pair, and the connection that carried the other
    end to the supervisor: its end is the channel's."""

    def __init__(self, pair: socket.socket, lifeline: socket.socket) -> None:
        super().__init__(pair)
        self._lifeline = lifeline
        lifeline.setblocking(False)

    @property
    def watched(self) -> Tuple[socket.socket, ...]:
        return (self.socket, self._lifeline)

    def receive(self) -> Optional[Received]:
        try:
            return super().receive()
        except BlockingIOError:
            try:
                # A REJECT comes here as well, if REGISTER did not get so far.
                data = self._lifeline.recv(LONGEST_MESSAGE)
            except ConnectionResetError:
                data = b""
            return Received(data, []) if data else None

    def close(self) -> None:
        # In this order: while the pair is open, what lies in it is ours.
        super().close()
        self._lifeline.close()


def close_all(descriptors: List[int]) -> None:
    for descriptor in descriptors:
        socket.close(descriptor)
    descriptors.clear()


def _descriptors(ancillary: List[Tuple[int, int, bytes]]) -> Iterator[int]:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
            yield from numbers
