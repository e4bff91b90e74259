"""An HTTP server that takes its listening sockets as sd_listen_fds(3) says, like gunicorn or cupsd.

It answers each request with the name of the socket that it came in by, and exits when nobody has asked for
half a minute; the super-server starts it again with the next client.
"""
import os
import select
import socket
import sys

IDLE_SECONDS = 30
FIRST = 3  # SD_LISTEN_FDS_START


def listen_fds():
    """The sockets, named; none if they were meant for another process."""
    if os.environ.pop('LISTEN_PID', None) != str(os.getpid()):
        return []
    count = int(os.environ.pop('LISTEN_FDS', '0'))
    names = os.environ.pop('LISTEN_FDNAMES', '').split(':')
    sockets = []
    for number in range(count):
        descriptor = FIRST + number
        os.set_inheritable(descriptor, False)
        name = names[number] if number < len(names) else 'unknown'
        sockets.append((socket.socket(fileno=descriptor), name))
    return sockets


def answer(client, name):
    client.settimeout(10)
    request = b''
    while b'\r\n\r\n' not in request and len(request) < 65536:
        more = client.recv(4096)
        if not more:
            return
        request += more
    path = request.split(b' ')[1].decode(errors='replace') if request.count(b' ') >= 2 else '?'
    body = f'{path} by {name}, process {os.getpid()}\n'.encode()
    head = f'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n'
    client.sendall(head.encode() + body)


def main():
    sockets = listen_fds()
    if not sockets:
        sys.exit('no sockets: LISTEN_FDS and LISTEN_PID are not for this process')
    for listener, _ in sockets:
        listener.setblocking(False)
    names = dict(sockets)
    while True:
        ready, _, _ = select.select(list(names), [], [], IDLE_SECONDS)
        if not ready:
            return
        for listener in ready:
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                continue
            client.setblocking(True)
            with client:
                try:
                    answer(client, names[listener])
                except OSError as error:
                    print(f'client lost: {error}', file=sys.stderr)


if __name__ == '__main__':
    main()
