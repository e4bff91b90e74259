"""Cells, interleaved."""
import json
import pathlib
import subprocess
import time

from .contestant import BENCH

# How far the reference may have moved between the first cell of a round and its last.
STEADY = 0.15


# The share of the processors that others may take before a cell, and how long it waits for that to come about.
QUIET = 0.1
PATIENCE = 5


def processor_time():
    """Of all processors since the start of the machine, in ticks: in all, and with nothing to do."""
    fields = [int(field) for field in pathlib.Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:9]]
    return sum(fields), fields[3] + fields[4]


def becomes_quiet():
    """Waits until nobody else is at work; false when somebody is all the time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        before = processor_time()
        time.sleep(0.1)
        total, idle = (now - then for now, then in zip(processor_time(), before))
        if total - idle <= QUIET * total:
            return True
    return False


def load(address, concurrency, seconds):
    command = [BENCH / 'load', str(concurrency), str(seconds), address]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def cell(contestant, concurrency, seconds):
    is_quiet = becomes_quiet()
    before = contestant.run_time()
    report = load(contestant.address, concurrency, seconds)
    spent = contestant.run_time() - before
    report['quiet'] = is_quiet
    report['cpu_us'] = spent / 1000 / report['answered'] if report['answered'] else 0.0
    return report


def mean(first, second):
    """Of two cells of one contestant: what was counted added up, what was measured in the middle."""
    if isinstance(first, dict):
        return {key: mean(first[key], second[key]) for key in first}
    if isinstance(first, bool):
        return first and second
    return first + second if isinstance(first, int) else (first + second) / 2


class Round:
    """All contestants once at one concurrency, in an order that turns, between two cells of the reference."""

    def __init__(self, contestants, concurrency, seconds, turn):
        reference, *others = contestants
        turn %= max(1, len(others))
        self.concurrency = concurrency
        first = cell(reference, concurrency, seconds)
        self.cells = {other.name: cell(other, concurrency, seconds) for other in others[turn:] + others[:turn]}
        last = cell(reference, concurrency, seconds)
        self.cells[reference.name] = mean(first, last)
        self.drift = abs(first['rate'] - last['rate']) / max(first['rate'], last['rate'], 1)
        self.disturbed = sum(not report['quiet'] for report in self.cells.values())
        self.is_steady = self.drift <= STEADY and not self.disturbed

    def record(self):
        return {'concurrency': self.concurrency, 'drift': round(self.drift, 3), 'cells': self.cells}


def measure(contestants, levels, rounds, seconds, tell):
    """{concurrency: the rounds}, and those that do not count. A round that others disturbed, or in which the reference
    did not stay steady, is left out and done again, as often as there are rounds; if none was good then, the best one
    counts. The contestants' own cells have no say."""
    for contestant in contestants:
        load(contestant.address, 16, 0.2)
    done, dropped = {level: [] for level in levels}, []
    for number in range(2 * rounds):
        for level in levels:
            if sum(each.is_steady for each in done[level]) < rounds:
                done[level].append(Round(contestants, level, seconds, number))
                tell(f'round {number + 1} at {level}: drift {done[level][-1].drift:.0%}')
    for level in levels:
        done[level].sort(key=lambda each: (each.disturbed, each.drift))
        good = max(1, sum(each.is_steady for each in done[level]))
        dropped += done[level][good:]
        del done[level][good:]
    return done, dropped
