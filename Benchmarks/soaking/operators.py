"""People who mean well, all the time: reloads, upgrades, restarts, pauses and stops."""
import os
import shutil
import signal
import subprocess

from soaking import table
from soaking.mischief import Fault

BROKEN_TABLES = ['services: {', 'services: {a: {listen: 1, exec: /bin/cat, instances: many}}', '', '- 1\n- 2\n',
                 'services: &a [*a]\n']
BROKEN_PROGRAMS = ['#!/bin/sh\nexit 1\n', '#!/bin/sh\nexit 0\n', '#!/bin/sh\nkill -9 $$\n', 'no program']
PAUSED = ['exec', 'ack', 'wait', 'front', 'relay', 'echo', 'datagrams', 'proxied']


class Command(Fault):
    """`baton …`; that it failed is noted with the reason, since it may have met with other trouble."""

    def command(self, *words):
        status, output = self.place.run(*words)
        if status != 0:
            self.place.failed[f'{" ".join(words)}: {output.splitlines()[-1] if output else status}'[:160]] += 1
        return status


class Reload(Command):
    name, weight = 'reload', 8

    def make(self):
        self.place.write_table(table.variation(self.place.facts, self.random))
        if self.random.random() < 0.3:
            os.kill(self.place.supervisor.pid, signal.SIGHUP)
        self.command('reload')


class ReloadAtOnce(Fault):
    """Several who ask at the same time, and a HUP."""

    name, weight = 'reload, many at a time', 1

    def make(self):
        self.place.write_table(table.variation(self.place.facts, self.random))
        some = [subprocess.Popen(self.place.supervisor.command('reload'), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL) for _ in range(4)]
        os.kill(self.place.supervisor.pid, signal.SIGHUP)
        for one in some:
            one.wait()


class BrokenReload(Fault):
    name, weight = 'reload of a table with faults', 3

    def make(self):
        good = self.place.table.read_text()
        self.place.write_table(self.random.choice(BROKEN_TABLES))
        status, output = self.place.run('reload')
        self.place.write_table(good)
        if status == 0:
            self.place.wrong.append(f'a table with faults was taken: {output}')


class Restart(Command):
    name, weight = 'restart', 4

    def make(self):
        self.command('restart', self.random.choice(table.HANDED_OFF + ['wait', 'datagrams']))


class Pause(Command):
    name, weight = 'pause', 4

    def make(self):
        service = self.random.choice(PAUSED)
        self.command('pause', service)
        return self.random.uniform(0.1, 1.5), lambda: self.resume(service)

    def resume(self, service):
        """Until it is: a service that stays paused is nobody's fault but ours."""
        for _ in range(20):
            if self.command('resume', service) == 0:
                return


class StopService(Command):
    """Of a service that nobody depends on, and up again."""

    name, weight = 'stop a service', 2

    def make(self):
        self.command('stop', 'shifty', '--drain', '500ms')
        self.command('restart', 'shifty')


class Upgrade(Command):
    name, weight = 'upgrade', 2

    def make(self):
        new = self.place.work / 'batond-new'
        shutil.copy(self.place.kept, new)
        new.rename(self.place.work / 'batond')
        if self.random.random() < 0.2:
            os.kill(self.place.supervisor.pid, signal.SIGUSR2)
        self.command('upgrade')


class BrokenUpgrade(Fault):
    name, weight = 'upgrade to a broken program', 1

    def make(self):
        new = self.place.work / 'batond-new'
        new.write_text(self.random.choice(BROKEN_PROGRAMS))
        new.chmod(0o755)
        new.rename(self.place.work / 'batond')
        status, output = self.place.run('upgrade')
        shutil.copy(self.place.kept, new)
        new.rename(self.place.work / 'batond')
        if status == 0:
            self.place.wrong.append(f'a broken program took over: {output}')


class Look(Fault):
    """At everything that there is to see."""

    name, weight = 'look', 6

    def make(self):
        words = self.random.choice([['status'], ['connections'], ['events'], ['status', '--json'],
                                    ['connections', 'ack'], ['reload', '--dry-run'], ['check', str(self.place.table)]])
        program = self.place.supervisor.command(*words) if words[0] != 'check' else [self.place.work / 'baton', *words]
        subprocess.run(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=120)


CHANGES = [Reload, ReloadAtOnce, BrokenReload, Restart, Pause, StopService, Look]
UPGRADES = [Upgrade, BrokenUpgrade]
