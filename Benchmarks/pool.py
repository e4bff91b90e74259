#!/usr/bin/python3
"""A pool of eight handlers in every kind of trouble.

Usage: Benchmarks/pool.py [--seconds 30] [--seed NUMBER] [--clients 40] [--products .build/release] …

Six services take turns: hold: ack and hold: done, each with least_loaded, round_robin and source. Each has five
handlers that Baton keeps and three that registered, over packets, a stream and datagrams. While clients ask, some
slowly, some with much to read, some with bytes that are passed on, the handlers are killed, stopped for a moment and
for longer than the heartbeat allows, left without descriptors, made deaf, and made to break the protocol in each way
that there is; and `baton restart` comes in between.

Handlers also make connections themselves, in numbers, and pass them on with all of their requests drained, to their own
service and another; all handlers are stopped at once; and the queues are short.

Each connection says a nonce, and a handler writes it down when it begins to serve it: not before its ACK has gone out.
In the end no nonce was served twice, no stream torn and no drained byte changed; every client without an answer, and
every connection that was taken from a handler and served by none, is one of those counted as cut, abandoned or refused;
nothing is lost, the counters added up whenever somebody looked, and the supervisor has the descriptors and children
that it had, and no more memory. Exits with 1 and says what does not hold; then log and records stay.
"""
import argparse
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from trouble import clients, records
from trouble.director import Director, Fleet
from trouble.supervisor import Sampler, Supervisor, sum_of

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUPERVISED = 5
SERVICE = """
  {name}:
    listen: "127.0.0.1:0"
    per_source: unlimited
    env: {{BATON_TROUBLE_SEED: "{seed}", BATON_TROUBLE_RECORDS: "{work}/records"}}
    handoff:
      exec: [{program}, {name}, {other}]
      start: eager
      handlers: {supervised}
      hold: {hold}
      balance: {balance}
      unresponsive: {unresponsive}
      capacity: 48
      queue: {{size: 16, timeout: 10s}}
      heartbeat: {{interval: 300ms, timeout: 1s}}
      restart: {{backoff: {{first: 20ms, longest: 500ms}}, burst: 1000, interval: 1s}}
      drain: 3s
      stop_grace: 1s
      pass_to: [{name}, {other}]
"""
KINDS = list(itertools.product(('ack', 'done'), ('least_loaded', 'round_robin', 'source')))
NAMES = ['-'.join(kind).replace('_', '-') for kind in KINDS]
SETTLE_SECONDS = 60
# By then each service has had its turns.
FLAT_FROM_SECONDS = 300
# As much as the heap varies with what is under way; a leak of 30 bytes a connection is more.
GROWTH_KILOBYTES = 2048


def table(work, program, seed):
    """Services by their names, `unresponsive` changing from one to the next."""
    return 'services:' + ''.join(
        SERVICE.format(
            name=name, other=other, hold=hold, balance=balance, seed=seed, work=work, program=program,
            supervised=SUPERVISED, unresponsive=['kill', 'wait'][number % 2])
        for number, ((hold, balance), (name, other)) in enumerate(zip(KINDS, neighbours(NAMES))))


def neighbours(names):
    """Each with the next, to which its handlers pass connections."""
    return list(zip(names, names[1:] + names[:1]))


def is_settled(status, handlers=None):
    """Nothing under way; with `handlers`, so many of them and all ready."""
    for service in status.values():
        if service['connections']['active'] or service['connections']['queued']:
            return False
        states = [handler['state'] for handler in service['handlers']]
        if handlers is not None and states != ['ready'] * handlers:
            return False
    return True


def wait_until(condition):
    end = time.monotonic() + SETTLE_SECONDS
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return holds


def difference(before, now):
    """What is more in one list than in the other."""
    rest, more = list(before), []
    for one in now:
        if one in rest:
            rest.remove(one)
        else:
            more.append(one)
    return more, rest


def growth(memory, seconds):
    """Kilobytes that stay: from the least of the third to fifth tenth to the least of the last three, since drained
    bytes under way make it rise and fall. None when there was not enough time to tell."""
    if seconds < FLAT_FROM_SECONDS:
        return None
    tenth = len(memory) // 10
    return min(memory[-3 * tenth:]) - min(memory[2 * tenth:5 * tenth])


class Storm:
    """One run, from the start of the supervisor to its end."""

    def __init__(self, options, work):
        self.options, self.work, self.faults = options, work, []
        self.program = f'{work}/trouble'
        shutil.copy(ROOT / '.build/bench/trouble', self.program)
        os.mkdir(f'{work}/records')
        path = pathlib.Path(work, 'baton.yaml')
        path.write_text(table(work, self.program, options.seed))
        path.chmod(0o644)
        self.supervisor = Supervisor(options.products, work, path, options.log_level)

    def expect(self, holds, what):
        if not holds:
            self.faults.append(what)

    def run(self):
        supervisor = self.supervisor
        self.expect(wait_until(lambda: is_settled(supervisor.status(), SUPERVISED)), 'not all handlers became ready')
        before = supervisor.descriptors(), supervisor.children(), sorted(os.listdir(supervisor.runtime))
        addresses = {}
        for name, service in supervisor.status().items():
            host, port = service['listeners'][0]['address'].rsplit(':', 1)
            addresses[name] = host, int(port)
        self.storm(addresses)
        self.expect(wait_until(lambda: is_settled(supervisor.status(), SUPERVISED)), 'did not settle')
        self.status = supervisor.status()
        # What served the last question may be open for a moment still.
        wait_until(lambda: supervisor.descriptors() == before[0])
        after = supervisor.descriptors(), supervisor.children(), sorted(os.listdir(supervisor.runtime))
        for what, old, new in zip(('descriptors', 'children', 'files'), before, after):
            self.expect(old == new, f'{what} more and less than before: {difference(old, new)}')
        self.expect(supervisor.stop() == 0, f'the supervisor ended with status {supervisor.process.returncode}')
        self.expect(wait_until(lambda: not self.survivors()), f'left running: {self.survivors()}')
        left = list(pathlib.Path(supervisor.runtime).glob('*'))
        self.expect(not left, f'left in the runtime directory: {left}')

    def storm(self, addresses):
        environment = {'BATON_TROUBLE_SEED': str(self.options.seed), 'BATON_TROUBLE_RECORDS': f'{self.work}/records',
                       'BATON_RUNTIME_DIRECTORY': self.supervisor.runtime}
        schedule = clients.Schedule(addresses, self.options.seconds)
        process, results = clients.start(self.options.clients, self.options.seed, schedule)
        self.sampler = Sampler(self.supervisor)
        self.fleet = Fleet(self.program, neighbours(list(addresses)), environment)
        self.director = Director(self.options.seed, schedule, self.program, self.fleet, self.sampler.handlers,
                                 self.supervisor.command('restart'))
        self.sampler.start()
        self.director.start()
        self.director.join()
        self.issued, self.outcomes, self.unanswered, faults = results.get(timeout=2 * clients.PATIENCE)
        self.faults += faults
        process.join()
        self.expect(wait_until(lambda: is_settled(self.supervisor.status())), f'connections are left: {self.left()}')
        self.sampler.over.set()
        self.sampler.join()
        self.fleet.end()

    def left(self):
        """What is under way, and with whom."""
        return {name: (service['connections']['queued'], service['connections']['active'],
                       [(handler['pid'], handler['state'], handler['held'], handler['unacknowledged'])
                        for handler in service['handlers']])
                for name, service in self.supervisor.status().items() if not is_settled({name: service})}

    def survivors(self):
        found = []
        for entry in pathlib.Path('/proc').iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / 'exe').startswith(self.program):
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def judge(self):
        self.faults += self.sampler.faults[:10]
        self.records = records.Records(f'{self.work}/records', self.issued)
        self.faults += self.records.faults[:40]
        for nonce, outcome in self.unanswered:
            self.expect(outcome == 'unanswered', f'client {nonce} was {outcome}')
        all_explained = 0
        for name, service in self.status.items():
            counters = service['connections']
            explained = counters['cut'] + counters['abandoned'] + sum(counters['refused'].values())
            all_explained += explained
            self.expect(self.outcomes[name, 'unanswered'] <= explained,
                        f'{name}: {self.outcomes[name, "unanswered"]} clients without an answer, {explained} explained')
            self.expect(counters['lost'] == 0 and sum_of(counters) == counters['accepted'], f'{name}: {counters}')
        nobodys = self.records.unserved + sum(
            count for (_, outcome), count in self.outcomes.items() if outcome == 'unanswered')
        self.expect(nobodys <= all_explained, f'{nobodys} without an answer or a handler, {all_explained} explained')
        answered = sum(count for (_, outcome), count in self.outcomes.items() if outcome == 'answered')
        served = len(self.records.served)
        self.expect(served >= answered > 0, f'{answered} were answered, {served} written down')
        grown = growth(self.sampler.memory, self.options.seconds)
        self.expect(grown is None or grown <= GROWTH_KILOBYTES, f'anonymous memory grew by {grown} KiB')

    def show(self):
        print(f'{"":20}{"accepted":>9}{"answered":>9}{"unansw.":>8}{"left":>6}'
              f'{"handed":>8}{"requeued":>9}{"cut":>6}{"aband.":>7}{"refused":>8}{"lost":>5}')
        for name, service in self.status.items():
            counters = service['connections']
            print(f'{name:20}{counters["accepted"]:9}'
                  f'{self.outcomes[name, "answered"]:9}{self.outcomes[name, "unanswered"]:8}'
                  f'{self.outcomes[name, "left"]:6}{counters["handed_off"]:8}{counters["requeued"]:9}'
                  f'{counters["cut"]:6}{counters["abandoned"]:7}'
                  f'{sum(counters["refused"].values()):8}{counters["lost"]:5}')
        print('trouble: ' + ', '.join(f'{count} {what}' for what, count in self.director.done.most_common()))
        print(f'{len(self.records.flooded)} connections made by handlers, {len(self.records.taken)} of them taken, '
              f'{self.records.unserved} of these served by nobody')
        memory = self.sampler.memory
        print(f'{self.sampler.count} samples of the counters; at most {self.sampler.most_queued} queued; '
              f'{self.fleet.starts} handlers registered by themselves; anonymous memory {memory[0]} KiB at first, '
              f'{max(memory)} at most, {memory[-1]} at last')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--seconds', type=float, default=30)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--clients', type=int, default=40)
    parser.add_argument('--products', default=ROOT / '.build/release', help='the directory of baton and batond')
    parser.add_argument('--log-level', default='warning', help='of the log, which stays when something fails')
    options = parser.parse_args()
    subprocess.run(['make', '-s', '-C', ROOT / 'Benchmarks', '../.build/bench/trouble'], check=True)
    print(f'seed {options.seed}, {options.seconds:.0f} s, {options.clients} clients', flush=True)
    work = tempfile.mkdtemp(prefix='baton-pool-')
    os.chmod(work, 0o755)
    storm = Storm(options, work)
    try:
        storm.run()
        storm.judge()
        storm.show()
    finally:
        if storm.supervisor.process.poll() is None:
            storm.supervisor.process.kill()
    for fault in storm.faults:
        print(f'DOES NOT HOLD: {fault}')
    if storm.faults:
        print(f'log and records are in {work}')
    else:
        shutil.rmtree(work)
    sys.exit(1 if storm.faults else 0)


if __name__ == '__main__':
    main()
