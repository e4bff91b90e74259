"""Tables of what was measured."""
import statistics

COLUMNS = ('rate', 'p50_us', 'p90_us', 'p99_us', 'max_us', 'cpu_us')
HEADER = (f'{"":44}{"conn/s":>8}{"x limit":>8}{"min-max":>12}{"p50 us":>9}{"x":>9}{"p90 us":>9}{"p99 us":>9}{"x":>9}'
          f'{"max us":>9}{"CPU us":>8}{"x":>7}{"lost":>6}')


def ratios(rounds, name, reference, key):
    """One for each round, so that what slowed both down does not count."""
    return [each.cells[name][key] / each.cells[reference][key]
            for each in rounds if each.cells[reference][key] and each.cells[name][key]]


def middle(values):
    values = list(values)
    return statistics.median(values) if values else 0.0


def failures(rounds, name):
    """What became of the connections that were not answered rightly."""
    found = {}
    for each in rounds:
        report = each.cells[name]
        for what, count in [('wrong', report['wrong']), *report['lost'].items()]:
            if count:
                found[what] = found.get(what, 0) + count
    return found


def summary(rounds, names, reference):
    """Contestant → medians (and the longest time of all), ratios to the reference with their range, and failures."""
    found = {}
    for name in names:
        medians = {key: middle(each.cells[name][key] for each in rounds) for key in COLUMNS}
        medians['max_us'] = max(each.cells[name]['max_us'] for each in rounds)
        to_limit = {}
        for key in COLUMNS:
            values = ratios(rounds, name, reference, key) or [0.0]
            to_limit[key] = {'median': middle(values), 'least': min(values), 'most': max(values)}
        found[name] = {**medians, 'to_limit': to_limit, 'failures': failures(rounds, name)}
    return found


def row(name, found):
    to_limit = found['to_limit']
    rate, p50, p99, cpu = (to_limit[key] for key in ('rate', 'p50_us', 'p99_us', 'cpu_us'))
    return (f'{name:44}{found["rate"]:8.0f}{rate["median"]:8.2f}{rate["least"]:7.2f}-{rate["most"]:.2f}'
            f'{found["p50_us"]:9.0f}{p50["median"]:9.2f}{found["p90_us"]:9.0f}'
            f'{found["p99_us"]:9.0f}{p99["median"]:9.2f}{found["max_us"]:9.0f}'
            f'{found["cpu_us"]:8.1f}{cpu["median"]:7.2f}{sum(found["failures"].values()):6}')


def show(done, names):
    """Prints a table for each concurrency, and answers {concurrency: summary}."""
    reference, found = names[0], {}
    for level, rounds in done.items():
        found[level] = summary(rounds, names, reference)
        drift = max(each.drift for each in rounds)
        disturbed = sum(each.disturbed for each in rounds)
        note = f'; {disturbed} cells while the machine was busy' if disturbed else ''
        print(f'\n{level} at once, {len(rounds)} rounds (drift up to {drift:.0%}{note})\n{HEADER}')
        for name in names:
            print(row(name, found[level][name]))
    return found
