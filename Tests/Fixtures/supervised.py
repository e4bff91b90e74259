"""A supervised handler, message by message, that behaves as its argument says.

echo    acknowledges, answers "PID CONNECTION TEXT\\n" to the line it reads, ends the connection
poison  like echo, but looks at the first bytes before the ACK and dies of "poison"
hold    acknowledges and keeps the connection open until its client closes
silent  never registers
late    registers when it is asked to end, and exits
fails   exits at once with status 3
peek    acknowledges, and dies of "poison" that it only looked at; else like echo
mute    acknowledges, and dies of a client that ended without a word; else like echo
trap    the first time, by the file that its second argument names: a child of its own holds the channel, and it
        reads nothing; the next time like echo
escape  like trap, but the child leaves the process group
"""
import os
import select
import signal
import socket
import struct
import sys

REGISTER, ACK, DONE, PONG = 1, 2, 3, 4
BATON, PING, DRAIN = 17, 18, 19


class Handler:
    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.channel = socket.socket(fileno=int(os.environ['BATON_CHANNEL']))
        self.channel.set_inheritable(False)
        self.held = {}
        self.draining = False

    def send(self, kind, number=0, body=b''):
        self.channel.send(struct.pack('=IHHQ', 16 + len(body), kind, 0, number) + body)

    def register(self):
        assert os.environ['BATON_PROTOCOL'] == '1'
        self.send(REGISTER, body=struct.pack('=HHI', 1, 0, 0) + os.environ['BATON_SERVICE'].encode())

    def receive(self):
        packet, descriptors, _, _ = socket.recv_fds(self.channel, 65536, 1)
        if not packet:
            sys.exit(0)
        _, kind, _, number = struct.unpack_from('=IHHQ', packet)
        if kind == PING:
            self.send(PONG, number)
        elif kind == DRAIN:
            self.draining = True
        elif kind == BATON:
            connection, = struct.unpack_from('=Q', packet, 16)
            self.take(number, connection, socket.socket(fileno=descriptors[0]))

    def take(self, number, connection, client):
        if self.behaviour == 'poison' and client.recv(6, socket.MSG_PEEK) == b'poison':
            os._exit(1)
        self.send(ACK, number)
        if self.behaviour == 'peek' and client.recv(6, socket.MSG_PEEK) == b'poison':
            os._exit(1)
        if self.behaviour == 'mute' and not client.recv(1, socket.MSG_PEEK):
            os._exit(1)
        if self.behaviour == 'hold':
            self.held[client] = number
            return
        line = b''
        while not line.endswith(b'\n'):
            more = client.recv(4096)
            if not more:
                break
            line += more
        client.sendall(b'%d %d ' % (os.getpid(), connection) + line)
        self.end(number, client)

    def end(self, number, client):
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        client.close()
        self.send(DONE, body=struct.pack('=Q', number))

    def run(self):
        while not (self.draining and not self.held):
            ready, _, _ = select.select([self.channel, *self.held], [], [])
            for source in ready:
                if source is self.channel:
                    self.receive()
                elif not source.recv(4096):
                    self.end(self.held.pop(source), source)


def main():
    behaviour = sys.argv[1]
    if behaviour in ('trap', 'escape'):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    if behaviour == 'fails':
        sys.exit(3)
    handler = Handler(behaviour)
    if behaviour == 'silent':
        while True:
            select.select([], [], [])
    if behaviour == 'late':
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        print('waits', file=sys.stderr, flush=True)
        signal.sigwait([signal.SIGTERM])
        handler.register()
        sys.exit(0)
    if behaviour in ('trap', 'escape') and not os.path.exists(sys.argv[2]):
        trap(handler, behaviour == 'escape')
    handler.register()
    handler.run()


def trap(handler, escapes):
    open(sys.argv[2], 'w').close()
    settled, settle = os.pipe()
    if os.fork() == 0:
        if escapes:
            os.setsid()
        os.close(settled)
        os.close(settle)
        # Only when it is told: the connection that lies in the channel would be delivered twice.
        signal.sigwait([signal.SIGUSR1])
        descriptors = []
        while not descriptors:
            _, descriptors, _, _ = socket.recv_fds(handler.channel, 65536, 1)
        client = socket.socket(fileno=descriptors[0])
        client.recv(4096)
        client.sendall(b'from the grave')
        os._exit(0)
    # The child is where it is to be before anybody can kill the group.
    os.close(settle)
    os.read(settled, 1)
    handler.register()
    while True:
        select.select([], [], [])


main()
