#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Say what the tests reached of the driver: lines, branches, arcs, faults.

The guests left their counters and what they traced in the run's directory (see
guest-init.sh). Nothing is estimated: an arc counts if it was traced with success,
a fault point if it was traced to have failed. Documentation/coverage.rst tells
what counts as what.
"""

import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import exits
import ktap
import results

LINES = 95
BRANCHES = 90
DRIVER = 'mtty-mig/'
# What is not counted: a header of nothing but the kernel's macros, each of which
# is a line of some dozen branches; the branches of an assertion, half of which are
# there not to be taken; and those of a static stub, which only the unit tests take.
NO_CODE = ('mtty-mig/trace.h',)
ASSERTION = re.compile(r'\b(?:(?:WARN|BUG)(?:_ON)?(?:_ONCE)?|KUNIT_STATIC_STUB_REDIRECT)\(')

ARC = re.compile(r'^\s*ARC\((\w+),\s*(\w+),', re.M)
POINT = re.compile(r'^\s*POINT\(\w+,\s*"([^"]+)"\)', re.M)
TRACED_ARC = re.compile(r'^ *\d+ arc from=(\w+) to=(\w+) ret=(-?\d+)$')
TRACED_FAULT = re.compile(r'^ *\d+ fault point=(\S+) errno=\d+$')
OVERRUN = re.compile(r'(?:overrun|dropped events): [1-9]')


class Broken(Exception):
    """What was measured cannot be relied on."""


class Line:
    """A line with code: how often it ran, how often each branch was taken."""

    def __init__(self):
        self.count = 0
        self.branches = []

    def add(self, count, branches):
        self.count += count
        if len(self.branches) < len(branches):
            self.branches += [0] * (len(branches) - len(self.branches))
        for i, taken in enumerate(branches):
            self.branches[i] += taken

    @property
    def taken(self):
        return sum(bool(taken) for taken in self.branches)


class Function:
    """A function's place and how often it was called."""

    def __init__(self, first, last):
        self.first = first
        self.last = last
        self.count = 0


class File:
    """A source file.  lines: {number: {function: Line}}"""

    def __init__(self, name, source):
        self.name = name
        with open(os.path.join(source, name), encoding='utf-8') as text:
            self.text = [''] + text.read().split('\n')
        self.lines = collections.defaultdict(lambda: collections.defaultdict(Line))
        self.functions = {}
        self.excused = [0, 0]   # lines and branches not reached, and explained

    def add(self, data):
        for item in data['functions']:
            function = self.functions.setdefault(
                item['name'], Function(item['start_line'], item['end_line']))
            function.count += item['execution_count']
        for item in data['lines']:
            number = item['line_number']
            branches = [branch['count'] for branch in item['branches']]
            if ASSERTION.search(self.text[number]):
                branches = []
            self.lines[number][item.get('function_name', '')].add(item['count'], branches)

    def merged(self, number):
        """A line in all functions that it is part of: one, but for macros."""
        parts = self.lines[number].values()
        return (sum(part.count for part in parts),
                [taken for part in parts for taken in part.branches])

    def count(self):
        """[lines, lines that ran, branches, branches that were taken]"""
        out = [0, 0, 0, 0]
        for number in self.lines:
            count, branches = self.merged(number)
            out[0] += 1
            out[1] += bool(count)
            out[2] += len(branches)
            out[3] += sum(map(bool, branches))
        return out


def gcov(directory):
    """What gcov says of each object file whose notes are in a directory."""
    notes = sorted(glob.glob('*.gcno', root_dir=directory))
    if not notes:
        raise Broken('the driver was built without counters')
    told = subprocess.run(['gcov', '--json-format', '--stdout', '--branch-probabilities', *notes],
                          cwd=directory, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in told.stdout.splitlines() if line.startswith('{')]


def measure(args):
    """{name: File}, summed over all guests."""
    files = {}
    inside = args.built.rstrip('/') + '/'
    guests = sorted(glob.glob(f'{args.run}/coverage/*/'))
    for guest in guests:
        if not glob.glob(guest + '*.gcda'):
            raise Broken('a guest left no counters: it did not come to its end')
        for notes in glob.glob(f'{args.run}/gcno/*.gcno'):
            shutil.copy(notes, guest)
        for unit in gcov(guest):
            for data in unit['files']:
                name = data['file'].removeprefix(inside)
                if name.startswith(DRIVER) and name not in NO_CODE and data['lines']:
                    if name not in files:
                        files[name] = File(name, args.source)
                    files[name].add(data)
    if not files:
        raise Broken('no guest left anything')
    return dict(sorted(files.items()))


class Traced:
    """The arcs and fault points that there are, and those that were seen."""

    def __init__(self, args):
        with open(f'{args.source}/{DRIVER}fsm.c', encoding='utf-8') as text:
            arcs = ARC.findall(text.read())
        with open(f'{args.source}/{DRIVER}points.h', encoding='utf-8') as text:
            points = POINT.findall(text.read())
        self.arcs = [f'{a}-{b}' for a, b in arcs]
        self.points = [f'{arc}-{when}' for arc in self.arcs for when in ('before', 'after')]
        self.points += points
        if not arcs or not points:
            raise Broken('fsm.c has no table of arcs, or points.h none of points, that is understood')
        self.seen = set()
        for name in glob.glob(f'{args.run}/coverage/*/trace'):
            with open(name, encoding='utf-8') as text:
                for line in text.read().splitlines():
                    self._take(line)
        for name in glob.glob(f'{args.run}/coverage/*/stats'):
            with open(name, encoding='utf-8') as text:
                if OVERRUN.search(text.read()):
                    raise Broken("the guest's trace buffer was too small: events are lost")
        unknown = self.seen - set(self.arcs) - set(self.points)
        if unknown:
            raise Broken('not in the tables of fsm.c and points.h: ' + ', '.join(sorted(unknown)))

    def _take(self, line):
        arc = TRACED_ARC.match(line)
        fault = TRACED_FAULT.match(line)
        if not arc and not fault:
            raise Broken(f'not understood in the trace: {line}')
        if fault:
            self.seen.add(fault.group(1))
        elif arc.group(3) == '0':
            self.seen.add(f'{arc.group(1)}-{arc.group(2)}')

    def missing(self, names):
        return [name for name in names if name not in self.seen]


class Explained:
    """A block of lines of a function, and why not all of it is reached.

    In the list a block is a head, FILE FUNCTION: REASON, which may take several
    lines, and the block's lines, indented by a tab, as they stand in the source
    but for their own indentation.
    """

    HEAD = re.compile(r'^(\S+) (\w+): (.+)$')

    def __init__(self, file, function, reason):
        self.file = file
        self.function = function
        self.reason = reason
        self.block = []
        self.numbers = []
        self.used = False

    def __str__(self):
        return f'{self.file} {self.function}: {" / ".join(self.block)}'

    def find(self, files):
        """Where the block is; what is wrong with it, or None."""
        file = files.get(self.file)
        function = file and file.functions.get(self.function)
        if not function:
            return 'no such function'
        numbers = [n for n in range(function.first, function.last + 1) if file.text[n].strip()]
        text = [file.text[n].strip() for n in numbers]
        found = [i for i in range(len(text))
                 if text[i:i + len(self.block)] == self.block]
        if len(found) != 1:
            return f'these lines are there {len(found)} times'
        self.numbers = numbers[found[0]:found[0] + len(self.block)]
        return None


def read_left(path):
    out = []
    with open(path, encoding='utf-8') as text:
        for number, line in enumerate(text.read().splitlines(), 1):
            head = Explained.HEAD.match(line)
            if not line or line.startswith('#'):
                continue
            if line.startswith('\t') and out:
                out[-1].block.append(line.strip())
            elif head:
                out.append(Explained(*head.groups()))
            elif out and not out[-1].block:
                out[-1].reason += ' ' + line
            else:
                raise Broken(f'{path}:{number}: neither a head nor a line of a block')
    return out


class Left:
    """What is not reached, with and without an explanation."""

    def __init__(self, files, explained):
        self.wrong = []
        self.lines = []         # not explained
        self.branches = []
        self.spare = []
        for entry in explained:
            why = entry.find(files)
            if why:
                self.wrong.append(f'{entry}: {why}')
        for file in files.values():
            for number in sorted(file.lines):
                for function, line in sorted(file.lines[number].items()):
                    self._take(file, number, function, line, explained)
        self.spare = [entry for entry in explained if entry.numbers and not entry.used]

    def _take(self, file, number, function, line, explained):
        if line.count and line.taken == len(line.branches):
            return
        what = ('never reached' if not line.count else
                f'{len(line.branches) - line.taken} of {len(line.branches)} branches never taken')
        for entry in explained:
            if entry.file == file.name and entry.function == function and number in entry.numbers:
                entry.used = True
                file.excused[0] += not line.count
                file.excused[1] += len(line.branches) - line.taken
                return
        text = f'{file.name}:{number}: {function}: {what}: {file.text[number].strip()}'
        (self.branches if line.count else self.lines).append(text)


def write_info(path, files, source):
    """In lcov's format, which genhtml and other programs read."""
    with open(path, 'w', encoding='utf-8') as out:
        for file in files.values():
            out.write(f'TN:\nSF:{source}/{file.name}\n')
            functions = sorted(file.functions.items(), key=lambda f: (f[1].first, f[0]))
            for name, function in functions:
                out.write(f'FN:{function.first},{name}\n')
            for name, function in functions:
                out.write(f'FNDA:{function.count},{name}\n')
            called = sum(bool(function.count) for function in file.functions.values())
            out.write(f'FNF:{len(functions)}\nFNH:{called}\n')
            lines = {number: file.merged(number) for number in sorted(file.lines)}
            for number, (count, branches) in lines.items():
                for i, taken in enumerate(branches):
                    out.write(f'BRDA:{number},0,{i},{taken if count else "-"}\n')
            n_lines, hit_lines, n_branches, hit_branches = file.count()
            out.write(f'BRF:{n_branches}\nBRH:{hit_branches}\n')
            for number, (count, _) in lines.items():
                out.write(f'DA:{number},{count}\n')
            out.write(f'LF:{n_lines}\nLH:{hit_lines}\nend_of_record\n')


def write_page(args, files):
    shutil.rmtree(args.output, ignore_errors=True)
    os.makedirs(args.output)
    info = f'{args.output}/mtty-mig.info'
    write_info(info, files, args.source)
    # These options mean the same in lcov 1.16 and in 2.x.
    told = subprocess.run(
        ['genhtml', '--quiet', '--branch-coverage', '--legend', '--title', 'mtty-mig',
         '--prefix', args.source, '--num-spaces', '8', '--rc', f'genhtml_hi_limit={LINES}',
         '--rc', f'genhtml_med_limit={BRANCHES}', '--output-directory', args.output, info],
        check=False, capture_output=True, text=True)
    if told.returncode:
        raise Broken(f'genhtml failed:\n{told.stdout}{told.stderr}')


def share(part, whole):
    """'97.3 % (n of m)'; rounded down, so that 100.0 % is all of it"""
    percent = part * 1000 // whole / 10 if whole else 100.0
    return f'{percent:.1f} % ({part} of {whole})'


def enough(part, whole, percent):
    return part * 100 >= percent * whole


class Verdict:
    """The test cases, printed as KTAP as they come."""

    def __init__(self, planned):
        self.cases = []
        print(f'KTAP version 1\n1..{planned}')

    def case(self, good, name, lines=()):
        """lines: what is wrong."""
        for line in lines:
            print(f'# {line}')
        self.cases.append(ktap.Case(name, 'passed' if good else 'failed', diagnostics=lines))
        print(f'{"ok" if good else "not ok"} {len(self.cases)} {name}')


def tests_failed(result):
    """Counters of tests that failed tell nothing of the driver as it should be."""
    lines = [': '.join(filter(None, [case['name'], case.get('reason')]))
             for case in result['cases'] if case['status'] == 'failed']
    return lines + ['the kernel reported: ' + report[0] for report in result['kernel_reports']]


def main():
    args = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    args.add_argument('--source', required=True, help='the checkout')
    args.add_argument('--built', required=True, help='where the modules were built')
    args.add_argument('--run', required=True, help="the run's directory")
    args.add_argument('--tests', required=True, help='the results of the tests, JSON')
    args.add_argument('--left', required=True, help='what is known not to be reached, and why')
    args.add_argument('--output', required=True, help='the directory for the page')
    args = args.parse_args()
    with open(args.tests, encoding='utf-8') as text:
        tests = json.load(text)
    failed = tests_failed(tests)
    try:
        files = measure(args)
        traced = Traced(args)
        left = Left(files, read_left(args.left))
        write_page(args, files)
    except Broken as why:
        print(f'lab: error: {why}', file=sys.stderr)
        for line in failed:
            print(f'     failed: {line}', file=sys.stderr)
        return exits.BROKEN

    verdict = Verdict(len(files) + 6)
    verdict.case(not failed and tests['passed'], 'tests: ' + ktap.LAST_LINE.format(**tests), failed)
    total = [0, 0, 0, 0]
    for file in files.values():
        lines, lines_hit, branches, branches_hit = count = file.count()
        total = [a + b for a, b in zip(total, count)]
        verdict.case(enough(lines_hit + file.excused[0], lines, LINES) and
                     enough(branches_hit + file.excused[1], branches, BRANCHES),
                     f'{file.name}: lines {share(lines_hit, lines)}, '
                     f'branches {share(branches_hit, branches)}')
    lines, lines_hit, branches, branches_hit = total
    verdict.case(enough(lines_hit, lines, LINES), f'lines: at least {LINES} %')
    verdict.case(enough(branches_hit, branches, BRANCHES), f'branches: at least {BRANCHES} %')
    arcs = traced.missing(traced.arcs)
    points = traced.missing(traced.points)
    verdict.case(not arcs, 'arcs: each was walked', arcs)
    verdict.case(not points, 'fault points: each has failed', points)
    verdict.case(not left.wrong and not left.lines, 'left: what is not reached is explained',
                 left.wrong + left.lines)

    if left.branches:
        print('\nlab: never taken, and not explained:')
        for line in left.branches:
            print('  ' + line)
    if left.spare:
        print('\nlab: explained, and reached this time:')
        for entry in left.spare:
            print(f'  {entry}')
    print(f'\nlab: the page: {os.path.relpath(args.output, args.source)}/index.html')
    print(f'coverage: lines {share(lines_hit, lines)}, branches {share(branches_hit, branches)}, '
          f'arcs {len(traced.arcs) - len(arcs)} of {len(traced.arcs)}, '
          f'fault points {len(traced.points) - len(points)} of {len(traced.points)}')
    results.leave({**tests, 'cases': [case.as_dict() for case in verdict.cases],
                   'coverage': {'files': {file.name: [*file.count(), *file.excused] for file in files.values()},
                                'arcs': [len(traced.arcs), arcs], 'points': [len(traced.points), points]}})
    good = all(case.status != 'failed' for case in verdict.cases)
    print(results.closing(ktap.last_line(verdict.cases), good), flush=True)
    return 0 if good else 1


if __name__ == '__main__':
    exits.end_with(main)
