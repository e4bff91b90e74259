"""What stands in front of a running process elsewhere: relays that accept, and connect to its Unix socket."""
import pathlib

from . import programs
from .contestant import BACKLOG, WORKER, Contestant, Unavailable, children, free_port, user

HAPROXY = """
global
    nbthread 1
    maxconn 8000
defaults
    mode tcp
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen worker
    bind 127.0.0.1:{port} backlog {backlog}
    server worker unix@{socket}
"""
NGINX = """
load_module {module};
daemon off;
user {user};
worker_processes 1;
pid {directory}/pid;
error_log /dev/null;
events {{ worker_connections 8000; }}
stream {{
    server {{
        listen 127.0.0.1:{port} backlog={backlog};
        proxy_pass unix:{socket};
    }}
}}
"""


class Nginx(Contestant):
    def supervisors(self):
        return [self.pid, *children(self.pid)]


def in_front_of_worker(relay, directory):
    """Starts the worker, then what `relay` makes for its socket."""
    socket = pathlib.Path(directory, 'worker.sock')
    worker = Contestant('worker', [WORKER, socket], None)
    try:
        found = relay(socket)
    except Unavailable:
        worker.stop()
        raise
    found.companions.append(worker)
    return found.wait_until_it_listens()


def haproxy(name, directory):
    port = free_port()

    def relay(socket):
        conf = pathlib.Path(directory, 'haproxy.cfg')
        conf.write_text(HAPROXY.format(port=port, backlog=BACKLOG, socket=socket))
        return programs.start(name, 'haproxy', ['haproxy', '-db', '-q', '-f', conf], f'127.0.0.1:{port}')
    return in_front_of_worker(relay, directory)


def nginx(name, directory):
    port = free_port()

    def relay(socket):
        path, environment = programs.found('nginx', 'nginx')
        modules = path.parents[1] / 'lib/nginx/modules'
        module = (modules if modules.exists() else pathlib.Path('/usr/lib/nginx/modules')) / 'ngx_stream_module.so'
        if not module.exists():
            raise Unavailable('its stream module is not here')
        conf = pathlib.Path(directory, 'nginx.conf')
        conf.write_text(NGINX.format(
            module=module, user=user(), directory=directory, port=port, backlog=BACKLOG, socket=socket))
        return Nginx(
            name, [path, '-e', '/dev/null', '-c', conf, '-p', directory], f'127.0.0.1:{port}', env=environment)
    return in_front_of_worker(relay, directory)
