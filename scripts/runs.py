#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make check and make check-all: several runs, one after the other, one table.

    runs.py check     the runs that every change should pass
    runs.py all       these, and what takes longer

A run is a verb of the Makefile with a kernel and an engine.  Its output is shown
as it comes for check, and kept in a log for check-all, which shows the end of it
if the run failed.
"""

from __future__ import annotations

import argparse
import codecs
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import Iterator

import exits
import ktap
import results
import shard
import table
from lab.registry import find, takes

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
LAST_LINE = re.compile(re.sub(r'{\w+}', r'(\\d+)', ktap.LAST_LINE) + '(?::.*)?')
# Where each row leaves its results
ROWS = os.environ.get(results.VARIABLE, '')
TITLES = ('run', 'kernel', 'engine', 'passed', 'failed', 'skipped', 'seconds')


class Run:
    """One row of the table: a verb and the variables that it is called with."""

    def __init__(self, name, verb, in_check=False, **variables):
        self.name = name
        self.verb = verb
        self.in_check = in_check
        self.variables = variables
        # Of packages.sh: what all runs need is asked for before the first one
        self.packages = {'check': ['fuzz'], 'interop': ['interop', 'vmm'],
                         'coverage': ['coverage']}.get(verb, [])
        self.packages += ['qemu'] if variables.get('ENGINE') == 'qemu' else []
        self.kernel = variables.get('KERNEL', '')
        self.engine = variables.get('ENGINE', '')
        self.numbers = None
        self.why = None
        self.status = 0
        self.seconds = 0

    def command(self):
        return 'make ' + ' '.join([self.verb] + [
            f"{name}='{value}'" if re.search(r'[^\w.,:/=-]', value) else f'{name}={value}'
            for name, value in self.variables.items()])

    def ended(self, ended_with, lines):
        """What it came to, by its last line and its exit status."""
        self.status = ended_with
        for line in lines:
            found = re.match(r'lab: .*\bon Linux (\S+) in (QEMU \(\w+\)|User Mode Linux)', line)
            if found:
                self.kernel, self.engine = found.groups()
        found = LAST_LINE.fullmatch(lines[-1]) if lines else None
        if found:
            self.numbers = [int(number) for number in found.groups()]
        if ended_with and not (self.numbers and self.numbers[1]):
            self.why = next((line for line in lines if 'error: ' in line or 'the run failed' in line),
                            f'ended with exit status {ended_with}')

    def failed(self):
        return bool(self.why or not self.numbers or self.numbers[1])

    def row(self):
        return (self.name, self.kernel, self.engine.replace('User Mode Linux', 'uml'),
                *(self.numbers or ('-', '-', '-')), f'{self.seconds:.0f}')


RUNS = [
    Run('check lts', 'check', True, KERNEL='lts', ENGINE='uml'),
    Run('check latest', 'check', True, KERNEL='latest', ENGINE='uml'),
    Run('check latest, SMP', 'selftests', True, KERNEL='latest', ENGINE='uml', SAN='0',
        TEST='@(device/@(stress|ioctl_fuzz|race*|lifetime|poll|dma|attribute)|generic/@(life|reset))_test'),
    # What waits, most of the time, is in the row of all drivers.
    Run('driver of the kernel', 'drivers', True, DRIVER='qat', KERNEL='lts',
        TEST='!(*@(stuck|session_end|fail|late)_test)'),
    Run('x86-64, sanitizers', 'check', KERNEL='lts', ENGINE='qemu', LEAKS='1',
        TYPES='mtty_mig-full', TEST='!(*fail_nth_*)'),
    Run('x86-64, races', 'selftests', KERNEL='latest', ENGINE='qemu', SAN='kcsan',
        TEST='device/@(stress|ioctl_fuzz|race*|attribute)_test'),
    Run('Debian as it is', 'selftests', KERNEL='debian', ENGINE='qemu', TYPES='mtty_mig-full'),
    Run('QEMU migrates it', 'interop', KERNEL='lts', ENGINE='uml'),
    Run('the same by type1', 'interop', KERNEL='lts', ENGINE='qemu'),
    Run('all drivers of the kernel', 'drivers'),
    Run('conformance', 'conformance', KERNEL='lts', ENGINE='uml'),
    # What costs by the size of memory, or more than ten times what it should
    Run('speed', 'bench', KERNEL='lts', ENGINE='uml', ROWS='stream arcs precopy', RUNS='2'),
    Run('coverage', 'coverage', KERNEL='lts', ENGINE='uml'),
    Run('mutants', 'mutants', KERNEL='lts', ENGINE='uml'),
]


def output_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What it prints, as it comes, until it has ended.

    Not until its output is closed: what it left behind by mistake may hold that open for
    ever.
    """
    assert process.stdout
    descriptor = process.stdout.fileno()
    decode = codecs.getincrementaldecoder('utf-8')('replace').decode
    while True:
        # Looked at first: what it has printed is there by then.
        over = process.poll() is not None
        if select.select([descriptor], [], [], 0 if over else 0.5)[0]:
            data = os.read(descriptor, 65536)
            if not data:
                process.wait()
                return
            yield decode(data)
        elif over:
            return


def follow(command: list[str], log_name: str, show: bool) -> tuple[int, list[str]]:
    """Exit status and lines of a command; its output goes to the log, and to the user if show."""
    lines = []
    rest = ''
    with open(log_name, 'w', encoding='utf-8', errors='replace') as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        try:
            for text in output_of(process):
                log.write(text)
                log.flush()
                if show:
                    sys.stdout.write(text)
                    sys.stdout.flush()
                *whole, rest = (rest + text).split('\n')
                lines += whole
        except BaseException:
            # From the keyboard it has a signal already, and a second one does no harm.
            process.terminate()
            process.wait()
            raise
        finally:
            assert process.stdout
            process.stdout.close()
    return process.returncode, lines + ([rest] if rest else [])


def execute(run, number, log_name, show):
    """Run it; its lines."""
    begun = time.monotonic()
    # As make, but it ends with the status that tells what failed
    name = re.sub(r'\W+', '-', run.name)
    os.environ[results.ROW] = '1'
    os.environ[results.VARIABLE] = f'{ROWS}/{number}-{name}' if ROWS else ''
    status, lines = follow(
        [f'{REPO}/scripts/verb.sh', run.verb,
         *(f'{name}={value}' for name, value in run.variables.items())], log_name, show)
    run.seconds = time.monotonic() - begun
    lines = [line for line in lines if line]
    run.ended(status, lines)
    return lines


def refuse(why):
    print(f'lab: error: {why}', file=sys.stderr)
    sys.exit(exits.REFUSED)


def choose(args):
    """The runs that are wanted, and those that are left out."""
    runs = [run for run in RUNS if args.what == 'all' or run.in_check]
    given = {'ENGINE': args.engine, 'TEST': args.test}
    wanted = [run for run in runs if re.search(args.only, run.name)]
    if args.what == 'check':
        # What has such a variable of its own is not about what was asked for
        wanted = [run for run in wanted if not args.test or 'TEST' not in run.variables]
        if args.engine not in ('', 'uml'):
            wanted = [run for run in wanted if run.verb == 'check']
            for run in wanted:
                run.variables['ENGINE'] = args.engine
                run.packages.append(args.engine)
    elif any(given.values()):
        refuse('the runs of make check-all have their own '
               + ' and '.join(name for name, value in given.items() if value)
               + '\n     leave that out; ONLY= takes some of the runs')
    if not wanted:
        refuse(f'no run is left with ONLY={args.only} ENGINE={args.engine} TEST={args.test}; there are: '
               + ', '.join(run.name for run in runs))
    return wanted, [run for run in runs if run not in wanted]


def parted(runs, part):
    """The runs of a part of them all, as SHARD= has it.

    What can be split is, so that no part has to wait for one that is long.
    """
    if not part:
        return list(runs)
    whole = [run for run in runs if 'SHARD' not in takes(find(run.verb))]
    mine = [run for run in runs if run not in whole or run in shard.share(whole, part)]
    for run in mine:
        if run not in whole:
            run.variables['SHARD'] = part
    return mine


def total(runs):
    """A run that gave no numbers, or failed with none failed, counts as a failure."""
    sums = [sum(run.numbers[i] for run in runs if run.numbers) for i in range(3)]
    sums[1] += sum(run.failed() and not (run.numbers and run.numbers[1]) for run in runs)
    return sums


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('what', choices=('check', 'all'))
    parser.add_argument('--logs', help='where the logs go')
    parser.add_argument('--packages', action='store_true',
                        help='only tell what packages.sh is to see to')
    parser.add_argument('--only', default='', help='a regular expression: only these runs')
    parser.add_argument('--engine', default='', help='ENGINE= of who called make')
    parser.add_argument('--test', default='', help='TEST=, the same')
    args = parser.parse_args()
    runs, left_out = choose(args)
    mine = parted(runs, shard.take())
    left_out += [run for run in runs if run not in mine]
    runs = mine
    if args.packages:
        print(*sorted({package for run in runs for package in run.packages}))
        return 0
    show = args.what == 'check'
    os.makedirs(args.logs, exist_ok=True)
    base = f'{args.logs}/{args.what}-{time.strftime("%Y%m%d-%H%M%S")}-{os.getpid()}'
    for number, run in enumerate(runs, start=1):
        log_name = f'{base}-{number}.log'
        print(f'lab: run {number} of {len(runs)}: {run.command()}', flush=True)
        lines = execute(run, number, log_name, show)
        if show:
            continue
        if run.failed():
            for line in lines[-30:]:
                print('     | ' + line)
        print(f'lab: {"FAILED" if run.failed() else "ok"} after {run.seconds:.0f} s, '
              f'log: {log_name}', flush=True)

    print()
    print('\n'.join(table.lines([TITLES] + [run.row() for run in runs], left=3)))
    for run in runs:
        if run.why:
            print(f'lab: {run.name}: {run.why}')
    for run in left_out:
        print(f'lab: left out: {run.name}')
    sums = total(runs)
    with open(f'{base}.json', 'w', encoding='utf-8') as out:
        json.dump([dict(zip(TITLES, run.row())) for run in runs], out, indent=1)
        out.write('\n')
    count = ktap.LAST_LINE.format(passed=sums[0], failed=sums[1], skipped=sums[2])
    status = kind(runs)
    print(results.closing(count, not status), flush=True)
    return status


def kind(runs):
    """The exit status: a test that failed counts more than a run that could not be done."""
    failed = [run for run in runs if run.failed()]
    if not failed:
        return 0
    # A run that ended well and counted nothing, or in disorder, has failed, too.
    real = any(run.numbers and run.numbers[1] or run.status in (0, exits.FAILED) for run in failed)
    return exits.FAILED if real else exits.BROKEN


def interrupted(*_):
    raise KeyboardInterrupt


if __name__ == '__main__':
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, interrupted)
    # The run that was interrupted had the signal, too, and cleaned up.
    exits.end_with(main)
