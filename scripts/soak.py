#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make soak: programs that race or go at random, again and again, and a table.

The time goes round in turns.  In a turn one kernel's guests, booted for it, run one
program after the other; in every other one the host is busy meanwhile.  Each run of
a program has a seed of its own, which is part of its unit's name.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import time
from types import TracebackType
from typing import Iterator

import guest
import klog
import ktap
import machine
import results
import table
from lab.engines import uml

TITLES = ('program', 'kernel', 'runs', 'under load', 'failures', 'seconds')
# How long a turn is at most, in seconds, and how many runs it is given
TURN = 120
BATCH = 400
FLAVOURS = {'plain': ' without sanitizers', 'kcsan': ' with KCSAN'}
# It ends with its parent, however that ends.
BUSY = '''
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1000000):
        pass
'''


class Load:
    """As many busy loops as there are processors."""

    def __init__(self, wanted: bool) -> None:
        self._number = len(os.sched_getaffinity(0)) if wanted else 0
        self.loops: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Load:
        for _ in range(self._number):
            # A group of its own: from the keyboard a signal is for us.
            self.loops.append(subprocess.Popen(
                [sys.executable, '-S', '-c', BUSY, str(os.getpid())], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True))
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None,
                 trace: TracebackType | None) -> None:
        for loop in self.loops:
            loop.kill()
        for loop in self.loops:
            loop.wait()


class Kernel:
    """What the verb has prepared: a directory from which guests are run."""

    def __init__(self, place: str) -> None:
        with open(f'{place}/options', encoding='utf-8') as file:
            options = file.read().split('\0')[:-1]
        with open(f'{place}/about', encoding='utf-8') as file:
            self.release, flavour, self.again = file.read().splitlines()
        self.args = guest.arguments('').parse_args(options)
        self.name = self.release + FLAVOURS.get(flavour, '')
        if self.args.processors > 1:
            self.name += f', {self.args.processors} processors'


class Run:
    """A program was run once."""

    def __init__(self, unit: str, cases: list[ktap.Case], seconds: float, lines: list[str]) -> None:
        self.unit = unit
        self.cases = cases
        self.seconds = seconds
        self.lines = lines              # what it printed
        self.turn: Turn | None = None
        self.log = ''

    @property
    def status(self) -> str:
        numbers = ktap.count(self.cases)
        return next((word for word in ('failed', 'passed') if numbers[word]), 'skipped')

    @property
    def name(self) -> str:
        """For people, with what it ran on."""
        assert self.turn
        return f'{guest.label(self.unit)} {self.turn.where}'

    def again(self) -> str:
        """The command that does it once more."""
        assert self.turn
        unit, seed = guest.split_seed(self.unit)
        program, *words = unit.split('@')
        types = f' TYPES={words[0]}' if words else ''
        verb = 'soak RUNS=1 LOAD=1' if self.turn.loaded else 'selftests'
        return f'make {verb} {self.turn.kernel.again} TEST={program}{types} SEED={seed}'


class Share:
    """The runs of one kernel, with or without load."""

    def __init__(self, kernel: Kernel, loaded: bool, jobs: Iterator[str]) -> None:
        self.kernel = kernel
        self.loaded = loaded
        self._jobs = jobs
        self._back: list[str] = []      # taken, and not run

    def take(self, number: int) -> list[str]:
        """The next so many, or what there is."""
        jobs, self._back = self._back[:number], self._back[number:]
        return jobs + list(itertools.islice(self._jobs, number - len(jobs)))

    def give_back(self, jobs: list[str]) -> None:
        self._back = jobs + self._back


def shares(kernels: list[Kernel], programs: list[list[str]], runs: int, seed: int,
           loads: tuple[bool, ...] = (False, True)) -> list[Share]:
    """All that is to be run: each program so many times, or for ever if that is 0.

    programs: of each the units that it can be, which take turns.  The shares alternate
    between kernels and between load and none, and so do the runs of a program.
    """
    seeds = itertools.count(seed)
    pairs = [(kernels[i], loads[(i + turn) % len(loads)])
             for turn in range(len(loads)) for i in range(len(kernels))]

    def jobs(first: int) -> Iterator[str]:
        numbers = range(first, runs, len(pairs)) if runs else itertools.count(first, len(pairs))
        for turn, _ in enumerate(numbers):
            for units in programs:
                yield f'{units[turn % len(units)]}%{next(seeds)}'

    return [Share(kernel, loaded, jobs(first)) for first, (kernel, loaded) in enumerate(pairs)]


class Soaked(machine.Guest):
    """A guest that asks, as long as it runs, whether it is time to stop."""

    def ended(self, idle: bool) -> bool:
        self.job.check.tick()
        return bool(super().ended(idle))


class Runner(guest.Tester):
    """A guest that runs programs; a run is judged when both channels have its end.

    For only then it is known what the kernel reported during it.
    """

    def __init__(self, args: argparse.Namespace, log: str, check: Turn) -> None:
        super().__init__(args, log, check)
        self.guest = Soaked(self, log, args.timeout, args.silence)
        self.keep = False               # the log
        self.done: list[Run] = []       # by what it printed
        self._in_log = ''
        self._ended_in_log: set[str] = set()
        self._told: list[klog.Report] = []

    def begin(self, unit: str) -> None:
        super().begin(unit)
        self.check.begun()

    def end(self, status: int | None, cut_off: str | None = None) -> None:
        self.check.seconds = time.monotonic() - self._begun
        super().end(status, cut_off)
        self.done.append(self.check.last)

    def mark(self, channel: str, words: str) -> None:
        super().mark(channel, words)
        word, _, rest = words.partition(' ')
        if channel == 'log' and word == 'begin':
            self._in_log = rest
        elif channel == 'log' and word == 'end':
            self._ended_in_log.add(self._in_log)
        self._settle()

    def _settle(self, last: bool = False) -> None:
        for run in list(self.done):
            if last or run.unit in self._ended_in_log:
                self.done.remove(run)
                self._judge(run)

    def _reports(self, unit: str | None = None) -> list[klog.Report]:
        """What is new of the kernel's reports, during that unit or at all."""
        reports = [report for report in self.scanner.reports
                   if not any(report is told for told in self._told) and klog.ours(report)
                   and unit in (None, report.unit)]
        self._told += reports
        return reports

    def _judge(self, run: Run) -> None:
        for report in self._reports(run.unit):
            run.cases.append(ktap.Case('kernel', 'failed', report[0].strip(), list(report)))
            # What comes after it tells less: lockdep, for one, has switched itself off.
            self.check.stop(self.guest.token)
        if run.status == 'failed':
            self.keep = True
        run.log = self.log_name
        self.check.judged(run)

    def ended(self) -> None:
        super().ended()
        self._settle(last=True)
        for report in self._reports():
            self.keep = True
            self.check.trouble(report[0].strip(), list(report), self.log_name)
        for why in self.broken:
            self.keep = True
            if why not in self.check.told:
                self.check.trouble(why, self._tail[-12:], self.log_name)
        if not self.keep:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.log_name)


class Turn(guest.Check):
    """Some runs of a share, one after the other, until the time is over."""

    def __init__(self, soak: Soak, share: Share, number: int, jobs: list[str],
                 length: float) -> None:
        args = argparse.Namespace(**vars(share.kernel.args))
        args.tests = jobs
        args.log = f'{soak.args.log}/turn{number}'
        for name in os.listdir(args.run):
            if name == 'claims' or name.startswith('stop'):
                path = f'{args.run}/{name}'
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        super().__init__(args)
        self.live = self.short = False
        self.soak = soak
        self.kernel = share.kernel
        self.loaded = share.loaded
        self.where = f'on Linux {self.kernel.name}' + (' under load' if self.loaded else '')
        self.seconds = 0.0              # of the run that has ended
        self.last: Run
        self._ended: tuple[str, list[ktap.Case]] = ('', [])
        self._length = length
        self._until = float('inf')
        self.stopped = False

    def new_tester(self, log: str) -> Runner:
        return Runner(self.args, log, self)

    def stop(self, token: str = '') -> None:
        """Let the guest of that token take no more units; or all of them."""
        with open(f'{self.args.run}/stop{token}', 'w', encoding='utf-8'):
            pass

    def begun(self) -> None:
        """The time runs from the first program on, however long a guest takes to boot."""
        if self._until == float('inf'):
            self._until = time.monotonic() + self._length

    def tick(self) -> None:
        if not self.stopped and time.monotonic() >= self._until:
            self.stopped = True
            self.stop()

    def another(self, ended: machine.Guest) -> machine.Guest | None:
        return None if self.stopped else super().another(ended)

    def result(self, unit: str, cases: list[ktap.Case]) -> str:
        self._ended = unit, cases
        return str(super().result(unit, cases))

    def write(self, lines: list[str]) -> None:
        self.last = Run(*self._ended, self.seconds, lines)
        self.last.turn = self

    def judged(self, run: Run) -> None:
        self.soak.judged(run)

    def trouble(self, why: str, diagnostics: list[str], log: str) -> None:
        self.soak.trouble(f'guest {self.where}', why, diagnostics, log)

    def main(self) -> list[str]:
        """What was not run."""
        with Load(self.loaded):
            self.run_guests()
        return [unit for unit in self.units if unit not in self.finished]


class Soak:
    """All turns, and what came of them."""

    def __init__(self, args: argparse.Namespace, kernels: list[Kernel]) -> None:
        self.args = args
        self.kernels = kernels
        self.seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1, 10**9)
        self.programs = [program.split() for program in args.programs]
        loads = (False, True) if args.load is None else (bool(args.load),)
        self.shares = shares(kernels, self.programs, args.runs, self.seed, loads)
        self.runs: list[Run] = []
        self.troubles: list[tuple[ktap.Case, str]] = []

    def judged(self, run: Run) -> None:
        """A run is over: its result line, and what it printed if that failed."""
        self.runs.append(run)
        if run.status == 'failed':
            self._keep_output(run)
            print('\n'.join(run.lines))
        print(f'{"not ok" if run.status == "failed" else "ok"} {len(self.runs)} {run.name} '
              f'({run.seconds:.1f} s)' + (' # SKIP' if run.status == 'skipped' else ''), flush=True)

    def _keep_output(self, run: Run) -> None:
        name = re.sub(r'[^\w.-]+', '-', run.unit)
        with open(f'{self.args.log}/{name}.tap', 'w', encoding='utf-8') as file:
            file.write('\n'.join(run.lines) + '\n')

    def trouble(self, where: str, why: str, diagnostics: list[str], log: str) -> None:
        """What went wrong beside the runs."""
        self.troubles.append((ktap.Case(where, 'failed', why, diagnostics), log))
        print(f'# {where}: {why}', flush=True)

    def soak(self) -> None:
        """All turns; the shares take them by turns."""
        length = float(TURN)
        end = float('inf')
        if self.args.seconds:
            length = min(length, max(10.0, self.args.seconds / len(self.shares)))
            end = time.monotonic() + self.args.seconds
        left = list(self.shares)
        number = 0
        while left and time.monotonic() < end:
            share = left.pop(0)
            jobs = share.take(BATCH)
            if not jobs:
                continue
            number += 1
            turn = Turn(self, share, number, jobs, min(length, end - time.monotonic()))
            print(f'# turn {number}: {turn.where}', flush=True)
            not_run = turn.main()
            if not_run == jobs:
                # It would do no better the next time.
                self.trouble(f'guest {turn.where}', 'ran no program', [], '')
                continue
            share.give_back(not_run)
            left.append(share)

    def table(self) -> list[tuple[str, ...]]:
        rows: dict[tuple[str, str], list[float]] = {
            (program[0].split('@')[0], kernel.name): [0, 0, 0, 0]
            for program in self.programs for kernel in self.kernels}
        for run in self.runs:
            assert run.turn
            row = rows[run.unit.split('@')[0].split('%')[0], run.turn.kernel.name]
            row[0] += 1
            row[1] += run.turn.loaded
            row[2] += run.status == 'failed'
            row[3] += run.seconds
        return [(*names, *(f'{number:.0f}' for number in row)) for names, row in rows.items()]

    def cases(self) -> list[ktap.Case]:
        """A run is a case."""
        cases = []
        for run in self.runs:
            why = [case for case in run.cases if case.status == 'failed']
            cases.append(ktap.Case(run.name, run.status, ''.join(
                f'{case.name}: {case.reason}'.rstrip(': ') for case in why[:1]),
                why[0].diagnostics if why else []))
        return cases + [case for case, _ in self.troubles]

    def _tell_failures(self) -> None:
        print('\nlab: failed:')
        for run in self.runs:
            if run.status != 'failed':
                continue
            print(f'  {run.name}')
            for case in run.cases:
                if case.status == 'failed':
                    print(f'     {case.name}' + (f': {case.reason}' if case.reason else ''))
                    for line in case.diagnostics[-12:]:
                        print('     | ' + line)
            print(f'     again: {run.again()}')
            print(f'     log: {run.log}')
        for case, log in self.troubles:
            print(f'  {case.name}: {case.reason}')
            for line in case.diagnostics[-12:]:
                print('     | ' + line)
            if log:
                print(f'     log: {log}')

    def summary(self) -> int:
        cases = self.cases()
        rows = self.table()
        results.leave(ktap.write_json(f'{self.args.log}/soak.json', cases, seed=self.seed, table=[
            dict(zip(TITLES, row)) for row in rows]))
        ktap.write_junit(f'{self.args.log}/soak.xml', cases)
        numbers = ktap.count(cases)
        if numbers['failed']:
            self._tell_failures()
        print()
        print('\n'.join(table.lines([TITLES, *rows], left=2)))
        print(f'\nlab: results and the logs of failures: {self.args.log}/')
        if not numbers['passed']:
            print('lab: the run failed: no program passed')
        good = not numbers['failed'] and numbers['passed'] > 0
        print(results.closing(ktap.last_line(cases), good), flush=True)
        return 0 if good else 1

    def main(self) -> int:
        if self.args.runs:
            print(f'KTAP version 1\n1..{self.args.runs * len(self.programs)}')
        else:
            print('KTAP version 1')
        print(f'# seeds from {self.seed} on', flush=True)
        interrupted = False
        try:
            self.soak()
            if not self.args.runs:
                print(f'1..{len(self.runs)}')
        except KeyboardInterrupt:
            interrupted = True
            print('\nlab: interrupted; this is what has run:', file=sys.stderr)
        except BrokenPipeError:
            raise
        except (uml.NoPlace, OSError) as why:
            # Of hours of runs more is to be told than this.
            self.trouble('lab', str(why), [], '')
        status = self.summary()
        return 130 if interrupted else status


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    args.add_argument('--run', required=True, help='what was prepared: a folder for each kernel')
    args.add_argument('--log', required=True, help='the folder of logs')
    args.add_argument('--runs', type=int, default=0, help='of each program; 0: by --seconds')
    args.add_argument('--seconds', type=int, default=0, help='how long all of it takes; 0: --runs')
    args.add_argument('--seed', type=lambda word: int(word) if word else None,
                      help='of the first run; by default anyone')
    args.add_argument('--load', type=lambda word: int(word) if word else None, choices=(0, 1, None),
                      help='only without it, only with it; by default half and half')
    args.add_argument('programs', nargs='+', metavar='UNITS',
                      help='of each program the units that it can be')
    args = args.parse_args()
    places = sorted(os.path.dirname(path) for path in glob.glob(f'{glob.escape(args.run)}/*/about'))
    return guest.run_job(args, lambda args: Soak(args, list(map(Kernel, places))).main())


if __name__ == '__main__':
    sys.exit(main())
