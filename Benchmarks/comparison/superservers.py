"""Super-servers of other people's: each starts `tiny` for a connection, its limits of rate and number lifted."""
import pathlib

from . import programs
from .contestant import BACKLOG, TINY, free_port, listener, user

# Of processes at once, where there must be one; the load has 128 connections.
INSTANCES = 1000
# Connections a minute, where 0 does not mean that all may come.
RATE = 1_000_000_000

XINETD_SERVICE = """
service service{number}
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = {user}
    bind = {host}
    port = {port}
    server = {tiny}
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = {rate} 1
    log_type = FILE /dev/null
}}
"""


def hosts(idle):
    """The loopback address that is measured, and one for each idle service, all with one port."""
    return ['127.0.0.1', *(f'127.1.{number // 250}.{number % 250 + 1}' for number in range(idle))]


def written(directory, name, text):
    path = pathlib.Path(directory, name)
    path.write_text(text)
    return path


def inetd_conf(directory, port, idle, nowait='nowait'):
    return written(directory, 'inetd.conf', ''.join(
        f'{host}:{port} stream tcp {nowait} {user()} {TINY} tiny\n' for host in hosts(idle)))


def xinetd(name, directory, idle=0):
    port = free_port()
    conf = written(directory, 'xinetd.conf', ''.join(
        XINETD_SERVICE.format(number=number, user=user(), host=host, port=port, tiny=TINY, rate=RATE)
        for number, host in enumerate(hosts(idle))))
    return programs.start(
        name, 'xinetd', ['xinetd', '-dontfork', '-f', conf, '-pidfile', f'{directory}/pid'],
        f'127.0.0.1:{port}').wait_until_it_listens()


def openbsd_inetd(name, directory, idle=0):
    port = free_port()
    return programs.start(
        name, 'openbsd-inetd', ['inetd', '-i', '-q', BACKLOG, '-R', RATE, inetd_conf(directory, port, idle)],
        f'127.0.0.1:{port}').wait_until_it_listens()


def inetutils_inetd(name, directory, idle=0):
    """Stays in the foreground only to print what it does, so it goes to the background."""
    port = free_port()
    pidfile = pathlib.Path(directory, 'pid')
    return programs.start(
        name, 'inetutils-inetd',
        ['inetutils-inetd', '-R', RATE, f'--pidfile={pidfile}', inetd_conf(directory, port, idle)],
        f'127.0.0.1:{port}').becomes_a_daemon(pidfile).wait_until_it_listens()


def busybox_inetd(name, directory, idle=0):
    port = free_port()
    return programs.start(
        name, 'busybox', ['busybox', 'inetd', '-f', '-q', BACKLOG, '-R', 0, inetd_conf(directory, port, idle)],
        f'127.0.0.1:{port}').wait_until_it_listens()


def busybox_tcpsvd(name, _):
    port = free_port()
    return programs.start(
        name, 'busybox',
        ['busybox', 'tcpsvd', '-c', INSTANCES, '-b', BACKLOG, '-l', 'localhost', '127.0.0.1', port, TINY],
        f'127.0.0.1:{port}').wait_until_it_listens()


def tcpsvd(name, _):
    """-l: without it each connection waits for a look-up of this machine's own name."""
    port = free_port()
    return programs.start(
        name, 'ipsvd', ['tcpsvd', '-c', INSTANCES, '-b', BACKLOG, '-l', 'localhost', '127.0.0.1', port, TINY],
        f'127.0.0.1:{port}').wait_until_it_listens()


def tcpserver(name, _):
    """-H, -R, -l: no look-up of names, and no question to the client about its user."""
    port = free_port()
    return programs.start(
        name, 'ucspi-tcp',
        ['tcpserver', '-c', INSTANCES, '-b', BACKLOG, '-H', '-R', '-l', 'localhost', '127.0.0.1', port, TINY],
        f'127.0.0.1:{port}').wait_until_it_listens()


def s6(name, _):
    """Debian has no s6-tcpserver; the one for Unix sockets takes any listening socket as its descriptor 0."""
    opened, address = listener()
    with opened:
        return programs.start(
            name, 's6', ['s6-ipcserverd', '-P', '-c', INSTANCES, '-C', INSTANCES, TINY], address, stdin=opened)


def systemd(name, _):
    port = free_port()
    return programs.start(
        name, 'systemd', ['systemd-socket-activate', '-a', '--inetd', '-l', f'127.0.0.1:{port}', TINY],
        f'127.0.0.1:{port}').wait_until_it_listens()


# One process for all services, and one for each.
ONE_PROCESS = {
    'xinetd': xinetd, 'openbsd-inetd': openbsd_inetd, 'inetutils-inetd': inetutils_inetd,
    'busybox inetd': busybox_inetd}
ONE_SERVICE = {
    'busybox tcpsvd': busybox_tcpsvd, 'tcpserver': tcpserver, 'tcpsvd': tcpsvd, 's6-ipcserverd': s6,
    'systemd-socket-activate': systemd}
