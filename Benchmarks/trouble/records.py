"""What the handlers wrote down: which nonce was begun by whom."""
import pathlib


def faults(directory, issued):
    """(nonces that were served, what must not be there). `issued`: how many nonces each client gave out."""
    found, served, numbers = [], {}, {}
    for file in sorted(pathlib.Path(directory).iterdir()):
        for line in file.read_text(errors='replace').splitlines():
            what, nonce, pid, number = (line.split(' ') + [''] * 4)[:4]
            where = f'{file.name.rsplit(".", 1)[0]}, connection {number}, handler {pid}'
            if what != 'served' or not is_issued(nonce, issued):
                found.append(f'{what} {nonce}: {where}')
            elif nonce in served:
                found.append(f'delivered twice: {nonce}: {where}, and {served[nonce]}')
            elif (file.name.rsplit('.', 1)[0], number) in numbers:
                found.append(f'two nonces on one connection: {nonce}: {where}, and {numbers[number]}')
            served[nonce] = where
            numbers[file.name.rsplit('.', 1)[0], number] = where
    return served, found


def is_issued(nonce, issued):
    try:
        return len(nonce) == 16 and int(nonce[6:], 16) < issued.get(int(nonce[:6], 16), 0)
    except ValueError:
        return False
