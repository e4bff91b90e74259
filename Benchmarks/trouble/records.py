"""What the handlers wrote down: which nonce was begun by whom, and which connections they made or took themselves."""
import collections
import pathlib

FLOODED = 'f'
# How what is no request begins.
STRANGER = '~'


class Records:
    """All lines of a run. A nonce is served after its ACK has gone out, so never twice, whoever dies when."""

    def __init__(self, directory, issued):
        """`issued`: how many nonces each client gave out."""
        self.issued, self.served, self.faults = issued, {}, []
        # Connections of handlers, and those of them for which PASSED came and said so.
        self.flooded, self.taken = set(), set()
        # Peer → the pids that accepted a connection of it by themselves.
        self.accepted = collections.defaultdict(list)
        lines = [(file.name, *line.split(' ', 4))
                 for file in sorted(pathlib.Path(directory).iterdir())
                 for line in file.read_text(errors='replace').splitlines()]
        for _, what, nonce, pid, *rest in lines:
            if what in ('flood', 'taken'):
                {'flood': self.flooded, 'taken': self.taken}[what].add(nonce)
            elif what == 'accepted':
                self.accepted[rest[0]].append(int(pid))
        serving, numbers = collections.defaultdict(list), {}
        for service, what, nonce, pid, *rest in lines:
            if what in ('flood', 'taken', 'accepted') or nonce.startswith(STRANGER):
                continue
            number, details = (' '.join(rest) + ' ').split(' ', 1)
            where = f'{service}, connection {number}, handler {pid}, {details.strip()}'
            if what != 'served' or not self.is_issued(nonce):
                self.faults.append(f'{what} {nonce}: {where}')
            if (service, number) in numbers and not serving[nonce]:
                self.faults.append(f'two nonces on one connection: {nonce}: {where}, and {numbers[service, number]}')
            serving[nonce].append(where)
            numbers[service, number] = where
        self.served = dict(serving)
        self.faults += [f'delivered twice: {nonce}: {"; and ".join(where)}'
                        for nonce, where in serving.items() if len(where) > 1]

    def is_issued(self, nonce):
        if nonce.startswith(FLOODED):
            return nonce in self.flooded
        try:
            return len(nonce) == 16 and int(nonce[6:], 16) < self.issued.get(int(nonce[:6], 16), 0)
        except ValueError:
            return False

    @property
    def unserved(self):
        """How many connections the supervisor took from handlers that none of them was given."""
        return len(self.taken - set(self.served))
