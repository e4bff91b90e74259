"""Tables of many services."""
import os
import pathlib

# Below the ports that the kernel gives to clients: 10,000 of them, free on this address.
ADDRESS, FIRST_PORT = '127.9.0.1', 10_000
BUSY = {
    'exec': 'exec: [{programs}/answer-inetd-static]',
    'handoff': 'handoff: {{exec: [{programs}/answer, "1"]}}',
}
# Never started; short, for a file has at most 1 MiB.
IDLE = {'exec': 'exec: /bin/cat', 'handoff': 'handoff: {exec: /bin/cat}', 'internal': 'internal: echo'}


def write(path, programs, count, mark=0, ways=('exec', 'handoff'), busy=True):
    """`count` services of these ways, of which nobody comes to any; the one with the number `mark` says something
    else than it does with another mark. With `busy`, two more that clients come to."""
    lines = ['log: {level: warning}', 'services:']
    if busy:
        lines += [
            f'  busy-{way}: {{listen: "127.0.0.1:0", per_source: unlimited, {text.format(programs=programs)}}}'
            for way, text in BUSY.items()]
    for number in range(count):
        way = IDLE[ways[number % len(ways)]]
        listen = f'"{ADDRESS}:{FIRST_PORT + number}"'
        lines.append(f'  idle-{number}: {{listen: {listen}, per_source: {100 + (number == mark)}, {way}}}')
    pathlib.Path(path).write_text('\n'.join(lines) + '\n')
    os.chmod(path, 0o644)
