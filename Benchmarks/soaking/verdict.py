"""What became of everybody, by the clients' own account, the handlers' records, the counters and the log."""
import collections

from soaking.log import EARLIEST, LATEST, Log, seconds
from soaking.workers import Deaths

# More than can be connected at a time.
MOST_OPEN = 150
# So long the log waits, with all that may delay it.
DISK_FULL = 20
# So long after a refusal that was only counted it is told, with all that may delay it.
INTERVAL = 80
REFUSED = ('refused', 'cut', 'abandoned')
# What accepts nothing but what connects to its own listeners.
EXACT = ['exec', 'small', 'memory', 'limited', 'relay', 'front', 'mux', 'script', 'echo-relay', 'daytime', 'time',
         'discard', 'chargen', 'metrics']


class Verdict:
    """`unanswered`: guests.Unanswered of everybody who should have been answered."""

    def __init__(self, place, unanswered, records):
        self.place, self.records = place, records
        self.log = Log(sorted((place.work / 'logs').iterdir()), {client.peer for client in unanswered})
        self.deaths = Deaths(place.deaths, self.log.lives, place.fleet.streams)
        self.explanations, self.faults = collections.Counter(), self.log.faults[:10] + self.deaths.faults
        open_ones = [client for client in unanswered
                     if not self.explain(client) and not self.explain_by_death(client)]
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

    def explain_by_death(self, client):
        why = self.deaths.explain(client, self.log.of(client))
        return why is not None and self.note(client, why)

    def reason(self, event):
        """Why somebody was not answered to whom this happened. None: this does not explain it."""
        kind, when = event['event'], seconds(event['time'])
        if kind in REFUSED:
            return f'{kind} {event.get("reason", "")}' if kind == 'refused' else kind
        if kind == 'spawn_failed':
            # The refusal itself may only be told in number.
            return 'refused spawn'
        if kind == 'ended':
            # Of a handler that has said DRAIN the end is clean, whatever it was.
            return self.end_of(event.get('pid'), when, when)
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
        return next((f'its program was ended: {why}' for when, why in self.log.signalled.get(pid, ())
                     if begin <= when <= end), None)

    def explain_in_number(self, client):
        """By refusals that were only counted, and by lines that the log had no room for: each explains one."""
        if client.outcome != 'unanswered' or client.peer is None:
            return False
        source = client.peer.split(':')[0]
        # First: those are many, and what they explain must not use up what explains another.
        for drop in self.log.dropped:
            if client.begin - EARLIEST <= drop[0] <= client.end + DISK_FULL and drop[1] > 0:
                drop[1] -= 1
                return self.note(client, 'said in a line that was dropped')
        for repeat in self.log.repeats:
            time, whose, reason, left = repeat
            if whose in (source, None) and left > 0 and client.begin - EARLIEST <= time <= client.end + INTERVAL:
                repeat[3] -= 1
                return self.note(client, f'refused {reason}')
        return False

    def note(self, client, why):
        self.explanations[why] += 1
        return True

    def check_counters(self, status, connects, rest):
        """`rest`: status and connects when nobody was connected and no worker was to die any more."""
        for name in EXACT:
            accepted, made = status[name]['connections']['accepted'], connects.get(name, 0)
            if self.place.deaths:
                self.check_since_death(name, accepted, made)
                accepted -= rest[0][name]['connections']['accepted']
                made -= rest[1].get(name, 0)
            if accepted != made:
                self.faults.append(f'{name} accepted {accepted} connections, {made} were made')
        refused = sum(sum(service['connections']['refused'].values()) for service in status.values())
        if refused > sum(connects.values()) + len(self.records.flooded):
            self.faults.append(f'{refused} were refused, and only {sum(connects.values())} have come')
        explained = sum(service['connections']['cut'] + service['connections']['abandoned']
                        + sum(service['connections']['refused'].values()) for service in status.values())
        explained += self.deaths.settled
        if self.records.unserved > explained:
            self.faults.append(f'{self.records.unserved} that handlers passed on were served by none, '
                               f'{explained} are explained')

    def check_since_death(self, name, accepted, made):
        """The last worker counts from its beginning, and what the one before it had given on."""
        made -= self.place.deaths[-1].connects.get(name, 0)
        if not made - MOST_OPEN <= accepted <= made + MOST_OPEN:
            self.faults.append(f'{name} accepted about {accepted} connections, {made} were made since the last kill')
