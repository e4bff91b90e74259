"""What the log says of some, and of all."""
import collections
import datetime
import json

# What a client went through lies between its connect and this after its end: an exit is told when it is collected.
EARLIEST, LATEST = 1, 60
# After these it is the supervisor that has the connection, and nobody else.
TAKEN = ('accepted', 'requeued')
# After these it is closed, or a handler or a process has it.
SETTLED = ('ended', 'cut', 'abandoned', 'refused', 'lost', 'exited', 'spawned', 'handed_off', 'acknowledged',
           'not_passed')
# A worker's, to when the next one goes on. `held`: connection → its peer, of those that only it had; `told`: the
# refusals that it told, as pairs (when, how many); `failed`: how many were cut or given up.
Life = collections.namedtuple('Life', 'end held told failed')


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


class Log:
    """The events about some peers, and what was said in number only."""

    def __init__(self, files, peers):
        self.events = collections.defaultdict(list)
        # (source or None, reason) → how many more than were told one by one
        self.repeats = []
        # Pid → when the supervisor sent it a signal, and why
        self.signalled = collections.defaultdict(list)
        # When the log went on, and how many lines had been dropped.
        self.dropped, self.lines = [], 0
        self.faults, self.notable = [], collections.Counter()
        # Of workers that have died. Of the one that lives there are the parts.
        self.lives = []
        self.held, self.told, self.failed = {}, [], 0
        rest = b''
        for file in files:
            lines = (rest + file.read_bytes()).split(b'\n')
            rest = lines.pop()
            for line in lines:
                self.take(line, peers)
        if rest:
            self.faults.append(f'the log ends within a line: {rest[-200:]}')

    def take(self, line, peers):
        self.lines += 1
        try:
            event = json.loads(line)
            kind, peer = event['event'], event.get('peer')
        except (ValueError, KeyError):
            self.faults.append(f'no line of a log: {line[:200]}')
            return
        if kind == 'lost':
            self.faults.append(f'lost: {event}')
        elif kind == 'signalled':
            self.signalled[event['pid']].append((seconds(event['time']), event['reason']))
        elif kind == 'refused_again':
            self.repeats.append([seconds(event['time']), event.get('source'), event['reason'], event['count']])
        elif kind == 'log_dropped':
            self.dropped.append([seconds(event['time']), event['lines']])
            self.notable['lines that were dropped'] += event['lines']
        elif kind in ('impaired', 'launcher_replaced', 'upgraded', 'upgrade_failed', 'reloaded', 'reload_failed',
                      'listener_paused', 'service_failed', 'trigger_limit', 'spawn_failed', 'worker_replaced'):
            self.notable[kind] += 1
        self.follow(kind, event)
        if peer is not None and peer in peers:
            self.events[peer].append(event)

    def follow(self, kind, event):
        """What the worker has; accepted(2) and the like are told at level debug only."""
        number = event.get('connection')
        if kind in TAKEN:
            self.held[number] = event.get('peer')
        elif kind in SETTLED:
            self.held.pop(number, None)
        elif number in self.held:
            # Its PROXY header has said another.
            self.held[number] = event.get('peer')
        if kind in ('refused', 'refused_again'):
            self.told.append((seconds(event['time']), event.get('count', 1)))
        elif kind in ('cut', 'abandoned'):
            self.failed += 1
        elif kind == 'worker_replaced':
            self.lives.append(Life(seconds(event['time']), self.held, self.told, self.failed))
            self.held, self.told, self.failed = {}, [], 0

    def of(self, client):
        return [event for event in self.events[client.peer]
                if client.begin - EARLIEST <= seconds(event['time']) <= client.end + LATEST]
