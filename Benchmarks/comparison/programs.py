"""Where the programs of other people's are: what scripts/fetch-peers has unpacked, or what is installed."""
import os
import pathlib
import shutil

from .contestant import BENCH, Contestant, Unavailable

PEERS = BENCH / 'peers'


def found(program, package):
    """The path of a program and the environment that it needs."""
    root = PEERS / package
    for directory in ('usr/sbin', 'usr/bin', 'sbin', 'bin'):
        if (root / directory / program).exists():
            libraries = sorted({str(path.parent) for path in root.rglob('lib*.so*')})
            environment = {'LD_LIBRARY_PATH': ':'.join(libraries)} if libraries else {}
            return root / directory / program, {**os.environ, **environment}
    if path := shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/local/sbin:/usr/sbin:/sbin'):
        return pathlib.Path(path), dict(os.environ)
    raise Unavailable('it is not here')


def start(name, package, command, address, **options):
    """A contestant whose command begins with the name of a program of the package."""
    path, environment = found(command[0], package)
    return Contestant(name, [path, *command[1:]], address, env=environment, **options)
