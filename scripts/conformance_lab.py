#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make conformance: the generic tests in the lab, reported rule by rule.

With --isolate each test has a boot of its own, so that a driver that crashes
or hangs the kernel costs that test and no other.  The same test by another way
in may follow in the same boot, if the first one passed.  With --isolate=auto
that is so for the tests of a program that the kernel did not survive.
"""

import argparse
import contextlib
import os
import shutil
import sys

import exits
import guest
import ktap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'selftests', 'generic'))

import conformance  # pylint: disable=wrong-import-position,wrong-import-order


class Conformance(guest.Check):
    """The generic tests, for some types of device."""

    def __init__(self, args, report, units, isolate):
        self.report = report
        self.isolate = isolate
        args = argparse.Namespace(**vars(args))
        args.tests = self._units(args, units)
        shutil.rmtree(f'{args.run}/claims', ignore_errors=True)
        super().__init__(args)
        self.live = False
        self.tap = open(args.tap, 'w' if not report.judged else 'a', encoding='utf-8')
        self._results = []

    def _units(self, args, units):
        words = []
        for unit in units:
            program = unit.split('@')[0]
            tests = conformance.list_tests(f'{args.run}/selftests/{program}')
            wanted = [test for test in tests if self.report.wanted(
                conformance.name_of(program), test, args.rule, args.case)]
            if self.isolate:
                words += [f'{unit}@-r@{test}' for test in self._by_test(wanted)
                          if not self._no_way(args, test)]
            elif wanted == tests:
                words.append(unit)
            elif wanted:
                words.append('@-r@'.join([unit, *wanted]))
        return words

    @staticmethod
    def _by_test(tests):
        """The ways of one test beside each other; otherwise as they are listed."""
        order = {}
        for test in tests:
            words = test.split('.')
            order.setdefault((words[0], words[-1]), []).append(test)
        return [test for ways in order.values() for test in ways]

    @staticmethod
    def _no_way(args, test):
        """A boot for each test of a way that the kernel is known to lack tells nothing."""
        return args.no_type1 and '.group_type1.' in test

    def result(self, unit, cases):
        line = super().result(unit, cases)
        self._results.append((unit, cases))
        done = len(self.finished)
        failed = sum(case.status == 'failed' for case in cases)
        if failed or not self.isolate or done % 20 == 0 or done == len(self.units):
            name = guest.label(unit) + (f' {unit.rsplit("@", 1)[1]}' if self.isolate else '')
            print(f'lab: {done} of {len(self.units)}: {name}: {ktap.last_line(cases)}',
                  flush=True)
        return line

    def write(self, lines):
        print('\n'.join(lines), file=self.tap, flush=True)

    def add_to_report(self, without=()):
        """What came of each test, with what its kernel reported meanwhile.

        without: units that are run again.
        """
        traces = {}
        for tester in self.guests:
            for report in tester.scanner.reports:
                if report.unit not in without:
                    traces.setdefault(report.unit, []).append(report)
        for unit, cases in self._results:
            if unit in without:
                continue
            program = conformance.name_of(unit.split('@')[0])
            alone = unit.rsplit('@-r@', 1)[1] if self.isolate else ''
            trace = [line for report in traces.pop(unit, []) for line in report]
            for case in cases:
                test = alone or case.name[len(guest.label(unit)):].strip()
                self.report.add(program, test, case, trace if alone else ())
            if trace and not alone:
                self.report.traces.append((guest.label(unit), trace))
                self.report.nameless.append((guest.label(unit), 'the kernel reported a problem'))
        for unit, reports in traces.items():
            for report in reports:
                self.report.traces.append((unit or 'the boot', list(report)))
                self.report.nameless.append((unit or 'the boot', 'the kernel reported a problem'))
        # What is left: guests that did not end well, units that did not run.
        for case in self.cases:
            if not any(case in cases for _, cases in self._results):
                self.report.nameless.append((case.name, case.reason))

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


def run(args):
    catalogue = conformance.load_catalogue(f'{args.run}/selftests/generic')
    report = conformance.Report(catalogue)
    units = [f'{program}@{kind}' for kind in args.types for program in args.tests]
    check = Conformance(args, report, units, args.isolate == '1')
    if not check.units:
        print('lab: error: no test judges that')
        return exits.REFUSED
    failed = check.main()
    again = check.lost if args.isolate == 'auto' else []
    check.add_to_report(without=again)
    if again:
        print('lab: the kernel did not survive, or could not end, ' + ', '.join(map(guest.label, again)) +
              ': each test of that gets a boot of its own', flush=True)
        alone = Conformance(args, report, [unit.split('@-r@')[0] for unit in again], True)
        failed += alone.main()
        alone.add_to_report()
    about = f'{args.driver} ({" ".join(args.types)}), Linux {args.release}'
    report.write(args, about)
    print(f'\nConformance of {about}\n')
    print(report.text())
    print(f'lab: the output of the tests: {args.tap}')
    print(f'lab: the same as JUnit XML, JSON, KTAP and reStructuredText: '
          f'{os.path.dirname(args.junit)}/')
    if failed:
        print('lab: logs of the guests: ' + ' '.join(tester.log_name for tester in failed[:8]))
    print(ktap.last_line(report.cases()), flush=True)
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
