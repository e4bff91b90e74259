"""Everybody who asks for a while, and the handlers that register meanwhile."""
import threading
import time

from trouble.clients import PATIENCE

from soaking import guests, inside

# Numbers for the clients of one visit.
NUMBERS = 0x1000


class Keeper(threading.Thread):
    """Starts handlers that register again when they have died."""

    def __init__(self, fleet):
        super().__init__(daemon=True)
        self.fleet, self.over = fleet, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.fleet.look()
        self.fleet.end()

    def end(self):
        self.over.set()
        self.join()


class Visit:
    """`number`: how many visits there were before."""

    def __init__(self, place, count, seed, number, seconds):
        self.ends = time.monotonic() + seconds
        first = number * NUMBERS
        self.keeper = Keeper(place.fleet)
        self.process, self.results = guests.start(count, first, f'{seed}/{number}', place.known, seconds, place.tally)
        self.keeper.start()
        self.inside = [inside.Inside(way, first + count + index, seed, place.known, self.ends, place.tally)
                       for index, way in enumerate(inside.EXCHANGES)]
        for one in self.inside:
            one.start()

    def result(self):
        """When all of them are done: a `guests.Result`."""
        result = self.results.get(timeout=2 * PATIENCE + max(0, self.ends - time.monotonic()))
        self.process.join()
        for one in self.inside:
            one.join()
            result.issued[one.number] = one.issued
            result.unanswered.extend(one.unanswered)
            result.faults.extend(one.faults)
        self.keeper.end()
        return result
