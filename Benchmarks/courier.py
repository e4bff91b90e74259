#!/usr/bin/python3
"""Courier calls: handed from program to program, and by a process for each.

Usage: Benchmarks/courier.py [PROGRAMS]   (the directory of batond and baton; .build/release)
"""
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CALLS = 2000
ROUNDS = 5
FIGURES = re.compile(r'(\d+)/s, p50 (\d+) us, p99 (\d+) us')
WAYS = {
    'handed over, 8 calls a connection': ['-c', '8', '127.0.0.1', '15044'],
    'handed over, 1 call a connection': ['-c', '1', '127.0.0.1', '15044'],
    'a process for each call': ['-c', '1', '127.0.0.1', '15045', '15046'],
}


def main():
    programs = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / '.build/release').resolve()
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(['make', '--silent', '-C', ROOT / 'examples/courier', f'BUILD={place}'], check=True)
        table = pathlib.Path(place, 'baton.yaml')
        table.write_text((ROOT / 'examples/courier/baton.yaml').read_text().replace('/tmp/baton-courier', place))
        baton = subprocess.Popen(
            [programs / 'baton', 'run', '--ready-fd', '1', table], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            baton.stdout.read(1)
            found = {way: [] for way in WAYS}
            for _ in range(ROUNDS):
                for way, arguments in WAYS.items():
                    output = subprocess.run(
                        [pathlib.Path(place, 'client'), '-n', str(CALLS), *arguments], check=True, capture_output=True,
                        text=True).stdout
                    found[way].append([int(figure) for figure in FIGURES.search(output).groups()])
        finally:
            baton.terminate()
            baton.wait()
    medians = {way: [statistics.median(figures) for figures in zip(*rounds)] for way, rounds in found.items()}
    base = medians['a process for each call']
    print(f'{"":36}{"calls/s":>9}{"p50":>9}{"p99":>9}   against a process each')
    for way, (speed, middle, high) in medians.items():
        print(f'{way:36}{speed:9.0f}{middle:6.0f} us{high:6.0f} us   {speed / base[0]:.1f} x as many calls')


main()
