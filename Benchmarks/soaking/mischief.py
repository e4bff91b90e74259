"""What a fault is, and the streams that they come in."""
import collections
import heapq
import itertools
import random
import threading
import time
import traceback


class Fault:
    """One kind of trouble. Its name is that of the report, its weight how often it comes among those of its stream."""

    name = ''
    weight = 1
    needs_root = needs_disk = False

    def __init__(self, place, generator):
        self.place, self.random = place, generator

    def make(self):
        """Makes it once. False: there was nobody to make it to. A pair (seconds, action): so long it lasts, and this
        undoes it."""
        raise NotImplementedError

    @classmethod
    def can_be_made(cls, place):
        return (place.is_root or not cls.needs_root) and (place.has_disk or not cls.needs_disk)


class Stream(threading.Thread):
    """Faults one after another, `pace` seconds apart on the average; what lasts is undone in time, and all of it at
    the end, which `over` tells. Streams run beside each other."""

    def __init__(self, name, kinds, pace, place, seed):
        super().__init__(daemon=True, name=name)
        self.random = random.Random(f'{seed}/{name}')
        self.faults = [kind(place, self.random) for kind in kinds if kind.can_be_made(place)]
        self.pace, self.over = pace, threading.Event()
        self.made, self.crashes = collections.Counter(), []
        self.undo, self.numbers = [], itertools.count()

    def run(self):
        due = time.monotonic()
        while not self.over.is_set():
            if time.monotonic() >= due:
                self.make_one()
                due = time.monotonic() + self.random.uniform(0, 2 * self.pace)
            self.undo_until(time.monotonic())
            next_one = min([due] + [entry[0] for entry in self.undo[:1]])
            self.over.wait(max(0, next_one - time.monotonic()))
        self.undo_until(float('inf'))

    def make_one(self):
        if not self.faults:
            return
        fault = self.random.choices(self.faults, [fault.weight for fault in self.faults])[0]
        outcome = self.attempt(fault.make)
        if outcome is False:
            return
        self.made[fault.name] += 1
        if isinstance(outcome, tuple):
            seconds, action = outcome
            heapq.heappush(self.undo, (time.monotonic() + seconds, next(self.numbers), action))

    def undo_until(self, then):
        while self.undo and self.undo[0][0] <= then:
            self.attempt(heapq.heappop(self.undo)[2])

    def attempt(self, action):
        """Who is to be harmed may be gone; anything else is a mistake of ours, and the run does not count."""
        try:
            return action()
        except (OSError, EOFError):
            return False
        except Exception:  # Whatever it is, the others go on, and the verdict says so.
            self.crashes.append(traceback.format_exc())
            return False


def skipped(kinds, place):
    """The names of what cannot be made here."""
    return [kind.name for kind in kinds if not kind.can_be_made(place)]
