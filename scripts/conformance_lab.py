#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make conformance: the generic tests in the lab, reported rule by rule.

With --isolate each test has a boot of its own, so that a driver that crashes
or hangs the kernel costs that test and no other.  The same test by another way
in may follow in the same boot, if the first one passed.

With --isolate=auto a program's tests share a boot for as long as the kernel
lives.  The test that it did not survive is looked at again in a boot of its own,
and the tests after that in another.
"""

import argparse
import contextlib
import functools
import itertools
import os
import re
import shutil
import sys
import typing

import details
import exits
import guest
import ktap
import results
import shard

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'selftests', 'generic'))

import conformance  # pylint: disable=wrong-import-position,wrong-import-order


# What kselftest_harness.h says of a test that it ended, and what dut.c says in the next one
# if the device is still open: what the kernel does for a process goes on when that is killed.
TIMED_OUT = 'Test terminated by timeout'
NOT_OPENED = ': cannot open '


def unit_of(unit, tests):
    """What runs these tests of a unit only."""
    return '@-r@'.join([unit.split('@-r@')[0], *tests])


def test_of(unit):
    """The only test that it runs, or ''."""
    _, *tests = unit.split('@-r@')
    return tests[0] if len(tests) == 1 else ''


def kind_of(report):
    """What a kernel's report is about, without what differs from boot to boot."""
    return re.sub(r'\d+', '', re.sub(r'\b(0x)?[0-9a-f]{8,}\b|\+0x\S+|\[[^]]*\]', '', report[0])).strip()


@functools.cache
def list_tests(program):
    """The program is asked once: each unit of it, and each run, wants to know."""
    return conformance.list_tests(program)


def tests_of(args, report, unit):
    """The tests of a program that are wanted; in the second place, whether these are all."""
    program = unit.split('@')[0]
    tests = list_tests(f'{args.run}/selftests/{program}')
    wanted = [test for test in tests if report.wanted(
        conformance.name_of(program), test, args.rule, args.case)]
    return wanted, wanted == tests


def by_test(tests):
    """The ways of one test beside each other; otherwise as they are listed."""
    order = {}
    for test in tests:
        words = test.split('.')
        order.setdefault((words[0], words[-1]), []).append(test)
    return [test for ways in order.values() for test in ways]


def units_of(args, report, unit, isolate):
    """What is to be run of a program."""
    tests, whole = tests_of(args, report, unit)
    if isolate:
        # A boot for each test of a way that the kernel is known to lack tells nothing.
        return [unit_of(unit, [test]) for test in by_test(tests)
                if not (args.no_type1 and '.group_type1.' in test)]
    if whole:
        return [unit]
    return [unit_of(unit, tests)] if tests else []


# A kernel that no test leaves alive is not booted for each of them.
MOST_BOOTS = 100


def lines_of(reports):
    """Of the kernel's reports, one after the other."""
    return [line for report in reports for line in report]


class Remainder(typing.NamedTuple):
    """What a unit has to be looked at again for."""
    kept: int       # so many of its results count
    again: str      # the test that the kernel did not survive, or that was under way
    after: list     # the tests after it


def remainder(tests, cases, lost):
    """What is left of a program with these tests and results of them; nothing if it ended.

    lost: its guest died, or it had no time left.
    """
    for number, (case, following) in enumerate(zip(cases, cases[1:]), start=1):
        if (any(TIMED_OUT in line for line in case.diagnostics) and
                any(NOT_OPENED in line for line in following.diagnostics)):
            return Remainder(number, '', tests[number:])
    if not lost:
        return None
    done = len(cases)
    return Remainder(done, ''.join(tests[done:done + 1]), tests[done + 1:])


class Conformance(guest.Check):
    """The generic tests, for some types of device."""

    def __init__(self, args, report, units, isolate, number=1):
        """number: which run of several it is, whose guests' logs have names of their own."""
        self.report = report
        self.isolate = isolate
        self.remainders = {}
        args = argparse.Namespace(**vars(args))
        args.tests = units
        args.log += f'-run{number}' if number > 1 else ''
        shutil.rmtree(f'{args.run}/claims', ignore_errors=True)
        super().__init__(args)
        self.live = self.short = False
        self.tap = open(args.tap, 'a', encoding='utf-8')
        self._results = []

    def result(self, unit, cases):
        line = super().result(unit, cases)
        self._results.append((unit, cases))
        done = len(self.finished)
        failed = sum(case.status == 'failed' for case in cases)
        if failed or not self.isolate or done % 20 == 0 or done == len(self.units):
            name = f'{guest.label(unit)} {test_of(unit)}'.strip()
            print(f'lab: {done} of {len(self.units)}: {name}: {ktap.last_line(cases)}',
                  flush=True)
        return line

    def write(self, lines):
        print('\n'.join(lines), file=self.tap, flush=True)

    def tests_in(self, unit):
        """The tests that a unit runs, in their order."""
        return unit.split('@-r@')[1:] or tests_of(self.args, self.report, unit)[0]

    def what_counts(self, unit, cases, reports):
        """The results of a unit, up to where it came to its end, and what the kernel reported.

        The rest is a remainder, which the next run looks at.
        """
        # Without what is said of the program as a whole
        results = [case for case in cases if case.name != guest.label(unit)]
        left = remainder(self.tests_in(unit), results, unit in self.lost)
        if not left:
            return cases, reports
        if left.again and not left.kept and self.isolate:
            # It was the first one in a boot of its own: that is what it does alone.
            self.report.add(conformance.name_of(unit.split('@')[0]), left.again, cases[-1],
                            lines_of(reports))
            self.remainders[unit] = left._replace(again=''), [], ''
            return [], []
        # What the kernel reported is looked at when that is known of the test.
        self.remainders[unit] = left, reports, self.lost.get(unit, '')
        return results[:left.kept], []

    def add_to_report(self, auto):
        """What came of each test, with what its kernel reported meanwhile.

        auto: units that came to no end are run again, but what they ran alone.
        """
        traces = {}
        for tester in self.guests:
            for report in tester.scanner.reports:
                traces.setdefault(report.unit, []).append(report)
        for unit, cases in self._results:
            alone = test_of(unit)
            reports = traces.pop(unit, [])
            if auto and not alone:
                cases, reports = self.what_counts(unit, cases, reports)
            for case in cases:
                test = alone or case.name[len(guest.label(unit)):].strip()
                self.report.add(conformance.name_of(unit.split('@')[0]), test, case,
                                lines_of(reports) if alone else ())
            if reports and not alone:
                self.problem(guest.label(unit), lines_of(reports))
        for unit, reports in traces.items():
            for report in reports:
                self.problem(unit or 'the boot', list(report))
        # What is left: guests that did not end well, units that did not run.
        for case in self.cases:
            if not any(case in cases for _, cases in self._results):
                self.report.nameless.append((case.name, case.reason))

    def problem(self, where, trace):
        """The kernel reported something that belongs to no single test."""
        self.report.traces.append((where, trace))
        self.report.nameless.append((where, 'the kernel reported a problem'))

    def again(self):
        """The units that look at what is left."""
        units = []
        for unit, (left, _, _) in self.remainders.items():
            units += [unit_of(unit, tests) for tests in ([left.again], left.after) if any(tests)]
        return units

    def explain(self, later):
        """What the kernel reported of units that came to no end.

        later: the run of again(), if there was one.  What a test brings about alone, too,
        was told with it.
        """
        for unit, (left, reports, died) in self.remainders.items():
            alone = unit_of(unit, [left.again]) if left.again else ''
            known = {kind_of(report) for tester in (later.guests if alone and later else ())
                     for report in tester.scanner.reports if report.unit == alone}
            trace = lines_of(report for report in reports if kind_of(report) not in known)
            if trace:
                self.problem(guest.label(unit), trace)
            if died and not alone:
                self.report.nameless.append((guest.label(unit), died))
            elif died and later and alone not in later.lost:
                self.report.nameless.append((f'{guest.label(unit)} {left.again}',
                                             'the kernel did not survive it after the tests before it'))

    def main(self):
        self.run_all()
        self.tap.close()
        failed = [tester for tester in self.guests if tester.broken or tester.scanner.reports or
                  tester.failed]
        if self.isolate:
            for tester in self.guests:
                if tester not in failed:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(tester.log_name)
        return failed


def rules_of(args, report, results_of):
    """The verdicts by type of device: what was run again may have one type only."""
    if args.isolate == '0':
        return details.by_device(results_of)
    return {' '.join(args.types): {row['rule']: row['verdict'] for row in report.rows()}}


def run(args):
    catalogue = conformance.load_catalogue(f'{args.run}/selftests/generic')
    report = conformance.Report(catalogue)
    isolate, auto = args.isolate == '1', args.isolate == 'auto'
    part = shard.take()
    # By program, so that few rules are looked at in several parts.
    args.tests = [program for program in args.tests if any(
        units_of(args, report, f'{program}@{kind}', isolate) for kind in args.types)]
    if not args.tests:
        print('lab: error: no test judges that')
        return exits.REFUSED
    args.tests = shard.share(args.tests, part)
    if not args.tests:
        return guest.no_share(part)
    units = [each for program in args.tests for kind in args.types
             for each in units_of(args, report, f'{program}@{kind}', isolate)]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(args.tap)
    failed = []
    before = None
    boots = 0
    results_of, took = [], []
    for number in itertools.count(1):
        check = Conformance(args, report, units, isolate, number)
        failed += check.main()
        check.add_to_report(auto)
        results_of += check.results
        took += check.took
        if before:
            before.explain(check)
        before, units, isolate = check, check.again(), True
        boots += len(units)
        if boots > MOST_BOOTS:
            report.nameless += [(guest.label(unit), f'not run after {MOST_BOOTS} boots')
                                for unit in units]
            units = []
        if not units:
            check.explain(None)
            break
        print('lab: the kernel did not survive, or could not end, '
              + ', '.join(f'{guest.label(unit)} {left.again}'.strip()
                          for unit, (left, _, _) in check.remainders.items())
              + ': on with what is left, in boots of their own', flush=True)
    about = f'{args.driver} ({" ".join(args.types)}), Linux {args.release}'
    report.write(args, about)
    print(f'\nConformance of {about}\n')
    print(report.text())
    print(f'lab: the output of the tests: {args.tap}')
    print(f'lab: the same as JUnit XML, JSON, KTAP and reStructuredText: '
          f'{os.path.dirname(args.junit)}/')
    if failed:
        print('lab: logs of the guests: ' + ' '.join(tester.log_name for tester in failed[:8]))
    results.leave({'cases': [case.as_dict() for case in report.cases()],
                   'traces': report.traces, 'units': took, 'arcs': details.arcs(results_of),
                   'rules': rules_of(args, report, results_of)})
    print(results.closing(ktap.last_line(report.cases()), not report.failed()), flush=True)
    return 1 if report.failed() else 0


def main():
    args = guest.arguments(__doc__.split('\n', maxsplit=1)[0])
    args.add_argument('--driver', required=True, help='for the title')
    args.add_argument('--release', required=True, help='for the title')
    args.add_argument('--isolate', choices=('0', '1', 'auto'), default='0')
    args.add_argument('--rule', default='', help='only what judges this rule')
    args.add_argument('--case', default='', help='only test cases of that name')
    args.add_argument('--no-type1', action='store_true')
    args.add_argument('--types', required=True, type=str.split)
    args.add_argument('--tap', required=True, help="where the tests' output goes")
    conformance.output_arguments(args)
    args.add_argument('tests', nargs='+')
    return guest.run_job(args.parse_args(), run)


if __name__ == '__main__':
    sys.exit(main())
