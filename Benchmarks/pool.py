#!/usr/bin/python3
"""A pool of eight handlers in every kind of trouble.

Usage: Benchmarks/pool.py [--seconds 30] [--seed NUMBER] [--clients 24] [--products .build/release] …

Six services take turns: hold: ack and hold: done, each with least_loaded, round_robin and source. Each has five
handlers that Baton keeps and three that registered, over packets, a stream and datagrams. While clients ask, some
slowly, some with much to read, some with bytes that are passed on, the handlers are killed, stopped for a moment and
for longer than the heartbeat allows, left without descriptors, made deaf, and made to break the protocol in each way
that there is; and `baton restart` comes in between.

Each connection says a nonce, and a handler writes it down when it begins to serve it. In the end no nonce was served
twice and no stream torn, every client without an answer is one of those counted as cut, abandoned or refused, nothing
is lost, the counters added up whenever somebody looked, and the supervisor has the descriptors and children that it
had, and no more memory. Exits with 1 and says what does not hold; then the directory with log and records stays.
"""
import argparse
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
      exec: [{program}, {name}]
      start: eager
      handlers: {supervised}
      hold: {hold}
      balance: {balance}
      unresponsive: {unresponsive}
      capacity: 48
      queue: {{size: 128, timeout: 10s}}
      heartbeat: {{interval: 300ms, timeout: 1s}}
      restart: {{backoff: {{first: 20ms, longest: 500ms}}, burst: 1000, interval: 1s}}
      drain: 3s
      stop_grace: 1s
      pass_to: [{name}]
"""
SETTLE_SECONDS = 60
FLAT_FROM_SECONDS = 60
GROWTH_KILOBYTES = 512


def table(work, program, seed):
    """Services by their names, `unresponsive` changing from one to the next."""
    services, number = '', 0
    for hold in ('ack', 'done'):
        for balance in ('least_loaded', 'round_robin', 'source'):
            services += SERVICE.format(
                name=f'{hold}-{balance}'.replace('_', '-'), hold=hold, balance=balance, seed=seed, work=work,
                program=program, supervised=SUPERVISED, unresponsive=['kill', 'wait'][number % 2])
            number += 1
    return 'services:' + services


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
    """Kilobytes from the first half to the last tenth; None when there was not enough time to tell."""
    if seconds < FLAT_FROM_SECONDS:
        return None
    tenth = len(memory) // 10
    return max(memory[-tenth:]) - max(memory[tenth:5 * tenth])


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
        self.fleet = Fleet(self.program, list(addresses), environment)
        self.director = Director(self.options.seed, schedule, self.program, self.fleet, self.sampler.handlers,
                                 self.supervisor.command('restart'))
        self.sampler.start()
        self.director.start()
        self.director.join()
        self.issued, self.outcomes, self.unanswered, faults = results.get(timeout=2 * clients.PATIENCE)
        self.faults += faults
        process.join()
        self.expect(wait_until(lambda: is_settled(self.supervisor.status())), 'connections are left')
        self.sampler.over.set()
        self.sampler.join()
        self.fleet.end()

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
        served, faults = records.faults(f'{self.work}/records', self.issued)
        self.faults += faults[:20]
        for nonce, outcome in self.unanswered:
            self.expect(outcome == 'unanswered', f'client {nonce} was {outcome}')
        for name, service in self.status.items():
            counters = service['connections']
            explained = counters['cut'] + counters['abandoned'] + sum(counters['refused'].values())
            self.expect(self.outcomes[name, 'unanswered'] <= explained,
                        f'{name}: {self.outcomes[name, "unanswered"]} clients without an answer, {explained} explained')
            self.expect(counters['lost'] == 0 and sum_of(counters) == counters['accepted'], f'{name}: {counters}')
        answered = sum(count for (_, outcome), count in self.outcomes.items() if outcome == 'answered')
        self.expect(len(served) >= answered > 0, f'{answered} were answered, {len(served)} written down')
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
        memory = self.sampler.memory
        print(f'{self.sampler.count} samples of the counters; at most {self.sampler.most_queued} queued; '
              f'{self.fleet.starts} handlers registered by themselves; anonymous memory {memory[0]} KiB at first, '
              f'{max(memory)} at most, {memory[-1]} at last')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--seconds', type=float, default=30)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--clients', type=int, default=24)
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
