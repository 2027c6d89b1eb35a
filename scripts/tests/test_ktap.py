# SPDX-License-Identifier: GPL-2.0-only
"""The counting: whatever did not run must not look as if it had passed."""

import json
import os
import sys
import tempfile
import textwrap
import unittest
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import ktap  # noqa: E402

KUNIT = '''\
    KTAP version 1
    1..2
        KTAP version 1
        # Subtest: first
        # module: mtty_mig_kunit
        1..3
        ok 1 plain
            KTAP version 1
            # Subtest: parametrised
            ok 1 a
            ok 2 b: with words
        # parametrised: pass:2 fail:0 skip:0 total:2
        ok 2 parametrised
        ok 3 absent # SKIP not on this kernel
    # first: pass:2 fail:0 skip:1 total:3
    ok 1 first
        KTAP version 1
        # Subtest: second
        1..1
        ok 1 only
    ok 2 second
'''


def parse(text, plan_needed=False, **end):
    parser = ktap.Parser('t', plan_needed)
    for line in textwrap.dedent(text).splitlines():
        parser.feed(line)
    return parser.finish(**end).cases


class Counting(unittest.TestCase):
    def check(self, cases, passed, failed, skipped):
        self.assertEqual(ktap.count(cases),
                         {'passed': passed, 'failed': failed, 'skipped': skipped},
                         [case.as_dict() for case in cases])

    def reasons(self, cases):
        return [f'{case.name}: {case.reason}' for case in cases if case.status == 'failed']

    def test_kunit_counts_leaves(self):
        cases = parse(KUNIT)
        self.check(cases, 4, 0, 1)
        self.assertEqual([case.name for case in cases],
                         ['t first.plain', 't parametrised.a', 't parametrised.b: with words',
                          't first.absent', 't second.only'])

    def test_kunit_with_printk_times(self):
        stamped = '\n'.join(f'[   1.{n:06d}] {line}' for n, line in
                            enumerate(textwrap.dedent(KUNIT).splitlines()))
        self.check(parse(stamped), 4, 0, 1)

    def test_kunit_among_other_lines(self):
        noisy = textwrap.dedent(KUNIT).replace('\n', '\nmtty_mig: something\n')
        self.check(parse(noisy), 4, 0, 1)

    def test_every_truncation_fails(self):
        lines = textwrap.dedent(KUNIT).splitlines()
        for end in range(2, len(lines)):
            cases = parse('\n'.join(lines[:end]))
            self.assertGreater(ktap.count(cases)['failed'], 0, lines[:end])

    def test_every_lost_result_fails(self):
        lines = textwrap.dedent(KUNIT).splitlines()
        for number, line in enumerate(lines):
            if 'ok ' in line and ' b: ' not in line:
                cases = parse('\n'.join(lines[:number] + lines[number + 1:]))
                self.assertGreater(ktap.count(cases)['failed'], 0, line)

    def test_failed_case_keeps_its_message(self):
        cases = parse('''\
            1..1
                # Subtest: s
                1..1
                # c: EXPECTATION FAILED at kunit/a.c:12
                Expected x == 2, but
                    x == 1
                not ok 1 c
            not ok 1 s
            ''')
        self.check(cases, 0, 1, 0)
        self.assertIn('Expected x == 2, but', cases[0].diagnostics)
        self.assertIn('x == 1', cases[0].diagnostics)

    def test_a_parameter_keeps_its_message(self):
        cases = parse('''\
            1..1
                # Subtest: s
                1..1
                    # Subtest: c
                    ok 1 a
                # c: EXPECTATION FAILED at kunit/a.c:12
                Expected x == 2, but
                    x == 1
                    not ok 2 b
                # c: EXPECTATION FAILED at kunit/a.c:13
                Expected x == 3, but
                    x == 1
                    not ok 3 d
                # c: pass:1 fail:2 skip:0 total:3
                not ok 1 c
            not ok 1 s
            ''')
        self.check(cases, 1, 2, 0)
        self.assertEqual([case.diagnostics for case in cases[1:]], [
            ['# c: EXPECTATION FAILED at kunit/a.c:12', 'Expected x == 2, but', 'x == 1'],
            ['# c: EXPECTATION FAILED at kunit/a.c:13', 'Expected x == 3, but', 'x == 1']])

    def test_plans_of_several_modules_add_up(self):
        parser = ktap.Parser('kunit', plan_needed=False)
        for line in 'KTAP version 1\n1..1\nok 1 a\nKTAP version 1\n1..2\nok 1 b\nok 2 c'.split('\n'):
            parser.feed(line)
        self.check(parser.finish().cases, 3, 0, 0)

    def test_failed_case_keeps_violations(self):
        violated = '# generic/a_test.c:3:c:MIG-SEC-10 violated: expected an answer, seen none'
        stack = '#   [<0>] schedule+0xb7/0x250\n' * 100
        cases = parse(f'1..1\n{stack}{violated}\n{stack}# judged: MIG-SEC-10\nnot ok 1 c\n')
        self.check(cases, 0, 1, 0)
        self.assertEqual([violated], [line for line in cases[0].diagnostics if 'violated' in line])
        self.assertEqual(ktap.MAX_DIAGNOSTICS, len(cases[0].diagnostics))

    def test_suite_that_fails_as_a_whole(self):
        cases = parse('''\
            1..1
                # Subtest: s
                1..1
                ok 1 c
            not ok 1 s
            ''')
        self.check(cases, 1, 1, 0)

    def test_suite_whose_init_fails(self):
        cases = parse('''\
            1..1
                # Subtest: s
                1..2
            not ok 1 s
            ''')
        self.check(cases, 0, 1, 0)
        self.assertEqual(self.reasons(cases), ['t s: planned 2 tests, 0 have a result'])

    def test_kselftest(self):
        cases = parse('''\
            TAP version 13
            1..3
            # Starting 3 tests from 2 test cases.
            #  RUN           global.a ...
            #            OK  global.a
            ok 1 global.a
            ok 2 global.b # SKIP no such device
            # x.c:9:c:Expected 1 (1) == 2 (2)
            # c: Test failed
            not ok 3 global.c
            # FAILED: 2 / 3 tests passed.
            ''', plan_needed=True, exit_status=1)
        self.check(cases, 1, 1, 1)
        self.assertEqual(cases[1].reason, 'no such device')
        self.assertIn('# c: Test failed', cases[2].diagnostics)

    def test_not_ok_with_skip_is_a_failure(self):
        self.check(parse('1..1\nnot ok 1 a # SKIP why\n', True), 0, 1, 0)

    def test_name_with_a_number_sign(self):
        cases = parse('1..1\nok 1 fsm.RUNNING # 2 to STOP\n', True)
        self.check(cases, 1, 0, 0)
        self.assertEqual(cases[0].name, 't fsm.RUNNING # 2 to STOP')

    def test_missing_plan(self):
        cases = parse('TAP version 13\nok 1 a\n', True, exit_status=0)
        self.check(cases, 1, 1, 0)
        self.assertEqual(self.reasons(cases), ['t: printed no plan'])

    def test_silent_program(self):
        self.check(parse('', True, exit_status=0), 0, 1, 0)

    def test_plan_not_fulfilled(self):
        cases = parse('1..3\nok 1 a\nok 2 b\n', True, exit_status=0)
        self.assertEqual(self.reasons(cases), ['t: planned 3 tests, 2 have a result'])

    def test_signal(self):
        cases = parse('1..1\nok 1 a\n', True, exit_status=134)
        self.assertEqual(self.reasons(cases), ['t: ended by signal 6'])

    def test_timeout(self):
        cases = parse('1..2\nok 1 a\n', True, exit_status=124, timeout=9)
        self.assertIn('t: did not end within 9 s', self.reasons(cases))

    def test_exit_status_without_failure(self):
        cases = parse('1..1\nok 1 a\n', True, exit_status=1)
        self.assertEqual(self.reasons(cases), ['t: exit status 1, though no test failed'])

    def test_skipped_program(self):
        self.check(parse('TAP version 13\n1..0 # SKIP no iommufd\n', True, exit_status=4), 0, 0, 1)
        self.check(parse('1..0 # SKIP no iommufd\n', True, exit_status=0), 0, 0, 1)

    def test_skip_after_results_does_not_hide_them(self):
        self.check(parse('1..2\nok 1 a\n', True, exit_status=4), 1, 1, 0)

    def test_empty_plan(self):
        self.check(parse('1..0\n', True, exit_status=0), 0, 1, 0)

    def test_cut_off(self):
        cases = parse('1..2\nok 1 a\n', True, cut_off='the guest died')
        self.assertEqual(self.reasons(cases), ['t: the guest died while this ran'])

    def test_gap_in_numbers(self):
        self.check(parse('1..1\n    # Subtest: s\n    1..3\n    ok 1 a\n    ok 3 c\nok 1 s\n'),
                   2, 1, 0)

    def test_result_files(self):
        cases = parse('1..2\nok 1 a\n# <&\x01>\nnot ok 2 b\n', True)
        with tempfile.TemporaryDirectory() as where:
            ktap.write_json(where + '/r.json', cases, kernel_reports=[['BUG: x']])
            ktap.write_junit(where + '/r.xml', cases, [['BUG: x', ' at y']])
            with open(where + '/r.json', encoding='utf-8') as text:
                self.assertEqual(json.load(text)['failed'], 1)
            suite = ET.parse(where + '/r.xml').getroot()
        self.assertEqual((suite.get('tests'), suite.get('failures')), ('3', '2'))


if __name__ == '__main__':
    unittest.main()
