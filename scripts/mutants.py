#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Build the driver with each of the mistakes of selftests/mutants/, and see
which test notices.

A mutant is killed by the first test case that fails, by a report of the
kernel, or by a guest that dies or falls silent.  That means something only if
none of it happens to the driver as it is, so that is what is run first.
"""

import argparse
import email.parser
import fnmatch
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

import exits
import guest
import klog
import ktap
import machine
import shard
import workers
from results import closing, leave

NAME = re.compile(r'[a-z0-9]+(-[a-z0-9]+)*\Z')
RULE = re.compile(r'MIG-[A-Z0-9]+-[0-9]+\Z')
CHANGED = re.compile(r'^(?:---|\+\+\+) [ab]/(\S+)', re.M)
RUNS = re.compile(r'#\s+RUN\s+(\S+) \.\.\.')
# What the harness says of any test that fails
CHATTER = re.compile(r'#\s+(RUN|FAIL|OK|arcs:)\s|: Test (failed|terminated)')
FIELDS = ('Subject', 'Rules', 'Killed-by', 'Needs', 'Survives')
SOURCES = ('mtty-mig', 'kunit')
# How long the rest of a report of the kernel is waited for, in seconds
REPORT_GRACE = 0.5


class BadMutant(Exception):
    """A patch that is not one, or does not apply, or does not compile."""


class Mutant:
    """A file of selftests/mutants/: a header as of a mail, and a patch."""

    def __init__(self, path, text):
        self.path = path
        self.name = os.path.basename(path)[:-len('.patch')]
        start = text.find('\n--- a/')
        if start < 0:
            raise BadMutant('has no patch')
        head = email.parser.Parser().parsestr(text[:start])
        self.patch = text[start + 1:]
        if not NAME.match(self.name):
            raise BadMutant('a name is words of small letters and digits with dashes between them')
        for field in head.keys():
            if field not in FIELDS:
                raise BadMutant(f'the header has no field {field}')
            if head.get_all(field)[1:]:
                raise BadMutant(f'has {field} twice')
        self.subject = head['Subject']
        self.rules = (head['Rules'] or '').split()
        self.hints = (head['Killed-by'] or '').split()
        self.needs = head['Needs'] or 'san'
        self.survives = ' '.join((head['Survives'] or '').split())
        self.why = head.get_payload().strip()
        if not self.subject or '\n' in self.subject:
            raise BadMutant('needs a Subject of one line')
        if self.rules != ['none'] and not (self.rules and all(map(RULE.match, self.rules))):
            raise BadMutant('needs Rules: IDs like MIG-FSM-01, or "none"')
        if bool(self.hints) == bool(self.survives):
            raise BadMutant('needs either Killed-by or Survives')
        if self.needs not in ('san', 'leaks'):
            raise BadMutant('Needs is "san" or "leaks"')
        if not self.why:
            raise BadMutant('says nothing about why the mistake is plausible')
        self.files = sorted(set(CHANGED.findall(self.patch)))
        if not all(name.startswith('mtty-mig/') for name in self.files):
            raise BadMutant('changes something else than mtty-mig/')
        self.room = re.sub(r'^mtty-mig/|\.[ch]$', '', self.files[0])

    @property
    def leaks(self):
        return self.needs == 'leaks'

    @classmethod
    def read(cls, path):
        try:
            with open(path, encoding='utf-8') as file:
                return cls(path, file.read())
        except BadMutant as why:
            raise BadMutant(f'{os.path.basename(path)}: {why}') from None


def read_all(directory, pattern='*'):
    """pattern: one or several words, as for file names"""
    paths = sorted(glob.glob(f'{directory}/*.patch'))
    return [Mutant.read(path) for path in paths
            if any(fnmatch.fnmatch(os.path.basename(path)[:-len('.patch')], word)
                   for word in pattern.split())]


def apply(mutant, tree, *options):
    """Put the mistake into a copy of the sources.  git allows no fuzz."""
    # The tree may lie in somebody's repository, which is none of ours.
    env = {**os.environ, 'GIT_CEILING_DIRECTORIES': os.path.dirname(os.path.realpath(tree))}
    done = subprocess.run(['git', 'apply', '--whitespace=nowarn', *options, '-'], cwd=tree, env=env,
                          input=mutant.patch, text=True, capture_output=True, check=False)
    if done.returncode:
        raise BadMutant('does not apply: ' + done.stderr.strip())


def units_of(hint, units):
    """A program of the generic tests is several units: one for each type of device."""
    hint = 'kunit' if hint.startswith('kunit/') else hint
    return [unit for unit in units if hint in (unit, unit.split('@')[0])]


def steps(mutant, units):
    """[(units, with leaks, more for the kernel's command line)], one guest after the other."""
    first = [unit for hint in mutant.hints for unit in units_of(hint, units)]
    suite = next((hint[len('kunit/'):] for hint in mutant.hints if hint.startswith('kunit/')), '')
    rest = [unit for unit in units if unit not in first or suite and unit == 'kunit']
    # To look for leaks takes its time, so only those are asked that are expected
    # to show one; and which suites run is said when the kernel boots.
    if mutant.leaks or suite:
        more = f' kunit.filter_glob=mtty_mig_{suite}' if suite else ''
        return [step for step in ((first, mutant.leaks, more), (rest, False, '')) if step[0]]
    return [(first + rest, False, '')]


def copy_sources(repo, tree):
    shutil.rmtree(tree, ignore_errors=True)
    for part in SOURCES:
        shutil.copytree(f'{repo}/{part}', f'{tree}/{part}', ignore=shutil.ignore_patterns(
            '*.o', '*.ko', '*.mod', '*.mod.c', '.*.cmd', 'modules.order', 'Module.symvers'))


class Watched(machine.Guest):
    """A guest that may also be ended because enough is known."""

    def ended(self, idle):
        self.job.judge_reports()
        if self.job.stop_at and time.monotonic() >= self.job.stop_at:
            return True
        return super().ended(idle)


class Hunt(guest.Job):
    """One guest that runs units one after the other, until one notices."""

    def __init__(self, args, log):
        super().__init__(args, log)
        self.guest = Watched(self, log, args.timeout, args.silence)
        self.stop_at = None
        self.kills = []         # (unit, case or '', why)
        self.finished = []
        self.quiet = 0          # the longest that nothing was said
        self._heard = time.monotonic()
        # KUnit is read from the log and a selftest from 'out'.
        self._parsers = {'log': None, 'out': None}
        self._case = ''
        self._reports = []      # of the kernel, not judged yet
        self._rest_out = ''

    def _kill(self, unit, case, why):
        self.kills.append((unit or 'boot', case, why))
        if not self.args.keep_going:
            self.stop_at = self.stop_at or time.monotonic()

    def _something_came(self):
        now = time.monotonic()
        if self.finished or any(self._parsers.values()):
            self.quiet = max(self.quiet, now - self._heard)
        self._heard = now

    def judge_reports(self, last=False):
        """What the kernel reported so far.

        Whether a report is one that is known is seen by its whole, so it is
        waited for, but not for long: more lines may never come.
        """
        while self._reports:
            report, case, since = self._reports[0]
            if report.open and not last and time.monotonic() < since + REPORT_GRACE:
                return
            self._reports.pop(0)
            if klog.ours(report):
                leak = report[0].startswith('unreferenced object')
                self._kill('leaks' if leak else report.unit, '' if leak else case,
                           leak_name(report) if leak else report[0].strip())

    def log(self, text):
        self._something_came()
        before = len(self.scanner.reports)
        super().log(text)
        self._reports += [(report, self._case, time.monotonic())
                          for report in self.scanner.reports[before:]]

    def log_line(self, line):
        if self._parsers['log'] and not line.startswith('--- '):
            self._feed('log', line)

    def out(self, text):
        self._something_came()
        *lines, self._rest_out = (self._rest_out + text).split('\n')
        for line in lines:
            if self._parsers['out']:
                found = RUNS.search(line)
                if found:
                    self._case = found.group(1)
                self._feed('out', line.rstrip('\r'))

    def _feed(self, channel, line):
        parser = self._parsers[channel]
        parser.feed(line)
        if self._told(parser.name):
            return
        # At once, not when the program ends: it may take long, or never end.
        # KUnit tells what is wrong before it tells that a case failed.
        text = ktap.PRINTK.sub('', line, count=1).strip()
        broken = ktap.BROKEN.match(text)
        if broken:
            case, _, why = text.lstrip('# ').partition(': ')
            self._kill(parser.name, case, why)
            return
        result = ktap.RESULT.match(text)
        if result and result.group('not'):
            case = next(case for group in reversed(parser.groups)
                        for case in reversed(group.cases) if case.status == 'failed')
            self._tell(parser.name, case)

    def _told(self, unit):
        return any(kill[0] == unit for kill in self.kills)

    def _tell(self, unit, case):
        name = case.name[len(unit):].strip()
        said = [line.lstrip('# ') for line in case.diagnostics if not CHATTER.search(line)]
        told = [line for line in said if re.search(r'Expected|FAILED at', line)] or said[-1:]
        self._kill(unit, name, case.reason or (told + ['failed'])[0])

    def mark(self, channel, words):
        super().mark(channel, words)
        word, _, rest = words.partition(' ')
        if word == 'begin' and (rest == 'kunit') == (channel == 'log'):
            self._parsers[channel] = ktap.Parser(rest, plan_needed=rest != 'kunit')
            self._case = ''
        elif word == 'end' and self._parsers[channel]:
            parser, self._parsers[channel] = self._parsers[channel], None
            timeout = None if parser.name == 'kunit' else self.args.test_timeout
            cases = parser.finish(int(rest), timeout).cases
            if parser.name == 'kunit' and not cases:
                cases.append(ktap.Case('kunit', 'failed', 'no suite ran'))
            failed = [case for case in cases if case.status == 'failed']
            if failed and not self._told(parser.name):
                self._tell(parser.name, failed[0])
            self.finished.append(parser.name)
            self._case = ''

    def ended(self):
        unit = next((parser.name for parser in self._parsers.values() if parser), None)
        self.judge_reports(last=True)
        super().ended()
        for why in self.broken:
            self._kill(unit, self._case, why)
        if unit:
            self.finished.append(unit)


def leak_name(report):
    """What was leaked, by the first function of ours on its stack."""
    for line in report:
        found = re.search(r'\b\w+\+0x[0-9a-f]+/0x[0-9a-f]+ \[mtty_mig\]', line)
        if found:
            return f'leaked memory: {found.group()}'
    return 'leaked memory'


class Worker:
    """A place to build in and one to run from; in a process of its own."""

    def __init__(self, args, number):
        self.args = argparse.Namespace(**vars(args))
        place = f'{args.scratch}/{number}'
        self.tree = f'{place}/src'
        self.build = f'{place}/build'
        self.own_cache = f'{place}/cache'
        self.args.run = f'{args.run}/{number}'
        self.number = number
        os.makedirs(f'{self.own_cache}/logs', exist_ok=True)
        os.makedirs(f'{self.args.run}/modules')
        for name in ('guest-init.sh', 'selftests', 'modules/mdev.ko'):
            subprocess.run(['cp', '-rl', f'{args.run}/{name}', f'{self.args.run}/{name}'],
                           check=True)

    def make(self, mutant):
        """The modules with the mistake; only what it changed is compiled again."""
        copy_sources(self.args.sources, self.tree)
        if mutant:
            apply(mutant, self.tree)
        # It writes its log, and looks for space, in its cache.
        done = subprocess.run(
            [sys.executable, '-B', f'{self.args.repo}/scripts/lab', 'modules', self.args.kdir,
             self.build, self.tree],
            env={**os.environ, 'CACHE': self.own_cache}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise BadMutant('does not compile:\n' + done.stderr.strip())
        for path in glob.glob(f'{self.build}/*/*.ko'):
            shutil.copy(path, f'{self.args.run}/modules/')

    def hunt(self, name, units, leaks, more=''):
        """(kills, the longest silence); several guests if they die on the way."""
        kills, quiet, left, count = [], 0, list(units), 0
        while left:
            count += 1
            shutil.rmtree(f'{self.args.run}/claims', ignore_errors=True)
            os.mkdir(f'{self.args.run}/claims')
            guest.start_file(self.args, JOB='check', UNITS=' '.join(left), ARGS=self.args.args,
                             TEST_TIMEOUT=self.args.test_timeout, LEAKS=int(leaks),
                             ISOLATE=0)
            options = argparse.Namespace(**vars(self.args))
            options.append += more if leaks else ' kmemleak=off' + more
            suffix = f'-{count}' if count > 1 else ''
            job = Hunt(options, f'{self.args.scratch}/logs/{name}{suffix}.log')
            environment = machine.prepare(self.args)
            try:
                job.guest.boot(options, f'm{count}', environment)
                machine.watch([job.guest])
            finally:
                job.guest.kill()
            kills += job.kills
            quiet = max(quiet, job.quiet)
            if kills and not self.args.keep_going or not job.finished:
                break
            left = [unit for unit in left if unit not in job.finished]
        return kills, quiet

    def plain(self, name, units, leaks):
        """The driver as it is."""
        self.make(None)
        return self.hunt(name, units, leaks)

    def mutant(self, mutant):
        """(mutant, 'killed' or 'survived' or 'broken', kills, seconds)"""
        start = time.monotonic()
        try:
            self.make(mutant)
        except BadMutant as why:
            return mutant, 'broken', [('', '', str(why))], time.monotonic() - start
        kills = []
        for number, (units, leaks, more) in enumerate(steps(mutant, self.args.units)):
            suffix = '-rest' if number else ''
            kills += self.hunt(mutant.name + suffix, units, leaks, more)[0]
            if kills and not self.args.keep_going:
                break
        return mutant, 'killed' if kills else 'survived', kills, time.monotonic() - start


def begin_worker(args, number):
    """In a process of its own: what does a job for it."""
    worker = Worker(args, number)

    def work(job):
        what, *words = job
        if what == 'plain':
            return worker.plain(*words)
        mutant, worker.args.silence = words
        return worker.mutant(mutant)
    return work


def describe(kill):
    unit, case, why = kill
    unit = guest.label(unit)
    why = why.splitlines()[0]
    if len(why) > 100:
        why = why[:97] + '...'
    return f'{unit}::{case} ({why})' if case else f'{unit} ({why})'


def judge(mutant, status, kills):
    """The test case that stands for the mutant: what came, against what was said."""
    if status == 'broken':
        return ktap.Case(mutant.name, 'failed', 'broken: ' + kills[0][2].splitlines()[0],
                         kills[0][2].splitlines())
    if status == 'survived':
        if mutant.survives:
            return ktap.Case(mutant.name, 'skipped', f'survives: {mutant.survives}')
        return ktap.Case(mutant.name, 'failed', f'survived: {mutant.subject}')
    if mutant.survives:
        return ktap.Case(mutant.name, 'failed', 'killed, though its patch says that it '
                         f'survives: by {describe(kills[0])}')
    return ktap.Case(mutant.name, 'passed')


def ktap_line(number, case):
    line = f'{"not ok" if case.status == "failed" else "ok"} {number} {case.name}'
    return line + (f' # SKIP {case.reason}' if case.status == 'skipped' else '')


def table(results):
    """By room: how many mutants there are, and what became of them."""
    rooms = {}
    for mutant, status, _, seconds in results:
        row = rooms.setdefault(mutant.room, [0, 0, 0, 0, 0.0])
        row[0] += 1
        row[1] += status == 'killed'
        row[2] += status == 'survived' and bool(mutant.survives)
        row[3] += status == 'survived' and not mutant.survives or status == 'broken'
        row[4] += seconds
    rows = [('room', 'mutants', 'killed', 'explained', 'not', 'seconds')]
    rows += [(room, *map(str, row[:4]), f'{row[4]:.0f}') for room, row in sorted(rooms.items())]
    total = [sum(row[i] for row in rooms.values()) for i in range(5)]
    rows.append(('all', *map(str, total[:4]), f'{total[4]:.0f}'))
    return [f'  {row[0]:12}' + ''.join(f'{cell:>11}' for cell in row[1:]) for row in rows]


class Run:
    """The mutants one after the other, and what is told of them."""

    def __init__(self, args, mutants):
        self.args = args
        self.mutants = mutants
        self.lines = []

    def say(self, line=''):
        self.lines.append(line)
        print(line, flush=True)

    def check_plain(self, crew):
        """That nothing kills the driver as it is; how long a guest may be silent."""
        known = f'{self.args.scratch}/plain.json'
        try:
            with open(known, encoding='utf-8') as file:
                clean = json.load(file)
        except (OSError, ValueError):
            clean = {}
        if clean.get('key') != self.args.key:
            clean = {'key': self.args.key}
        every = self.args.units
        wanted = {unit for mutant in self.mutants if mutant.leaks
                  for hint in mutant.hints for unit in units_of(hint, every)}
        for leaks, units in ((False, every), (True, [unit for unit in every if unit in wanted])):
            what = 'with a search for leaks' if leaks else 'all tests'
            name = ' '.join(units) if leaks else 'all'
            if not units:
                continue
            if name in clean:
                self.say(f'# the driver as it is, {what}: was clean')
                continue
            start = time.monotonic()
            # More parts than guests, for some take longer than others.
            parts = min(len(units), self.args.guests * (1 if leaks else 4))
            jobs = [('plain', f'plain-{"leaks-" if leaks else ""}{number + 1}',
                     units[number::parts], leaks) for number in range(parts)]
            quiet = 0
            for kills, silence in crew.results(jobs):
                quiet = max(quiet, silence)
                if kills:
                    self.say('lab: error: the driver as it is does not pass, so no mutant '
                             'is killed for its mistake:')
                    for kill in kills:
                        self.say(f'  {describe(kill)}')
                    self.say(f'lab: logs: {self.args.scratch}/logs/plain-*.log')
                    return None
            self.say(f'# the driver as it is, {what}: clean, {time.monotonic() - start:.1f} s')
            clean[name] = quiet
            with open(known, 'w', encoding='utf-8') as file:
                json.dump(clean, file)
        return max(self.args.silence, 3 * max(v for k, v in clean.items() if k != 'key'))

    def main(self, crew):
        start = time.monotonic()
        silence = self.check_plain(crew)
        if silence is None:
            return 1
        self.say('KTAP version 1')
        self.say(f'1..{len(self.mutants)}')
        results, cases = [], []
        # Those that take long first, so that no guest is idle in the end.
        jobs = [('mutant', mutant, silence) for mutant in
                sorted(self.mutants, key=lambda mutant: (not mutant.leaks, mutant.name))]
        for mutant, status, kills, seconds in crew.results(jobs):
            case = judge(mutant, status, kills)
            results.append((mutant, status, kills, seconds))
            cases.append(case)
            if status == 'killed':
                for kill in kills if self.args.keep_going else kills[:1]:
                    self.say(f'# killed   {mutant.name}  by {describe(kill)}  {seconds:.1f} s')
            elif status == 'survived':
                self.say(f'# SURVIVED {mutant.name}  {seconds:.1f} s')
            else:
                self.say(f'# BROKEN   {mutant.name}')
            if case.status == 'failed':
                for line in [case.reason] + case.diagnostics:
                    self.say(f'#   {line}')
            self.say(ktap_line(len(cases), case))
        return self.summary(results, cases, time.monotonic() - start)

    def summary(self, results, cases, seconds):
        self.say()
        for line in table(results):
            self.say(line)
        failed = [case for case in cases if case.status == 'failed']
        if failed:
            self.say('\nlab: failed:')
        for case in failed:
            self.say(f'  {case.name}: {case.reason}')
        killed = sum(result[1] == 'killed' for result in results)
        survived = sum(result[1] == 'survived' for result in results)
        explained = sum(result[1] == 'survived' and bool(result[0].survives)
                        for result in results)
        self.say(f'\nlab: logs: {self.args.scratch}/logs/')
        self.say(f'lab: results: {self.args.log}.txt, .json and .xml')
        self.say(f'{killed} killed, {survived} survived of which {explained} explained, '
                 f'in {seconds:.0f} s')
        self.say(closing(ktap.last_line(cases), not failed))
        data = ktap.write_json(self.args.log + '.json', cases, seconds=round(seconds, 1), mutants=[{
            'name': mutant.name, 'subject': mutant.subject, 'room': mutant.room,
            'rules': [rule for rule in mutant.rules if rule != 'none'],
            'status': status, 'survives': mutant.survives,
            'kills': [{'unit': unit, 'case': case, 'why': why} for unit, case, why in kills],
            'seconds': round(took, 1),
        } for mutant, status, kills, took in sorted(results, key=lambda r: r[0].name)])
        leave(data, seconds)
        ktap.write_junit(self.args.log + '.xml', cases)
        with open(self.args.log + '.txt', 'w', encoding='utf-8') as file:
            file.write('\n'.join(self.lines) + '\n')
        return 1 if failed else 0


def run(args):
    """make mutants"""
    try:
        # What is edited meanwhile shall not matter.
        args.sources = f'{args.scratch}/sources'
        copy_sources(args.repo, args.sources)
        mutants = read_all(f'{args.repo}/selftests/mutants', args.pattern)
        if not mutants:
            raise BadMutant(f"no mutant is called '{args.pattern}'")
        part = shard.take()
        mutants = shard.share(mutants, part)
        if not mutants:
            return guest.no_share(part)
        for mutant in mutants:
            for hint in mutant.hints:
                if not args.some and not units_of(hint, args.units):
                    raise BadMutant(f'{mutant.name}: no test is called {hint}')
        shutil.rmtree(f'{args.scratch}/logs', ignore_errors=True)
        os.mkdir(f'{args.scratch}/logs')
        with workers.Workers(args.guests, functools.partial(begin_worker, args)) as crew:
            return Run(args, mutants).main(crew)
    except BadMutant as why:
        print(f'lab: error: {why}', file=sys.stderr)
        return exits.BROKEN


def main():
    args = guest.arguments(__doc__.split('\n\n', maxsplit=1)[0])
    args.add_argument('--repo', required=True, help='the checkout')
    args.add_argument('--kdir', required=True, help="the kernel's build directory")
    args.add_argument('--scratch', required=True, help='a directory to build in')
    args.add_argument('--key', required=True, help='stands for all that the mutants do not change')
    args.add_argument('--pattern', default='*', help='which mutants')
    args.add_argument('--some', action='store_true', help='UNITS are not all that there are')
    args.add_argument('--keep-going', action='store_true',
                      help='let all tests see a mutant, not only up to the first that notices')
    args.add_argument('units', nargs='+')
    return guest.run_job(args.parse_args(), run)


if __name__ == '__main__':
    sys.exit(main())
