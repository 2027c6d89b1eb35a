#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make drivers: hold the kernel's drivers against the rules, and compare with what is recorded.

    drivers.py run [--drivers WORDS] [--kernels WORDS] [--record]
    drivers.py mutants --drivers WORDS [--kernels WORD] [--pattern PATTERN]
    drivers.py tables           writes the table of Documentation/drivers/index.rst

Each driver is one run of make conformance on each kernel.  What it comes to is in
Documentation/drivers/, a JSON file for each version of the kernel.  A run fails if it
comes to something else, in either direction: a rule that is kept today and was not is
news, too.  What differs from run to run is recorded as by chance, and not compared.

A mutant is a mistake that somebody could make in such a driver: a patch in
selftests/standins/DRIVER/mutants.  It is killed if the driver with it comes to other
verdicts than the driver as it is.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import re
import sys
import time
from typing import Any, Iterable, Iterator, NamedTuple

import conformance_lab
import details
import hunt
import klog
import ktap
import runs
import shard
import table

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
RECORDS = f'{REPO}/Documentation/drivers'
STANDINS = f'{REPO}/selftests/standins'
# Where the table is in the index
BEGIN = '.. What follows is written by make drivers RECORD=1'
END = '.. End of what is written'
# What a mutant is looked at with, until something notices it: what is quick and sees most; the
# rest; what loads hundreds of damaged streams.  What waits for memory that does not come takes
# minutes where a driver holds others up, and is left out.
QUICK = '@(arc|data_fd|device|dma_log|features|fsm|p2p|precopy|reset|size|contents|dirty)_test'
SLOW = '@(stuck|hostile)_test'
# A pattern is for the names with and without their folders.
STAGES = (f'*{QUICK}', f'!(*{QUICK}|*{SLOW})', '*hostile_test')
# A mutant may hang in every test.
IN_A_HURRY = ('TEST_TIMEOUT=120', 'TIMEOUT=600')
# Verdicts, the worst one last
WORSE = ('skip', 'pass', 'FAIL')
# How often the driver is looked at as it is: some verdicts differ from run to run.
BASE_RUNS = 2
TITLES = ('driver', 'kernel', 'pass', 'FAIL', 'skip', 'seconds', 'beside the record')

Verdicts = dict[str, Any]


class Result(NamedTuple):
    """What became of a driver on a kernel."""
    driver: str
    kernel: str
    verdicts: Verdicts
    seconds: float
    differences: list[str]
    why: str                # not run at all
    recorded: bool

    def row(self) -> tuple[str, ...]:
        words = list(self.verdicts.get('rules', {}).values())
        numbers = [str(words.count(word)) for word in ('pass', 'FAIL', 'skip')] if words else ['-'] * 3
        beside = self.why or ('not recorded' if not self.recorded else
                              f'{len(self.differences)} differ' if self.differences else 'as recorded')
        return (self.driver, self.kernel, *numbers, f'{self.seconds:.0f}', beside)

    def case(self) -> ktap.Case:
        name = f'{self.driver} on Linux {self.kernel}'
        if self.why:
            return ktap.Case(name, 'skipped', self.why)
        if not self.verdicts:
            return ktap.Case(name, 'failed', 'the run came to no end')
        if self.differences:
            return ktap.Case(name, 'failed', '; '.join(self.differences))
        return ktap.Case(name, 'passed' if self.recorded else 'skipped',
                         '' if self.recorded else 'nothing is recorded for this kernel')


def standins() -> dict[str, dict[str, str]]:
    """What each description says, by the stand-in's name."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(glob.glob(f'{STANDINS}/*/standin')):
        with open(path, encoding='utf-8') as file:
            about = dict(re.findall(r'^(\w+) = (.*)$', file.read(), re.M))
        if 'source' in about:
            found[os.path.basename(os.path.dirname(path))] = about
    return found


def version(release: str) -> tuple[int, ...]:
    """(6, 12) of 6.12.117"""
    return tuple(int(number) for number in re.findall(r'\d+', release)[:2])


def record_name(release: str) -> str:
    return f'{RECORDS}/{".".join(map(str, version(release)))}.json'


def read_record(release: str) -> dict[str, Verdicts]:
    try:
        with open(record_name(release), encoding='utf-8') as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {}


def verdicts_of(report: dict[str, Any]) -> Verdicts:
    """What of a report does not change from run to run."""
    return {'rules': {row['rule']: row['verdict'] for row in report['rules']},
            'tests': {row['rule']: row['tests'] for row in report['rules'] if row['tests']},
            'programs': report['programs'],
            'failures': sorted({name for name, _ in report['nameless']}),
            'reports': sorted({f'the kernel, during {where}: {conformance_lab.kind_of([line])}'
                               for where, trace in report['traces'] for line in trace
                               if klog.BAD.search(line)})}


def seen_by(verdicts: Verdicts, rule: str, programs: Iterable[str] | None) -> list[str]:
    """The tests, of these programs, that found a rule violated."""
    return [test for test in verdicts.get('tests', {}).get(rule, ())
            if programs is None or test.partition(' ')[0] in programs]


def compare(now: Verdicts, then: Verdicts, whole: bool) -> Iterator[tuple[str, str]]:
    """What differs: a key for it, and words.

    If not all programs have run, only what these had seen is expected, and that another one
    has judged a rule is no matter.
    """
    programs = None if whole else now['programs']
    for rule in sorted({*now['rules'], *(then['rules'] if whole else ())}):
        new, old = (verdicts['rules'].get(rule, 'not judged') for verdicts in (now, then))
        places, before = (seen_by(verdicts, rule, programs) for verdicts in (now, then))
        if not whole and 'FAIL' in (new, old):
            old = 'FAIL' if before else 'pass'
            new = 'FAIL' if new == 'FAIL' else 'pass'
        if new != old and (whole or 'FAIL' in (new, old)):
            yield rule, f'{rule}: {new}, recorded: {old}'
            continue
        # One that is violated may be violated in more places than it was.
        for test in places:
            if test not in before:
                yield f'{rule} {test}', f'{rule}: FAIL in {test}, too'
        for test in before:
            if test not in places:
                yield f'{rule} {test}', f'{rule}: FAIL no more in {test}'
    for name in now['failures']:
        if name not in then['failures']:
            yield name, f'new failure: {name}'
    for name in then['failures']:
        if name not in now['failures'] and whole:
            yield name, f'fails no more: {name}'


def differences(now: Verdicts, then: Verdicts, whole: bool = True) -> list[str]:
    """In words, without what is by chance; nothing if both are the same.

    whole: all tests have run.
    """
    chance = {*now.get('by chance', ()), *then.get('by chance', ())}
    return [words for key, words in compare(now, then, whole)
            if key not in chance and key.partition(' ')[0] not in chance]


def merged(now: Verdicts, then: Verdicts) -> Verdicts:
    """What two runs come to: where they differ it is by chance, and the worse one counts.

    A rule that nothing is recorded of is new in the catalogue.
    """
    chance = sorted({*then.get('by chance', ()), *(
        key for key, _ in compare(now, then, True)
        if key.partition(' ')[0] not in now['rules'].keys() - then['rules'].keys())})
    rules = {rule: max((verdicts['rules'][rule] for verdicts in (now, then) if rule in verdicts['rules']),
                       key=WORSE.index)
             for rule in sorted({*now['rules'], *then['rules']})}
    tests = {rule: sorted({*now['tests'].get(rule, ()), *then['tests'].get(rule, ())})
             for rule in rules if rule in now['tests'] or rule in then['tests']}
    return {'rules': rules, 'tests': tests, 'by chance': chance,
            'failures': sorted({*now['failures'], *then['failures']})}


def extended(now: Verdicts, then: Verdicts) -> Verdicts:
    """What is recorded, and the rules of a run that nothing is recorded of."""
    new = now['rules'].keys() - then['rules'].keys()
    return {**then, **{what: {**then[what], **{rule: now[what][rule] for rule in new if rule in now[what]}}
                       for what in ('rules', 'tests')}}


def signs(now: Verdicts, base: list[Verdicts]) -> list[str]:
    """The differences from every run of the driver as it is.

    What differs between these, without a mistake, is no sign of one.
    """
    first, *others = (differences(now, then) for then in base)
    subjects = [{words.partition(', recorded')[0] for words in other} for other in others]
    # A program in which the kernel reports something anyway may hide what else it reports.
    reports = [report for report in now.get('reports', ())
               if not any(report in then.get('reports', ()) for then in base)]
    return [words for words in first
            if all(words.partition(', recorded')[0] in other for other in subjects)] + reports


def run_driver(driver: str, kernel: str, test: str, logs: str, *more: str
               ) -> tuple[str, Verdicts, float, list[str]]:
    """(release, verdicts, seconds, output) of a run; logs: what the log's name begins with."""
    path = f'{REPO}/build/conformance/{driver}.json'
    if os.path.exists(path):
        os.unlink(path)
    begun = time.monotonic()
    _, lines = runs.follow([f'{REPO}/scripts/verb.sh', 'conformance', f'DRIVER={driver}',
                            f'KERNEL={kernel}', *([f'TEST={test}'] if test else []), *more],
                           f'{logs}.log', False)
    seconds = time.monotonic() - begun
    release = next((found[1] for line in lines
                    if (found := re.match(r'lab: conformance of .* on Linux (\S+) ', line))), '')
    if not os.path.exists(path):
        return release, {}, seconds, lines
    with open(path, encoding='utf-8') as file:
        return release, verdicts_of(json.load(file)), seconds, lines


def too_old(lines: Iterable[str]) -> str:
    """Why a kernel has no such driver, if that is so."""
    return next((line.removeprefix('lab: error: ') for line in lines
                 if re.match(r'lab: error: Linux .* that can migrate', line)), '')


def hold(driver: str, kernel: str, test: str, logs: str) -> Result:
    release, verdicts, seconds, lines = run_driver(driver, kernel, test, f'{logs}-{driver}-{kernel}')
    why = too_old(lines)
    if why:
        found = re.search(r'Linux (\S+)', why)
        return Result(driver, found[1] if found else kernel, {}, seconds, [], 'not there yet', False)
    if not verdicts:
        for line in lines[-20:]:
            print('     | ' + line)
        return Result(driver, release or kernel, {}, seconds, ['no report'], '', False)
    then = read_record(release).get(driver)
    return Result(driver, release, verdicts, seconds,
                  differences(verdicts, then, not test) if then else [], '', bool(then))


def write_record(result: Result, more: bool, whole: bool) -> None:
    """more: beside what is recorded, or instead; whole: all tests have run."""
    record = read_record(result.kernel)
    then = record.get(result.driver)
    new = result.verdicts
    if then and more:
        new = merged(new, then) if whole else extended(new, then)
    elif not whole:
        print(f'lab: {result.driver} {result.kernel}: not recorded: there is no record that some tests '
              'could add to')
        return
    # All have run; and in what words the kernel reports something is its own matter.
    record[result.driver] = {key: value for key, value in new.items() if key not in ('programs', 'reports')}
    with open(record_name(result.kernel), 'w', encoding='utf-8') as file:
        json.dump(dict(sorted(record.items())), file, indent=1, sort_keys=True)
        file.write('\n')


def table_of_records() -> str:
    """All records, as a table of reStructuredText."""
    rows = []
    kernels = sorted((os.path.basename(path).removesuffix('.json')
                      for path in glob.glob(f'{RECORDS}/*.json')), key=version)
    for driver, about in standins().items():
        for kernel in kernels:
            verdicts = read_record(kernel).get(driver)
            if not verdicts:
                old = 'since' in about and version(about['since']) > version(kernel)
                rows.append((f':doc:`{driver}`', kernel, '', '', '',
                             f'migration since {about["since"]}' if old else 'not run'))
                continue
            words = list(verdicts['rules'].values())
            broken = [rule + (' (by chance)' if rule in verdicts.get('by chance', ()) else '')
                      for rule, verdict in sorted(verdicts['rules'].items()) if verdict == 'FAIL']
            rows.append((f':doc:`{driver}`', kernel,
                         *(str(words.count(word)) for word in ('pass', 'FAIL', 'skip')),
                         ', '.join(broken) or 'none'))
    titles = ('driver', 'kernel', 'pass', 'FAIL', 'skip', 'rules that are violated')
    lines = ['.. list-table::', '   :header-rows: 1', '']
    for row in [titles, *rows]:
        lines += [f'   {"*" if number == 0 else " "} - {cell}'.rstrip() for number, cell in enumerate(row)]
    return '\n'.join(lines)


def index_with(text: str, rows: str) -> str:
    """The page with that table in the place of the one that it has."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f'{head}{BEGIN}\n\n{rows}\n\n{END}{tail}'


def write_index() -> None:
    path = f'{RECORDS}/index.rst'
    with open(path, encoding='utf-8') as file:
        text = file.read()
    with open(path, 'w', encoding='utf-8') as file:
        file.write(index_with(text, table_of_records()))


class Look(NamedTuple):
    """What a mutant is looked at with."""
    programs: str       # a pattern
    rule: str = ''      # only the tests that judge it

    def words(self) -> list[str]:
        return [f'RULE={self.rule}'] if self.rule else []


def looks(mutant: hunt.Mutant) -> list[Look]:
    """One after the other, until something is noticed: what is expected to notice it first."""
    expected = [Look(mutant.killed_by, mutant.rule)] if mutant.killed_by else []
    return expected + [Look(programs) for programs in STAGES]


class Prey:
    """A driver, and what it comes to as it is, look by look."""

    def __init__(self, driver: str, kernel: str, logs: str) -> None:
        self.driver = driver
        self.kernel = kernel
        self.logs = f'{logs}-{driver}'
        self.base: dict[Look, list[Verdicts]] = {}

    def run(self, look: Look, name: str, *more: str) -> Verdicts:
        """The verdicts of a run; hunt.Broken if there are none."""
        _, verdicts, _, lines = run_driver(self.driver, self.kernel, look.programs, f'{self.logs}-{name}',
                                           *look.words(), *IN_A_HURRY, *more)
        if not verdicts:
            raise hunt.Broken(hunt.why_not(lines))
        return verdicts

    def as_it_is(self, look: Look, number: int) -> Verdicts:
        """The first, or another run without a mistake."""
        runs_of_it = self.base.setdefault(look, [])
        while len(runs_of_it) <= number:
            runs_of_it.append(self.run(look, f'as-it-is-{len(self.base)}-{len(runs_of_it)}'))
            if runs_of_it[1:]:
                for words in differences(runs_of_it[0], runs_of_it[-1]):
                    print(f'# {self.driver} by chance: {words}', flush=True)
        return runs_of_it[number]

    def signs_of(self, mutant: hunt.Mutant) -> list[str]:
        """What notices a mistake, if anything does."""
        for look in looks(mutant):
            now = self.run(look, mutant.name, f'PATCH={mutant.path}')
            base: list[Verdicts] = []
            seen: list[str] = []
            # Another run without a mistake is needed only if there is a difference from the first.
            while len(base) < BASE_RUNS:
                base.append(self.as_it_is(look, len(base)))
                seen = signs(now, base)
                if not seen:
                    break
            if seen:
                return seen
        return []


def hunt_all(drivers: list[str], kernel: str, pattern: str, logs: str, part: str = '') -> list[ktap.Case]:
    """part: which one of them all, as SHARD= has it."""
    every = [(driver, mutant) for driver in drivers
             for mutant in hunt.read_all(f'{STANDINS}/{driver}/mutants', pattern)]
    mine = shard.share(every, part)
    cases = []
    for driver in drivers:
        mutants = [mutant for other, mutant in mine if other == driver]
        if not mutants:
            continue
        # A driver that a kernel does not have yet is looked at on the newest one.
        prey = Prey(driver, kernel or ('latest' if 'since' in standins()[driver] and
                                       version(standins()[driver]['since']) > (6, 12) else 'lts'), logs)
        cases += hunt.hunt(driver, mutants, prey.signs_of)
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('what', choices=('run', 'mutants', 'tables'))
    parser.add_argument('--drivers', default='', help='words: only these')
    parser.add_argument('--kernels', default='', help='words: on these; by default lts and latest')
    parser.add_argument('--test', default='', help='a pattern: only these programs')
    parser.add_argument('--pattern', default='', help='words: only mutants of such names')
    parser.add_argument('--record', choices=('1', 'more'),
                        help='this is what it comes to from now on; more: or what was recorded, by chance')
    parser.add_argument('--logs', default='', help='what logs begin with')
    args = parser.parse_args()
    if args.what == 'tables':
        write_index()
        return 0
    drivers = args.drivers.split() or list(standins())
    part = shard.take()
    if args.what == 'mutants':
        return hunt.finish(hunt_all(drivers, args.kernels, args.pattern, args.logs, part), args.logs)
    results: list[Result] = []
    for kernel, driver in shard.share([(kernel, driver) for kernel in args.kernels.split() or ['lts', 'latest']
                                       for driver in drivers], part):
        result = hold(driver, kernel, args.test, args.logs)
        results.append(result)
        print(f'lab: {driver} on Linux {result.kernel} in User Mode Linux: {result.row()[-1]}'
              f' ({result.seconds:.0f} s)', flush=True)
        for words in result.differences:
            rule = words.partition(':')[0]
            sentence = details.sentences().get(rule)
            print(f'lab:   {words}' + (f' ({sentence})' if sentence else ''))
        if args.record and result.verdicts:
            write_record(result, args.record == 'more', not args.test)
    print()
    print('\n'.join(table.lines([TITLES, *(result.row() for result in results)], left=2)))
    status = hunt.finish([result.case() for result in results], args.logs,
                         rules={f'{result.driver} {".".join(map(str, version(result.kernel)))}':
                                result.verdicts['rules'] for result in results if result.verdicts})
    if args.record:
        write_index()
        return 0
    return status


if __name__ == '__main__':
    sys.exit(main())
