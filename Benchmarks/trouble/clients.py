"""The clients of the storm: quick, slow, long, passed on, and gone before they have asked.

Each connection says a nonce of its own. What it must hear is that nonce, and the checksum of all it sent.
"""
import collections
import multiprocessing
import random
import socket
import struct
import threading
import time

LINE, SHORT_ANSWER, LONG_ANSWER, LONGEST_PAYLOAD = 32, 45, 262144, 57344
BIND_ADDRESS_NO_PORT = 24
PATIENCE = 60
# Behaviour: how many of a hundred.
BEHAVIOURS = {'short': 50, 'half_closed': 6, 'trickling': 8, 'long': 6, 'slow_reader': 8, 'passed_on': 14, 'leaving': 8}


def checksum(payload):
    """FNV-1a, 64 bit."""
    value = 0xcbf29ce484222325
    for byte in payload:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


class Payloads:
    """Some with their checksums, made once: that takes Python long."""

    def __init__(self, seed):
        numbers = random.Random(seed)
        contents = [numbers.randbytes(numbers.randrange(1, LONGEST_PAYLOAD)) for _ in range(16)]
        self.all = [(content, checksum(content)) for content in contents]
        self.nothing = (b'', checksum(b''))


class Client(threading.Thread):
    """One connection after another."""

    def __init__(self, number, seed, payloads, schedule):
        super().__init__()
        self.number, self.payloads, self.schedule = number, payloads, schedule
        self.random = random.Random(f'{seed}/{number}')
        self.pause = threading.Event()
        self.issued = 0
        # (service, what became of it) → how many; and the nonces of those that were not answered
        self.outcomes, self.unanswered, self.faults = collections.Counter(), [], []

    def run(self):
        while (service := self.schedule.service()) is not None:
            behaviour = self.random.choices(list(BEHAVIOURS), list(BEHAVIOURS.values()))[0]
            nonce = b'%06x%010x' % (self.number, self.issued)
            self.issued += 1
            try:
                outcome = self.ask(self.schedule.addresses[service], behaviour, nonce)
            except TimeoutError:
                outcome = 'stuck'
            except ConnectionRefusedError:
                outcome = 'not connected'
            except OSError:
                outcome = 'left' if behaviour == 'leaving' else 'unanswered'
            self.outcomes[service, outcome] += 1
            if outcome not in ('answered', 'left'):
                self.unanswered.append((nonce.decode(), outcome))

    def ask(self, address, behaviour, nonce):
        with socket.socket() as connection:
            self.connect(connection, address, behaviour)
            return self.exchange(connection, behaviour, nonce)

    def connect(self, connection, address, behaviour):
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        connection.bind((f'127.0.0.{self.random.randrange(1, 33)}', 0))
        if behaviour == 'slow_reader':
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)

    def exchange(self, connection, behaviour, nonce):
        is_long = behaviour in ('long', 'slow_reader')
        payload, wanted = self.payloads.nothing
        if behaviour == 'passed_on':
            payload, wanted = self.random.choice(self.payloads.all)
        kind = b'p' if behaviour == 'passed_on' else b'b' if is_long else b'a'
        delay = self.random.choice([0, 0, 0, self.random.randrange(300)])
        line = b'%s %s %06d %04d.\n' % (nonce, kind, len(payload), delay)
        if behaviour == 'leaving':
            return self.leave(connection, line)
        self.say(connection, line, payload, behaviour)
        answer = self.hear(connection, behaviour == 'slow_reader')
        return self.judge(answer, nonce, wanted, is_long)

    def leave(self, connection, line):
        """Goes with a FIN or a reset, with some of the line said or none."""
        connection.send(line[:self.random.randrange(LINE)])
        if self.random.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        return 'left'

    def say(self, connection, line, payload, behaviour):
        if behaviour == 'trickling':
            for start in range(0, LINE, 8):
                connection.sendall(line[start:start + 8])
                self.pause.wait(self.random.random() * 0.05)
        else:
            connection.sendall(line)
        for start in range(0, len(payload), 16384):
            connection.sendall(payload[start:start + 16384])
        if behaviour == 'half_closed':
            connection.shutdown(socket.SHUT_WR)

    def hear(self, connection, slowly):
        answer = bytearray()
        while part := connection.recv(16384 if slowly else 1 << 20):
            answer += part
            if slowly:
                self.pause.wait(0.02)
        return answer

    def judge(self, answer, nonce, wanted, is_long):
        if len(answer) < SHORT_ANSWER + (LONG_ANSWER if is_long else 0):
            return 'unanswered'
        head = bytes(answer[:SHORT_ANSWER])
        right = (head[:17] == nonce + b' ' and head[28:] == b'%016x\n' % wanted
                 and len(answer) == SHORT_ANSWER + (LONG_ANSWER if is_long else 0))
        if not right:
            self.faults.append(f'{nonce.decode()} expected {wanted:016x} and got {head}, {len(answer)} bytes')
        return 'answered' if right else 'wrong'


class Schedule:
    """Which service is asked when: all of them in turn, until the time is over."""

    def __init__(self, addresses, seconds):
        self.addresses = addresses
        self.names = list(addresses)
        self.begin = time.monotonic()
        self.end = self.begin + seconds
        # No shorter than what it takes a stopped handler to be found out.
        self.phase = min(10, max(2, seconds / len(self.names)))

    def service(self):
        now = time.monotonic()
        return self.names[int((now - self.begin) / self.phase) % len(self.names)] if now < self.end else None


def run(count, seed, schedule, results):
    """The clients' process: puts (client → how many it began, outcomes, the unanswered, faults) into the queue."""
    payloads = Payloads(seed)
    clients = [Client(number, seed, payloads, schedule) for number in range(count)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    outcomes = sum((client.outcomes for client in clients), collections.Counter())
    results.put((
        {client.number: client.issued for client in clients}, outcomes,
        [entry for client in clients for entry in client.unanswered],
        [fault for client in clients for fault in client.faults]))


def start(count, seed, schedule):
    """The process, and the queue that its one result comes through."""
    results = multiprocessing.Queue()
    process = multiprocessing.Process(target=run, args=(count, seed, schedule, results))
    process.start()
    return process, results
