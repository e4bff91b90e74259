"""What came of a run."""
from trouble.records import Records

from soaking.verdict import Verdict

FLAT_FROM_SECONDS, GROWTH_KILOBYTES = 100, 2048


def growth(course):
    """Kilobytes that stay, from the least of the third to fifth tenth of the time without upgrades to the least of its
    last three: what is under way makes it rise and fall. None when there was not enough time to tell."""
    begin, end = course.steady
    if begin is None or end - begin < FLAT_FROM_SECONDS:
        return None
    memory = [sample.memory for sample in course.watch.samples if begin <= sample.time <= end]
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
        self.verdict.check_counters(course.status, dict(zip(place.tally.services, place.tally.connects)))
        self.growth = growth(course)
        self.faults = [fault for result in course.results for fault in result.faults]
        self.faults += course.watch.faults + records.faults + place.wrong + self.verdict.faults
        if self.growth is not None and self.growth > GROWTH_KILOBYTES:
            self.faults.append(f'anonymous memory grew by {self.growth} KiB')

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
        memory, launchers = ([sample[index] for sample in watch.samples] for index in (1, 2))
        print(f'anonymous memory: {memory[0]} KiB at first, {max(memory)} at most, {memory[-1]} at last; '
              f'both launchers {launchers[0]} and {launchers[-1]}; growth in the time without upgrades: '
              + ('too short to tell' if self.growth is None else f'{self.growth} KiB'))
        print(f'status: asked {len(watch.samples)} times, {watch.unanswered} not answered, '
              f'{watch.longest:.1f} s at most')


def shown(counter):
    return ', '.join(f'{count} {what}' for what, count in counter.most_common()) or 'none'
