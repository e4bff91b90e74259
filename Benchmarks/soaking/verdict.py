"""What became of everybody, by the clients' own account, the handlers' records, the counters and the log."""
import collections
import datetime
import json

# What a client went through lies between its connect and this after its end: an exit is told when it is collected.
EARLIEST, LATEST = 1, 60
# So long the log waits, with all that may delay it.
DISK_FULL = 20
REFUSED = ('refused', 'cut', 'abandoned')
# What accepts nothing but what connects to its own listeners.
EXACT = ['exec', 'small', 'memory', 'limited', 'relay', 'front', 'mux', 'script', 'echo-relay', 'daytime', 'time',
         'discard', 'chargen', 'metrics']


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


class Log:
    """The events about some peers, and what was said in number only."""

    def __init__(self, files, peers):
        self.events = collections.defaultdict(list)
        # (source or None, reason) → how many more than were told one by one
        self.repeats = collections.defaultdict(int)
        # Pid → when the supervisor sent it a signal, and why
        self.signalled = collections.defaultdict(list)
        # When the log went on, and how many lines had been dropped.
        self.dropped, self.lines = [], 0
        self.faults, self.notable = [], collections.Counter()
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
            self.repeats[event.get('source'), event['reason']] += event['count']
        elif kind == 'log_dropped':
            self.dropped.append([seconds(event['time']), event['lines']])
            self.notable['lines that were dropped'] += event['lines']
        elif kind in ('impaired', 'launcher_replaced', 'upgraded', 'upgrade_failed', 'reloaded', 'reload_failed',
                      'listener_paused', 'service_failed', 'trigger_limit', 'spawn_failed'):
            self.notable[kind] += 1
        if peer in peers:
            self.events[peer].append(event)

    def of(self, client):
        return [event for event in self.events[client.peer]
                if client.begin - EARLIEST <= seconds(event['time']) <= client.end + LATEST]


class Verdict:
    """`unanswered`: guests.Unanswered of everybody who should have been answered."""

    def __init__(self, place, unanswered, records):
        self.place, self.records = place, records
        self.log = Log(sorted((place.work / 'logs').iterdir()), {client.peer for client in unanswered})
        self.explanations, self.faults = collections.Counter(), list(self.log.faults[:10])
        open_ones = [client for client in unanswered if not self.explain(client)]
        for client in open_ones:
            if not self.explain_in_number(client):
                self.faults.append(f'nothing explains {client}: {self.log.of(client)}, '
                                   f'served by {records.served.get(client.nonce)}')

    def explain(self, client):
        if client.outcome != 'unanswered' or client.peer is None:
            return False
        for event in self.log.of(client):
            if why := self.reason(event):
                return self.note(client, why)
        # What a program accepts by itself is in no event.
        for pid in self.records.accepted.get(client.peer, ()):
            if why := self.end_of(pid, client.begin, client.end):
                return self.note(client, why)
        return False

    def reason(self, event):
        """Why somebody was not answered to whom this happened. None: this does not explain it."""
        kind, when = event['event'], seconds(event['time'])
        if kind in REFUSED:
            return f'{kind} {event.get("reason", "")}' if kind == 'refused' else kind
        if kind == 'spawn_failed':
            # The refusal itself may only be told in number.
            return 'refused spawn'
        if kind != 'exited':
            return None
        if 'signal' in event and (why := self.end_of(event['pid'], when - LATEST, when)):
            return why
        if 'signal' in event and any(begin <= when <= end for begin, end in self.place.kernel_kills):
            return 'its program was killed'
        failed = 'signal' in event or event.get('status') != 0
        return {'memory': 'its program had no memory', 'script': 'its script could not pass it on'}.get(
            event['service']) if failed else None

    def end_of(self, pid, begin, end):
        """Why a process was ended in this time; None if it was not."""
        begin, end = begin - EARLIEST, end + EARLIEST
        if any(begin <= when <= end for when in self.place.killed.get(pid, ())):
            return 'its program was killed'
        return next((f'its program was ended for a {why}' for when, why in self.log.signalled.get(pid, ())
                     if begin <= when <= end), None)

    def explain_in_number(self, client):
        """By refusals that were only counted, and by lines that the log had no room for: each explains one."""
        if client.outcome != 'unanswered' or client.peer is None:
            return False
        source = client.peer.split(':')[0]
        for key in self.log.repeats:
            if key[0] in (source, None) and self.log.repeats[key] > 0:
                self.log.repeats[key] -= 1
                return self.note(client, f'refused {key[1]}')
        for drop in self.log.dropped:
            if client.begin - EARLIEST <= drop[0] <= client.end + DISK_FULL and drop[1] > 0:
                drop[1] -= 1
                return self.note(client, 'said in a line that was dropped')
        return False

    def note(self, client, why):
        self.explanations[why] += 1
        return True

    def check_counters(self, status, connects):
        for name, service in status.items():
            accepted = service['connections']['accepted']
            if name in EXACT and accepted != connects.get(name, 0):
                self.faults.append(f'{name} accepted {accepted} connections, {connects.get(name, 0)} were made')
        refused = sum(sum(service['connections']['refused'].values()) for service in status.values())
        if refused > sum(connects.values()) + len(self.records.flooded):
            self.faults.append(f'{refused} were refused, and only {sum(connects.values())} have come')
        explained = sum(service['connections']['cut'] + service['connections']['abandoned']
                        + sum(service['connections']['refused'].values()) for service in status.values())
        if self.records.unserved > explained:
            self.faults.append(f'{self.records.unserved} that handlers passed on were served by none, '
                               f'{explained} are explained')
