"""Where a channel comes from: inherited from Baton, or made by registering."""

from __future__ import annotations

import array
import os
import random
import socket
import stat
import struct
from dataclasses import dataclass
from typing import Callable, Dict, Optional

from .channel import Channel, DatagramChannel, StreamChannel
from .errors import HandlerError
from .messages import LONGEST_NAME, SENDS_NO_DONE, VERSION, register

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0
# For the supervisor to take a connection out of its backlog.
_PATIENCE = 5.0


@dataclass
class Registration:
    """What a handler says when it registers, and how."""

    service: bytes
    capacity: int
    sends_done: bool
    runtime_directory: Optional[str]
    reconnect: bool
    kind: str

    @classmethod
    def checked(
        cls,
        service: Optional[str],
        capacity: int,
        sends_done: bool,
        runtime_directory: Optional[str],
        reconnect: bool,
        kind: str,
    ) -> Registration:
        name = (service or os.environ.get("BATON_SERVICE", "")).encode()
        if not name or len(name) > LONGEST_NAME:
            raise HandlerError("no service: give its name, or set BATON_SERVICE")
        if kind not in _OPENERS:
            raise HandlerError(f"channel is one of {', '.join(_OPENERS)}")
        if "BATON_CHANNEL" in os.environ:
            reconnect = False  # it ends with its channel
        return cls(
            name, capacity, sends_done, runtime_directory, reconnect, kind
        )

    @property
    def message(self) -> bytes:
        traits = 0 if self.sends_done else SENDS_NO_DONE
        return register(self.service, traits, self.capacity)

    def open(self) -> Channel:
        """A channel on which REGISTER has been sent; OSError or HandlerError."""
        if "BATON_CHANNEL" in os.environ:
            channel = Channel(_inherited())
            channel.socket.send(self.message)
            # The number means nothing to programs that this one starts: it is
            # closed there.
            del os.environ["BATON_CHANNEL"]
            return channel
        return _OPENERS[self.kind](self)

    def connect(self, name: str, kind: socket.SocketKind) -> socket.socket:
        directory = _runtime_directory(self.runtime_directory)
        connected = socket.socket(socket.AF_UNIX, kind)
        try:
            # One that registers again must not wait: it has an event loop, or
            # connections to report.
            connected.settimeout(0 if self.reconnect else _PATIENCE)
            path = os.path.join(directory, name)
            connected.connect(path)
            _check_listener(connected, path)
        except BaseException:
            connected.close()
            raise
        return connected


def _open_seqpacket(registration: Registration) -> Channel:
    connected = registration.connect("register.sock", socket.SOCK_SEQPACKET)
    return _registered(Channel(connected), registration)


def _open_stream(registration: Registration) -> Channel:
    connected = registration.connect("register.stream.sock", socket.SOCK_STREAM)
    return _registered(StreamChannel(connected), registration)


def _open_datagram(registration: Registration) -> Channel:
    lifeline = registration.connect("register.sock", socket.SOCK_SEQPACKET)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with theirs:
        rights = array.array("i", [theirs.fileno()])
        try:
            lifeline.sendmsg(
                [registration.message],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)],
                socket.MSG_NOSIGNAL,
            )
        except BaseException:
            ours.close()
            lifeline.close()
            raise
    return DatagramChannel(ours, lifeline)


def _registered(channel: Channel, registration: Registration) -> Channel:
    try:
        channel.send(registration.message)  # the first: there is room
    except BaseException:
        channel.close()
        raise
    return channel


_OPENERS: Dict[str, Callable[[Registration], Channel]] = {
    "seqpacket": _open_seqpacket,
    "stream": _open_stream,
    "datagram": _open_datagram,
}


def delay(attempts: int) -> float:
    """Seconds before the next attempt. A quarter more or less, so that the
    handlers of one supervisor do not all come back in the same moment."""
    base = min(_FIRST_DELAY * 2.0 ** min(attempts, 16), _LONGEST_DELAY)
    return base * random.uniform(0.75, 1.25)


def _inherited() -> socket.socket:
    inherited = os.environ["BATON_CHANNEL"]
    if os.environ.get("BATON_PROTOCOL", "1") != str(VERSION):
        raise HandlerError("BATON_PROTOCOL is not 1")
    if not (inherited.isascii() and inherited.isdigit()):
        raise HandlerError("BATON_CHANNEL is no descriptor number")
    number = int(inherited)
    # At once: a child that kept the channel would keep this handler from ever
    # being gone.
    os.set_inheritable(number, False)
    channel = socket.socket(fileno=number)
    if channel.type != socket.SOCK_SEQPACKET:
        channel.detach()
        raise HandlerError("BATON_CHANNEL is no seqpacket socket")
    return channel


def _check_listener(connected: socket.socket, path: str) -> None:
    """Whatever way led there, SO_PEERCRED has who called listen(2)."""
    form = "=iII"
    peer = connected.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form)
    )
    user = struct.unpack(form, peer)[1]
    if user not in (0, os.geteuid()):
        raise HandlerError(f"{path} is not root's or ours")


def _runtime_directory(given: Optional[str]) -> str:
    """RUNTIME_DIR; refused when others could have put it there."""
    user = os.geteuid()
    session = os.environ.get("XDG_RUNTIME_DIR")
    path = given or os.environ.get("BATON_RUNTIME_DIRECTORY")
    if not path:
        if user == 0:
            path = "/run/baton"
        elif session is not None and os.path.isabs(session):
            path = os.path.join(session, "baton")
        else:
            path = f"/tmp/baton-{user}"
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise HandlerError(f"{path} is a link, or no directory")
    if status.st_uid not in (0, user) or status.st_mode & stat.S_IWOTH:
        raise HandlerError(f"{path} is not root's or ours alone")
    return path
