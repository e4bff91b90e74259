"""A wait handler that speaks to NOTIFY_SOCKET as its argument says, then reads datagrams for ever: what comes on the
socket that it was given is sent to NOTIFY_SOCKET.

plain   by itself
child   by a child, which has ended when its message is read
"""
import os
import socket
import struct
import sys

sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
path = os.environ['NOTIFY_SOCKET']
print('watchdog', os.environ.get('WATCHDOG_USEC'), file=sys.stderr, flush=True)
given = socket.socket(fileno=0)


def say(text):
    if text.startswith(b'fd '):
        # Descriptors come along: nobody wants them.
        read, write = os.pipe()
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('2i', read, write))
        sock.sendmsg([text[3:]], [rights], 0, path)
        os.close(read)
        os.close(write)
    else:
        sock.sendto(text, path)


while True:
    text, client = given.recvfrom(8192)
    if sys.argv[1] == 'child':
        if os.fork() == 0:
            say(text)
            os._exit(0)
        # Not waited for: as long as it is a zombie, it is in the group.
    else:
        say(text)
    given.sendto(b'said', client)
