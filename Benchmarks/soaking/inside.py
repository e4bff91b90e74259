"""Clients of what Baton serves itself, and of datagrams: each exchange knows what it must hear."""
import datetime
import random
import re
import socket
import struct
import threading
import time

from trouble.clients import PATIENCE

from soaking.guests import SOURCES, Unanswered

DATAGRAM_SECONDS, PACE = 0.3, 0.05
# RFC 868 counts from 1900.
SINCE_1900 = 2208988800
CHARGEN_LINES = 20


class Inside(threading.Thread):
    """One exchange after another until `ends`. `way`: one of EXCHANGES."""

    def __init__(self, way, number, seed, addresses, ends, tally):
        super().__init__(daemon=True)
        self.way, self.addresses, self.ends, self.tally = way, addresses, ends, tally
        self.number, self.issued = number, 0
        self.random = random.Random(f'{seed}/{way}/{number}')
        self.unanswered, self.faults, self.peer = [], [], None
        self.pause = threading.Event()

    def run(self):
        while time.monotonic() < self.ends:
            # These exchanges are quick, and the others need the processor, too.
            self.pause.wait(self.random.uniform(0, PACE))
            begin, self.peer, outcome = time.time(), None, 'answered'
            try:
                wrong = EXCHANGES[self.way](self)
                if wrong:
                    outcome = 'wrong'
                    self.faults.append(f'{self.way}: {wrong}')
            except TimeoutError:
                outcome = 'stuck'
            except ConnectionRefusedError:
                outcome = 'not connected'
            except (OSError, EOFError):
                outcome = 'unanswered'
            self.tally.count(outcome)
            if outcome not in ('answered', 'wrong'):
                self.unanswered.append(Unanswered('-', self.way, self.peer, begin, time.time(), outcome))

    def connect(self, service, scheme='tcp'):
        address = self.addresses[service][scheme]
        connection = socket.socket(socket.AF_UNIX if scheme == 'unix' else socket.AF_INET)
        connection.settimeout(PATIENCE)
        if scheme == 'tcp':
            connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            connection.bind((self.random.choice(SOURCES), 0))
        connection.connect(address)
        self.tally.connected(service)
        if scheme == 'tcp':
            source, port = connection.getsockname()
            self.peer = f'{source}:{port}'
        return connection

    def nonce(self):
        """As the guests' nonces are, so that the records know it."""
        self.issued += 1
        return b'%06x%010x' % (self.number, self.issued - 1)


def hear(connection, count=None):
    """So many bytes, or all until the end."""
    answer = bytearray()
    while count is None or len(answer) < count:
        more = connection.recv(65536 if count is None else count - len(answer))
        if not more:
            break
        answer += more
    return bytes(answer)


def echo(client, service='echo', scheme='tcp'):
    sent = client.random.randbytes(client.random.choice([1, 100, 5000, 70000]))
    with client.connect(service, scheme) as connection:
        writer = threading.Thread(target=say, args=(connection, sent))
        writer.start()
        heard = hear(connection)
        writer.join()
    if len(heard) < len(sent):
        raise EOFError
    return None if heard == sent else f'{len(sent)} bytes were echoed as {len(heard)} others'


def say(connection, sent):
    try:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def daytime(client):
    with client.connect('daytime') as connection:
        heard = hear(connection)
    if not heard:
        raise EOFError
    return None if re.fullmatch(rb'[ -~]+\d\d:\d\d:\d\d[ -~]*\r\n', heard) else f'{heard} is no time of day'


def clock(client):
    with client.connect('time') as connection:
        heard = hear(connection)
    if len(heard) < 4:
        raise EOFError
    told = struct.unpack('>I', heard)[0] - SINCE_1900
    now = datetime.datetime.now().timestamp()
    return None if len(heard) == 4 and now - PATIENCE < told <= now + 1 else f'{heard} is no time'


def discard(client):
    with client.connect('discard') as connection:
        say(connection, client.random.randbytes(client.random.randrange(100000)))
        heard = hear(connection)
    return f'{heard[:20]} for an answer' if heard else None


def chargen(client):
    """RFC 864's example: lines of 72, each begins one character later."""
    with client.connect('chargen') as connection:
        heard = hear(connection, 74 * CHARGEN_LINES)
    if len(heard) < 74 * CHARGEN_LINES:
        raise EOFError
    circle = bytes(range(32, 127)) * 3
    right = b''.join(circle[1 + number % 95:][:72] + b'\r\n' for number in range(CHARGEN_LINES))
    return None if heard == right else f'{heard[:160]} is not the pattern'


def datagram_socket(client):
    """Its port has not the number of one at which Baton answers datagrams: what comes from there may be an answer."""
    while True:
        connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        connection.bind((client.random.choice(SOURCES), 0))
        if connection.getsockname()[1] != client.addresses['echo']['udp'][1]:
            return connection
        connection.close()


def ask_by_datagram(client, service, request, is_answer):
    """Asks again until there is an answer, as whoever uses UDP must. `request()` is another one each time."""
    with datagram_socket(client) as connection:
        connection.connect(client.addresses[service]['udp'])
        asked, end = [], time.monotonic() + PATIENCE
        while time.monotonic() < end:
            asked.append(request())
            connection.send(asked[-1])
            connection.settimeout(DATAGRAM_SECONDS)
            try:
                heard = connection.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            return None if any(is_answer(one, heard) for one in asked) else f'{heard[:80]} for one of {len(asked)}'
    raise TimeoutError


def echo_datagram(client):
    return ask_by_datagram(client, 'echo', lambda: client.random.randbytes(client.random.randrange(1, 1000)),
                           lambda asked, heard: asked == heard)


def wait_datagram(client):
    def is_answer(asked, heard):
        words = heard.split()
        return len(words) == 3 and asked.startswith(words[0]) and int(words[2]) == len(asked)

    return ask_by_datagram(
        client, 'datagrams', lambda: client.nonce() + b' ' + b'x' * client.random.randrange(1000), is_answer)


def metrics(client):
    with client.connect('metrics') as connection:
        connection.sendall(b'GET /metrics HTTP/1.0\r\n\r\n')
        heard = hear(connection)
    if not heard:
        raise EOFError
    whole = heard.startswith(b'HTTP/1.') and b' 200 ' in heard[:20] and b'baton_' in heard
    length = re.search(rb'\r\nContent-Length: (\d+)', heard, re.IGNORECASE)
    if length and len(heard.split(b'\r\n\r\n', 1)[1]) < int(length.group(1)):
        raise EOFError
    return None if whole else f'{heard[:200]} are no metrics'


EXCHANGES = {
    'echo': echo, 'echo over a file': lambda client: echo(client, 'echo', 'unix'),
    'echo by relay': lambda client: echo(client, 'echo-relay'), 'daytime': daytime, 'time': clock, 'discard': discard,
    'chargen': chargen, 'echo by datagram': echo_datagram, 'wait by datagram': wait_datagram, 'metrics': metrics,
}
