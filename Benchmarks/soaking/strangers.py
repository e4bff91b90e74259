"""Those who mean no good, or go at the wrong moment: on every socket that there is."""
import array
import os
import socket
import struct

from soaking.guests import proxy_1, proxy_2
from soaking.mischief import Fault

PATIENCE = 5
# None of a guest's, so that what became of it cannot explain what became of a guest.
SOURCES = [f'127.0.2.{number}' for number in range(1, 33)]
# Handlers write down what is no request; how it begins tells that it came from here.
STRANGER = b'~' * 16
# REGISTER, PASS and what else a handler says; message.h has them.
REGISTER, ACK, DONE, PASS, STATUS = 1, 2, 3, 5, 8


def message(kind, body=b'', number=0, flags=0, length=None):
    return struct.pack('=IHHQ', 16 + len(body) if length is None else length, kind, flags, number) + body


def registration(service, version=1, traits=0, capacity=0):
    return message(REGISTER, struct.pack('=HHI', version, traits, capacity) + service)


class Stranger(Fault):
    services = ['exec', 'small', 'limited', 'wait', 'ack', 'done', 'fallback', 'fickle', 'proxied', 'relay', 'front',
                'mux', 'script', 'echo', 'echo-relay', 'daytime', 'time', 'discard', 'chargen', 'shifty']

    def connect(self, service):
        connection = socket.socket()
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        connection.bind((self.random.choice(SOURCES), 0))
        connection.connect(self.place.known[service]['tcp'])
        self.place.tally.connected(service)
        return connection

    def runtime(self, name, kind):
        connection = socket.socket(socket.AF_UNIX, kind)
        connection.settimeout(PATIENCE)
        connection.connect(f'{self.place.supervisor.runtime}/{name}')
        return connection

    def leave(self, connection):
        """With a FIN, a reset, or a half-close first."""
        way = self.random.randrange(3)
        if way == 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        elif way == 1:
            connection.shutdown(socket.SHUT_WR)
        connection.close()

    def garbage(self, most=70000):
        return STRANGER + self.random.randbytes(self.random.choice([0, 1, 15, 16, 100, 4096, most]))

    def opening(self, service):
        """What gets through to the service, or the beginning of it."""
        source = self.random.choice(SOURCES)
        if service == 'proxied':
            return self.random.choice([proxy_1, proxy_2])(source, 1000)
        if service == 'mux':
            return self.random.choice([b'mux-exec\r\n', b'mux-ack\r\n', b'HELP\r\n', b'nobody\r\n'])
        return b''

    def later(self, connection):
        """Stays for a moment, and goes."""
        return self.random.uniform(0, 0.5), lambda: self.leave(connection)


class Vanish(Stranger):
    """Connects, says nothing or a part of what it should, and goes."""

    name, weight = 'vanish', 20

    def make(self):
        service = self.random.choice(self.services)
        connection = self.connect(service)
        said = self.opening(service) + STRANGER + b' a 000000 0000.\n'
        connection.send(said[:self.random.choice([0, 0, 1, len(said) // 2, len(said)])])
        return self.later(connection)


class VanishAtOnce(Stranger):
    """Many, from the backlog."""

    name, weight = 'vanish from the backlog', 4

    def make(self):
        service = self.random.choice(self.services)
        some = [self.connect(service) for _ in range(20)]
        for connection in some:
            self.leave(connection)


class VanishFromFile(Stranger):
    """From sockets in the file system, some of which are not always there."""

    name, weight = 'vanish from a file', 6

    def make(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.place.work / self.random.choice(['echo.sock', 'shifty.sock', 'guest.sock'])))
        if self.random.random() < 0.3:
            send_descriptor(connection, b'x', 2)
        else:
            connection.send(self.garbage(1000))
        return self.later(connection)


class NoReader(Stranger):
    """Asks for much, reads a little of it, and goes."""

    name, weight = 'answer not read', 4

    def make(self):
        connection = self.connect(self.random.choice(['chargen', 'echo', 'echo-relay']))
        connection.setblocking(False)
        try:
            while connection.send(bytes(65536)):
                pass
        except BlockingIOError:
            pass
        return self.later(connection)


class Garbage(Stranger):
    name, weight = 'garbage for a service', 12

    def make(self):
        service = self.random.choice(self.services)
        connection = self.connect(service)
        connection.setblocking(False)
        connection.send(self.opening(service) + self.garbage())
        if self.random.random() < 0.2:
            connection.send(b'!', socket.MSG_OOB)
        return self.later(connection)


class BadProxyHeader(Stranger):
    name, weight = 'bad PROXY header', 6

    def make(self):
        connection = self.connect('proxied')
        good = self.random.choice([proxy_1, proxy_2])('127.0.1.1', 1)
        spoilt = bytearray(good)
        spoilt[self.random.randrange(len(good))] = self.random.randrange(256)
        connection.send(self.random.choice([
            bytes(spoilt), good[:self.random.randrange(len(good))], b'PROXY TCP4 1.2.3.4 1.2.3.4 99999 1\r\n',
            b'PROXY ' + b'X' * 200, b'PROXY UNKNOWN\r\n', good[:12] + b'\x21\x11\xff\xff', b'GET / HTTP/1.0\r\n\r\n']))
        return self.later(connection)


class BadRoute(Stranger):
    """For route and tcpmux: first bytes that lead nowhere, or come one by one."""

    name, weight = 'bad first bytes', 6

    def make(self):
        front = self.random.random() < 0.5
        connection = self.connect('front' if front else 'mux')
        connection.send(self.random.choice(
            [b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01\x02\0\1', b'SSH-2.0-x\r\n', b'~']) if front else
            self.random.choice([b'x' * 300, b'\r\n', b'\0\0\r\n', b'mux-exec', b'mux-exec\n', b'+\r\n', b'HELP\r\n']))
        return self.later(connection)


class Datagrams(Stranger):
    name, weight = 'garbage datagrams', 6

    def make(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            # From a low port it would be the beginning of a loop.
            sender.bind(('127.0.0.1', 7 if self.place.is_root and self.random.random() < 0.3 else 0))
            for _ in range(20):
                service = self.random.choice(['echo', 'datagrams'])
                sender.sendto(self.random.randbytes(self.random.choice([0, 1, 10, 1400, 60000])),
                              self.place.known[service]['udp'])


class BadControl(Stranger):
    name, weight = 'bad control requests', 8

    REQUESTS = [
        b'\n', b'{\n', b'[' * 20 + b'\n', b'{"method": "status"', b'{"method": "nothing"}\n', b'\xff\xfe\n', b'null\n',
        b'{"method": "status", "method": "status"}\n', b'{"method": "stop", "params": {"servces": ["x"]}}\n',
        b'{"method": "pause", "params": {"services": ["nobody"]}}\n', b'{"id": "\\ud800", "method": "status"}\n',
        b'x' * 70000, b'{"method": "status"}\n' * 50, b'{"method": "events", "params": {"follow": true}}\n',
        b'{"method": "restart", "params": {"services": ["done"]}}\n', b'{"method": "metrics"}\n' * 5]

    def make(self):
        connection = self.runtime('control.sock', socket.SOCK_STREAM)
        connection.setblocking(False)
        request = self.random.choice(self.REQUESTS)
        if self.random.random() < 0.2:
            send_descriptor(connection, request, 0)
        else:
            connection.send(request[:self.random.choice([len(request), self.random.randrange(len(request) + 1)])])
        return self.later(connection)


class CrowdAtControl(Stranger):
    """More than there are places for."""

    name, weight = 'crowd at the control socket', 1

    def make(self):
        crowd = [self.runtime('control.sock', socket.SOCK_STREAM) for _ in range(80)]
        return self.random.uniform(0, 1), lambda: [one.close() for one in crowd]


class BadRegistration(Stranger):
    name, weight = 'bad registration', 10

    def make(self):
        is_stream = self.random.random() < 0.5
        name, kind = (('register.stream.sock', socket.SOCK_STREAM) if is_stream else
                      ('register.sock', socket.SOCK_SEQPACKET))
        connection = self.runtime(name, kind)
        sent = self.random.choice([
            b'\0', self.random.randbytes(64), registration(b'nobody'), registration(b'ack', version=7),
            registration(b'exec'), registration(b'\xff'), registration(b'ack', traits=0xffff), message(99),
            message(ACK, number=5), message(DONE, b'12345678'), message(STATUS, b'x' * 2000), message(REGISTER),
            message(REGISTER, length=5), message(REGISTER, length=1 << 30), registration(b'ack')[:20],
            message(PASS, struct.pack('=HHI', 3, 0, 0) + b'ack', 1 << 63),
            message(PASS, struct.pack('=HHI', 300, 0, 70000) + b'ack', 1 << 63)])
        if self.random.random() < 0.3:
            send_descriptor(connection, sent, self.random.randrange(3))
        else:
            connection.send(sent)
        return self.later(connection)


class RegisterAndVanish(Stranger):
    """A handler that is gone before it takes what it is given, or reads nothing of it."""

    name, weight = 'register and vanish', 4

    def make(self):
        connection = self.runtime('register.sock', socket.SOCK_SEQPACKET)
        connection.send(registration(self.random.choice([b'ack', b'done', b'fallback']), capacity=8))
        return self.random.uniform(0, 0.3), connection.close


class IdleRegistrations(Stranger):
    """All places of a uid, for a while."""

    name, weight = 'idle registrations', 1

    def make(self):
        crowd = [self.runtime('register.sock', socket.SOCK_SEQPACKET) for _ in range(20)]
        return self.random.uniform(0, 2), lambda: [one.close() for one in crowd]


class BadNotification(Stranger):
    name, weight = 'bad notification', 6

    def make(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(f'{self.place.supervisor.runtime}/notify.sock')
            sent = self.random.choice([
                b'', b'READY=1', b'=', b'\0', b'X' * 4096, b'STATUS=' + b'\xff' * 3000, b'MAINPID=1',
                b'WATCHDOG=trigger', self.random.randbytes(100), b'STOPPING=1\n' * 300])
            if self.random.random() < 0.3:
                send_descriptor(sender, sent or b'FDSTORE=1', 3)
            else:
                sender.send(sent)


def send_descriptor(connection, sent, count):
    """With a pipe that nobody closes but us."""
    reading, writing = os.pipe()
    try:
        rights = array.array('i', [reading, writing] * count)
        connection.sendmsg([sent], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if count else [])
    finally:
        os.close(reading)
        os.close(writing)


ALL = [Vanish, VanishAtOnce, VanishFromFile, NoReader, Garbage, BadProxyHeader, BadRoute, Datagrams, BadControl,
       CrowdAtControl, BadRegistration, RegisterAndVanish, IdleRegistrations, BadNotification]
