#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make conformance: the generic tests in the lab, reported rule by rule.

With --isolate each test has a boot of its own, so that a driver that crashes
or hangs the kernel costs that test and no other.  The same test by another way
in may follow in the same boot, if the first one passed.
"""

import contextlib
import os
import sys

import guest
import ktap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'selftests', 'generic'))

import conformance  # pylint: disable=wrong-import-position,wrong-import-order


class Conformance(guest.Check):
    """The generic tests, for some types of device."""

    def __init__(self, args, catalogue, report):
        self.catalogue = catalogue
        self.report = report
        self.isolate = bool(args.isolate)
        self.programs = [os.path.basename(path) for path in args.tests]
        args.tests = self._units(args)
        super().__init__(args)
        self.live = False
        self.tap = open(args.tap, 'w', encoding='utf-8')
        self._results = []

    def _units(self, args):
        units = [f'generic/{program}@{kind}' for kind in args.types for program in self.programs]
        if not self.isolate:
            return units
        return [f'{unit}@-r@{test}' for unit in units
                for test in self._by_test(
                    conformance.list_tests(f'{args.run}/selftests/{unit.split("@")[0]}'))
                if not self._no_way(args, test)]

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

    def add_to_report(self):
        """What came of each test, with what its kernel reported meanwhile."""
        traces = {}
        for tester in self.guests:
            for report in tester.scanner.reports:
                traces.setdefault(report.unit, []).append(report)
        for unit, cases in self._results:
            program = os.path.basename(unit.split('@')[0])
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
        self.add_to_report()
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
    check = Conformance(args, catalogue, report)
    failed = check.main()
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
    args.add_argument('--isolate', type=int, default=0)
    args.add_argument('--no-type1', action='store_true')
    args.add_argument('--types', required=True, type=str.split)
    args.add_argument('--tap', required=True, help="where the tests' output goes")
    conformance.output_arguments(args)
    args.add_argument('tests', nargs='+')
    return guest.run_job(args.parse_args(), run)


if __name__ == '__main__':
    sys.exit(main())
