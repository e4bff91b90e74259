"""What came of a run."""
from trouble.records import Records

from soaking.verdict import Verdict

FLAT_FROM_SECONDS, GROWTH_KILOBYTES = 100, 2048


def growth(course, whose):
    """Kilobytes that stay, from the least of the third to fifth tenth of the time without upgrades to the least of its
    last three: what is under way makes it rise and fall. None when there was not enough time to tell. `whose`: of a
    `Sample`."""
    begin, end = course.steady
    if begin is None or end - begin < FLAT_FROM_SECONDS:
        return None
    memory = [getattr(sample, whose) for sample in course.watch.samples if begin <= sample.time <= end]
    tenth = len(memory) // 10
    return min(memory[-3 * tenth:]) - min(memory[2 * tenth:5 * tenth])


class Report:
    def __init__(self, course):
        self.course, place = course, course.place
        issued, unanswered = {}, []
        for result in course.results:
            issued |= result.issued
            unanswered += result.unanswered
        records = Records(place.work / 'records', issued)
        self.verdict = Verdict(place, unanswered, records)
        self.verdict.check_counters(course.status, place.tally.made(), course.rest)
        self.growth = {whose: growth(course, whose) for whose in ('memory', 'monitor')}
        self.faults = [fault for result in course.results for fault in result.faults]
        self.faults += course.watch.faults + records.faults + place.wrong + self.verdict.faults
        self.faults += [f'anonymous memory grew by {kilobytes} KiB: {whose}' for whose, kilobytes in self.growth.items()
                        if kilobytes is not None and kilobytes > GROWTH_KILOBYTES]
        if course.watch.restarts != len(place.deaths):
            self.faults.append(f'{course.watch.restarts} workers have died, we killed {len(place.deaths)}')

    def show(self):
        course, watch, log = self.course, self.course.watch, self.verdict.log
        print(f'\n{"":12}{"accepted":>10}{"ended":>10}{"refused":>9}{"cut":>7}{"abandoned":>10}{"requeued":>9}'
              f'{"lost":>5}')
        for name, service in course.status.items():
            counters = service['connections']
            print(f'{name:12}{counters["accepted"]:10}{counters["ended"]:10}{sum(counters["refused"].values()):9}'
                  f'{counters["cut"]:7}{counters["abandoned"]:10}{counters["requeued"]:9}{counters["lost"]:5}')
        print('clients:', course.place.tally.shown())
        print('of the unanswered:', shown(self.verdict.explanations))
        for stream in course.streams:
            print(f'{stream.name}: {shown(stream.made)}')
        print('commands that failed:', shown(course.place.failed))
        print(f'the log: {log.lines} lines; {shown(log.notable)}')
        for whose, kilobytes in self.growth.items():
            memory = [getattr(sample, whose) for sample in watch.samples]
            grown = 'too short to tell' if kilobytes is None else f'{kilobytes} KiB'
            print(f'anonymous {whose}: {memory[0]} KiB at first, {max(memory)} at most, {memory[-1]} at last; '
                  f'growth in the time without upgrades: {grown}')
        print(f'both launchers: {watch.samples[0].launchers} KiB at first, {watch.samples[-1].launchers} at last')
        print(f'status: asked {len(watch.samples)} times, {watch.unanswered} not answered, '
              f'{watch.longest:.1f} s at most')


def shown(counter):
    return ', '.join(f'{count} {what}' for what, count in counter.most_common()) or 'none'
