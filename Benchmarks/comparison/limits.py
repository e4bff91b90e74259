"""What the kernel allows, and the process that accepts its connections itself."""
from .contestant import BENCH, TINY, WORKER, on_inherited_listener


def handoff(name='limit: handed over, a copy kept until ACK'):
    return on_inherited_listener(name, [BENCH / 'limit-handoff', 'keep', '{listener}', WORKER, 'channel'])


def handoff_without_copy(name='limit: handed over, closed at once'):
    return on_inherited_listener(name, [BENCH / 'limit-handoff', '{listener}', WORKER, 'channel', 'silent'])


def direct(name='the worker accepts for itself'):
    return on_inherited_listener(name, [WORKER, 'listener', '{listener}'])


def execution(name='limit: clone and exec', *options):
    return on_inherited_listener(name, [BENCH / 'limit-exec', *options, '{listener}', TINY])
