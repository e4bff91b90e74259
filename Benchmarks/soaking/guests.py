"""Clients that behave well: they connect in every way that there is, ask, and hear their answer out.

They are trouble/clients.py's, with what comes before the request on some ways, and with a note of who and when they
were, so that the log can tell what became of one that was not answered.
"""
import collections
import ctypes
import itertools
import multiprocessing
import signal
import socket
import struct
import time

from trouble import clients

# Not those of handlers' own connections, which come from 127.0.0.1.
SOURCES = [f'127.0.1.{number}' for number in range(1, 33)]
# Way → service, and how many of all go it.
WAYS = {
    'exec': ('exec', 12), 'small': ('small', 6), 'memory': ('memory', 5), 'limited': ('limited', 4),
    'wait': ('wait', 10), 'ack': ('ack', 12), 'done': ('done', 12), 'fallback': ('fallback', 8),
    'fickle': ('fickle', 5), 'relay': ('relay', 8), 'proxy 1': ('proxied', 4), 'proxy 2': ('proxied', 4),
    'front': ('front', 10), 'mux-exec': ('mux', 4), 'mux-ack': ('mux', 4), 'script': ('script', 2),
}
BUSY = b'busy\r\n'
PR_SET_PDEATHSIG = 1
Unanswered = collections.namedtuple('Unanswered', 'nonce way peer begin end outcome')


def proxy_1(source, port):
    return f'PROXY TCP4 {source} 127.0.0.1 {port} 80\r\n'.encode()


def proxy_2(source, port):
    return b'\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c' + bytes(map(int, source.split('.'))) + struct.pack(
        '>4sHH', b'\x7f\0\0\1', port, 80)


class Guest(clients.Client):
    """`ends` is when it is time to go, on the monotonic clock."""

    def __init__(self, number, seed, payloads, addresses, ends, tally):
        super().__init__(number, seed, payloads, None)
        self.addresses, self.ends, self.tally = addresses, ends, tally

    def run(self):
        weights = [weight for _, weight in WAYS.values()]
        while time.monotonic() < self.ends:
            way = self.random.choices(list(WAYS), weights)[0]
            behaviour = self.random.choices(list(clients.BEHAVIOURS), list(clients.BEHAVIOURS.values()))[0]
            # What the route goes by.
            nonce = b'%06x%010x' % (self.number | self.random.randrange(2) << 20, self.issued)
            self.issued += 1
            self.note(way, nonce, behaviour, time.time())

    def note(self, way, nonce, behaviour, begin):
        self.peer = None
        service = WAYS[way][0]
        try:
            outcome = self.ask(self.addresses[service]['tcp'], (way, behaviour), nonce)
        except TimeoutError:
            outcome = 'stuck'
        except ConnectionRefusedError:
            outcome = 'not connected'
        except OSError:
            outcome = 'left' if behaviour == 'leaving' else 'unanswered'
        self.outcomes[way, outcome] += 1
        self.tally.count(outcome)
        if outcome not in ('answered', 'left'):
            self.unanswered.append(Unanswered(nonce.decode(), way, self.peer, begin, time.time(), outcome))

    def connect(self, connection, address, behaviour):
        way, behaviour = behaviour
        connection.settimeout(clients.PATIENCE)
        connection.setsockopt(socket.IPPROTO_IP, clients.BIND_ADDRESS_NO_PORT, 1)
        connection.bind((self.random.choice(SOURCES), 0))
        if behaviour == 'slow_reader':
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)
        self.tally.connected(WAYS[way][0])
        source, port = connection.getsockname()
        self.peer = f'{source}:{port}'

    def exchange(self, connection, behaviour, nonce):
        way, behaviour = behaviour
        source, port = connection.getsockname()
        if way == 'proxy 1':
            connection.sendall(proxy_1(source, port))
        elif way == 'proxy 2':
            connection.sendall(proxy_2(source, port))
        elif way.startswith('mux-'):
            connection.sendall(f'{way}\r\n'.encode())
            if way == 'mux-ack' and behaviour != 'leaving' and not self.is_told(connection):
                return 'unanswered'
        return super().exchange(connection, behaviour, nonce)

    def is_told(self, connection):
        """RFC 1078's answer: a line that begins with +."""
        line = b''
        while not line.endswith(b'\n'):
            more = connection.recv(1)
            if not more:
                return False
            line += more
        return line.startswith(b'+')

    def judge(self, answer, nonce, wanted, is_long):
        return 'unanswered' if answer == BUSY else super().judge(answer, nonce, wanted, is_long)


class Tally:
    """What is counted across processes while it goes on."""

    OUTCOMES = ['answered', 'left', 'unanswered', 'stuck', 'not connected', 'wrong']

    def __init__(self, services):
        self.services = list(services)
        self.outcomes = multiprocessing.Array('Q', len(self.OUTCOMES))
        self.connects = multiprocessing.Array('Q', len(self.services))

    def count(self, outcome):
        with self.outcomes.get_lock():
            self.outcomes[self.OUTCOMES.index(outcome)] += 1

    def connected(self, service):
        """Somebody's connection to the service has come about."""
        with self.connects.get_lock():
            self.connects[self.services.index(service)] += 1

    def made(self):
        """Service → connections that have come about."""
        return dict(zip(self.services, self.connects))

    def shown(self):
        return ', '.join(f'{count} {name}' for name, count in zip(self.OUTCOMES, self.outcomes) if count)


Result = collections.namedtuple('Result', 'issued outcomes unanswered faults')


def run(count, first, seed, addresses, ends, tally, results):
    # What is left of a run that was ended must not go on asking ports that are somebody else's by then.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    payloads = clients.Payloads(seed)
    guests = [Guest(number, seed, payloads, addresses, ends, tally) for number in range(first, first + count)]
    for guest in guests:
        guest.start()
    for guest in guests:
        guest.join()
    issued = {guest.number | digit << 20: guest.issued for guest, digit in itertools.product(guests, range(2))}
    results.put(Result(
        issued, sum((guest.outcomes for guest in guests), collections.Counter()),
        [entry for guest in guests for entry in guest.unanswered],
        [fault for guest in guests for fault in guest.faults]))


def start(count, first, seed, addresses, seconds, tally):
    """Guests with numbers from `first` on: the process, and the queue that its one `Result` comes through."""
    results = multiprocessing.Queue()
    process = multiprocessing.Process(
        target=run, args=(count, first, seed, addresses, time.monotonic() + seconds, tally, results), daemon=True)
    process.start()
    return process, results
