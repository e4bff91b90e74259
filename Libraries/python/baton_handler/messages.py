"""The messages of docs/protocol.md as bytes: written, and read with nothing
trusted before it is checked. Nothing here touches a socket."""

from __future__ import annotations

import ipaddress
import os
import struct
from typing import NamedTuple, Optional, Tuple, Union

from .errors import MalformedMessage

VERSION = 1
SERVES_ON_CHANNEL_THREAD = 1
SENDS_NO_DONE = 2

REGISTER, ACK, DONE, PONG, PASS, CAPACITY, DRAIN, STATUS, NACK = range(1, 10)
WELCOME, BATON, PING, SUPERVISOR_DRAIN, REJECT, PASSED = range(16, 22)

LONGEST_MESSAGE = 65536
LONGEST_DRAINED = 61440
LONGEST_NAME = 255
LONGEST_PROXY_HEADER = 536
LONGEST_TEXT = 1024
BATCH = 64  # batons read before one ACK; no more ever stand unacknowledged
IDS_A_MESSAGE = 512  # connections named by one DONE
# Unanswered; Baton reads no more from who leaves 64 answers unread.
PASSES_AT_ONCE = 32
# The ids of PASS for connections that the supervisor does not count as ours.
ELSEWHERE = 1 << 63

# Host byte order without padding: both ends are on one machine.
HEADER = struct.Struct("=IHHQ")
_BATON_BODY = struct.Struct("=QHHI")
_REGISTER_BODY = struct.Struct("=HHI")
_WELCOME_BODY = struct.Struct("=HHI")
_PASS_BODY = struct.Struct("=HHI")
_PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

Address = Union[Tuple[str, int], str]


class Message(NamedTuple):
    kind: int
    flags: int
    id: int
    body: bytes


class Baton(NamedTuple):
    id: int
    connection: int
    was_sent_before: bool
    service: str
    listener: str
    drained: bytes
    proxy_header: bytes


def message(kind: int, number: int = 0, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, 0, number) + body


def register(service: bytes, traits: int, capacity: int) -> bytes:
    return message(
        REGISTER, 0, _REGISTER_BODY.pack(VERSION, traits, capacity) + service
    )


def pass_on(number: int, service: bytes, drained: bytes) -> bytes:
    fixed = _PASS_BODY.pack(len(service), 0, len(drained))
    return message(PASS, number, fixed + service + drained)


def text(string: str) -> bytes:
    """Cut to what a message may hold, not in the middle of a character."""
    return string.encode()[:LONGEST_TEXT].decode(errors="ignore").encode()


def stated_length(data: bytes) -> int:
    """The length of the message that `data` begins with; 0 when not even that
    has come."""
    if len(data) < 4:
        return 0
    length = int(struct.unpack_from("=I", data)[0])
    if not HEADER.size <= length <= LONGEST_MESSAGE:
        raise MalformedMessage
    return length


def parse(data: bytes) -> Message:
    """Of a whole message. Flags belong to two kinds only."""
    if len(data) < HEADER.size:
        raise MalformedMessage
    length, kind, flags, number = HEADER.unpack_from(data)
    if length != len(data) or flags & ~(1 if kind in (BATON, PASSED) else 0):
        raise MalformedMessage
    return Message(kind, flags, number, data[HEADER.size:])


def check_welcome(body: bytes) -> None:
    if len(body) != _WELCOME_BODY.size:
        raise MalformedMessage
    if _WELCOME_BODY.unpack(body)[0] != VERSION:
        raise MalformedMessage


def parse_baton(came: Message) -> Baton:
    body = came.body
    if came.id == 0 or len(body) < _BATON_BODY.size:
        raise MalformedMessage
    connection, service, listener, drained = _BATON_BODY.unpack_from(body)
    ends = [_BATON_BODY.size]
    for size in (service, listener, drained):
        ends.append(ends[-1] + size)
    if (
        service > LONGEST_NAME
        or listener > LONGEST_NAME
        or drained > LONGEST_DRAINED
        or ends[3] > len(body)
        or len(body) - ends[3] > LONGEST_PROXY_HEADER
    ):
        raise MalformedMessage
    try:
        return Baton(
            id=came.id,
            connection=connection,
            was_sent_before=bool(came.flags),
            service=body[ends[0]: ends[1]].decode(),
            listener=body[ends[1]: ends[2]].decode(),
            drained=body[ends[2]: ends[3]],
            proxy_header=body[ends[3]:],
        )
    except UnicodeDecodeError as error:
        raise MalformedMessage from error


def proxy_source(header: bytes) -> Optional[Address]:
    """The source address of a PROXY protocol v2 header, if it has one."""
    if len(header) < 16 or header[:12] != _PROXY_SIGNATURE or header[12] != 0x21:
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
