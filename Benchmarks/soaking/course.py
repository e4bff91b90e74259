"""The course of a run: calm, storm, calm again, and the end."""
import os
import socket
import time
from collections import Counter

from trouble.director import Fleet

from soaking import guests, inside, mischief, operators, processes, shortages, strangers, table, workers
from soaking.place import Archivist, Place
from soaking.visit import Visit
from soaking.watch import Watch

CALM_SECONDS, SHOW_EVERY = 5, 10
# Stream → its faults, and the seconds between two of them.
STREAMS = {
    'handlers': (processes.HANDLERS, 0.2), 'own processes': (processes.OWN, 4), 'shortages': (shortages.ALL, 2),
    'changes': (operators.CHANGES, 1), 'upgrades': (operators.UPGRADES, 8), 'strangers': (strangers.ALL, 0.06),
}
WORKERS = {'workers': (workers.ALL, 4)}
# Of memory only what one program has gathered can be compared: none takes another's place after this part of the storm.
SUCCESSORS_UNTIL = 0.4
# No deadline of the product: so long a machine that is busy with other things may take.
SETTLE_SECONDS = 120
IDLE_SECONDS, IDLE_SHARE = 2, 0.05
# Services whose places can be counted, with their number in the first table.
PLACES = {'exec': 32, 'echo': 200, 'relay': 100, 'echo-relay': 100}


class SupervisorEnded(Exception):
    """There is nothing left to look at."""


def wait_until(condition):
    end = time.monotonic() + SETTLE_SECONDS
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return holds


class Course:
    """One run, from the start of the supervisor to its end. `faults`: what does not hold."""

    def __init__(self, options, work):
        self.options, self.faults, self.results, self.streams = options, [], [], []
        self.place = place = Place(
            work, options.products, options.seed, options.supervisor_user, options.kill_worker)
        self.supervisor = place.supervisor
        place.known = place.addresses()
        place.tally = guests.Tally(place.known)
        environment = {'BATON_TROUBLE_SEED': str(options.seed), 'BATON_TROUBLE_RECORDS': f'{work}/records',
                       'BATON_RUNTIME_DIRECTORY': place.supervisor.runtime}
        place.fleet = Fleet(f'{work}/trouble', table.REGISTERED, environment)
        self.watch, self.archivist = Watch(place), Archivist(place)
        self.kinds = STREAMS | (WORKERS if place.kills else {})
        # The part of the storm in which nobody takes the supervisor's place, on the monotonic clock.
        self.steady = None
        # Status and connections at a moment of rest after that.
        self.rest = {}, {}
        self.left_out = [name for kinds, _ in self.kinds.values() for name in mischief.skipped(kinds, place)]

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)
            print(f'does not hold: {what[:1000]}', flush=True)
        return holds

    def run(self):
        self.watch.start()
        self.archivist.start()
        self.calm('at the beginning')
        before = self.inventory()
        self.storm()
        self.put_back()
        self.calm('afterwards')
        wait_until(lambda: self.inventory() == before)
        for what, old, new in zip(('descriptors', 'children', 'files'), before, self.inventory()):
            more, fewer = list((Counter(new) - Counter(old)).elements()), list((Counter(old) - Counter(new)).elements())
            self.expect(old == new, f'{what}: {more} more and {fewer} fewer than before')
        self.fill_places()
        self.expect(wait_until(lambda: self.inventory() == before), 'something is left of full places')
        self.watch.end()
        self.expect_idle()
        self.status = self.supervisor.status()
        self.stop()

    # ---- Its parts ----

    def visit(self, seconds):
        return Visit(self.place, self.options.guests, self.options.seed, len(self.results), seconds)

    def calm(self, when):
        """Without trouble everybody is answered, but for those that a limit keeps out."""
        self.knock('shifty', b'knock')
        # Nobody has registered yet: its other way.
        self.knock('fallback', strangers.STRANGER + b' a 000000 0000.\n')
        result = self.visit(CALM_SECONDS).result()
        self.results.append(result)
        for client in result.unanswered:
            is_kept_out = client.way == 'limited' and client.outcome == 'unanswered'
            self.expect(is_kept_out, f'{when}, without trouble: {client}')
        self.expect(wait_until(lambda: not self.left()), f'{when} connections are left: {self.left()}')

    def knock(self, name, words):
        """Where guests may not come by: a service has more descriptors once it has started a program."""
        with socket.create_connection(self.place.known[name]['tcp']) as connection:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            self.expect(inside.hear(connection), f'{name} does not answer')

    def storm(self):
        seconds = max(self.options.minutes * 60 - 3 * CALM_SECONDS, 10)
        self.begin = time.monotonic()
        visit = self.visit(seconds)
        self.streams = [mischief.Stream(name, kinds, pace, self.place, self.options.seed)
                        for name, (kinds, pace) in self.kinds.items()]
        for stream in self.streams:
            stream.start()
        self.wait(visit.ends, self.begin + seconds * SUCCESSORS_UNTIL)
        self.end(self.streams)
        self.steady = self.steady, time.monotonic()
        self.results.append(visit.result())

    def wait(self, ends, successors_end):
        while (now := time.monotonic()) < ends:
            time.sleep(max(0, min(SHOW_EVERY, ends - now)))
            self.show_line()
            if self.supervisor.process.poll() is not None:
                raise SupervisorEnded
            if time.monotonic() > successors_end and self.steady is None:
                self.end([stream for stream in self.streams if stream.name in ('upgrades', 'workers')])
                self.steady = time.monotonic()

    def end(self, streams):
        for stream in streams:
            stream.over.set()
        for stream in streams:
            stream.join()
        self.faults += [crash for stream in streams for crash in stream.crashes[:3]]

    def put_back(self):
        self.place.write_table(table.first(self.place.facts))
        status, output = self.place.run('reload')
        self.expect(status == 0, f'the last reload: {output}')
        # It may be waiting for its next try.
        self.place.run('restart', 'fickle')
        self.expect(wait_until(lambda: not self.left()), f'connections are left: {self.left()}')
        self.rest = self.supervisor.status(), self.place.tally.made()

    def fill_places(self):
        """No place is kept by somebody who is gone."""
        for name, places in PLACES.items():
            crowd = []
            for _ in range(places + 1):
                crowd.append(socket.create_connection(self.place.known[name]['tcp']))
                self.place.tally.connected(name)
            filled = wait_until(lambda: self.connections(name)['active'] == places)
            self.expect(filled, f'{name} has not {places} places: {self.connections(name)}')
            for one in crowd:
                one.close()
        self.expect(wait_until(lambda: not self.left()), f'places are left: {self.left()}')

    def expect_idle(self):
        before = self.place.processor_seconds()
        time.sleep(IDLE_SECONDS)
        share = (self.place.processor_seconds() - before) / IDLE_SECONDS
        self.expect(share < IDLE_SHARE, f'with nothing to do it uses {share:.0%} of a processor')

    def stop(self):
        self.expect(self.supervisor.stop() == 0, f'the supervisor ended with {self.supervisor.process.returncode}')
        self.archivist.end()
        self.expect(wait_until(lambda: not self.place.survivors()), f'left running: {self.place.survivors()}')
        left = [str(path) for pattern in ('run/*', '*.sock') for path in self.place.work.glob(pattern)]
        self.expect(not left, f'left in its directories: {left}')

    # ---- What there is to see ----

    def connections(self, name):
        return self.supervisor.status()[name]['connections']

    def left(self):
        """The counters of those with connections under way."""
        return {name: service['connections'] for name, service in self.supervisor.status().items()
                if service['connections']['active'] or service['connections']['queued']}

    def inventory(self):
        return self.supervisor.descriptors(), self.supervisor.children(), sorted(os.listdir(self.supervisor.runtime))

    def show_line(self):
        watch, made = self.watch, sum(sum(stream.made.values()) for stream in self.streams)
        memory, descriptors = watch.samples[-1].memory, watch.samples[-1].descriptors
        print(f'{time.monotonic() - self.begin:5.0f} s: {self.place.tally.shown()}; {made} faults; '
              f'{watch.total("refused")} refused, {watch.total("cut")} cut, {watch.total("requeued")} requeued; '
              f'{memory} KiB, {descriptors} descriptors', flush=True)
