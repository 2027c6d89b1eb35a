# SPDX-License-Identifier: GPL-2.0-only
"""The report of conformance tests."""

import argparse
import os
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path[:0] = [os.path.join(TOP, 'scripts'), os.path.join(TOP, 'selftests', 'generic')]

import conformance  # pylint: disable=wrong-import-position
import ktap         # pylint: disable=wrong-import-position

CATALOGUE = {
    'rules': {
        'MIG-A-01': {'level': 'must', 'summary': 'The first.'},
        'MIG-A-02': {'level': 'should', 'summary': 'The second.'},
        'MIG-B-01': {'level': 'must', 'summary': 'The third.'},
    },
    'tests': {
        'x_test': {'x.one': ['MIG-A-01', 'MIG-A-02'], 'x.two': ['MIG-A-02']},
        'y_test': {'y.three': ['MIG-B-01']},
    },
}


def case(status, *lines, reason=''):
    return ktap.Case('', status, reason, lines)


def violated(rule, text='0, seen 1: GET'):
    return f'# x_test.c:12:one:{rule} violated: expected {text}'


class ReportTest(unittest.TestCase):
    """What becomes of results."""

    def setUp(self):
        self.report = conformance.Report(CATALOGUE)

    def verdicts(self):
        return {row['rule']: row['verdict'] for row in self.report.rows()}

    def details(self, rule):
        return next(row['details'] for row in self.report.rows() if row['rule'] == rule)

    def test_what_takes_a_stand_in_is_not_run_here(self):
        tests = {**CATALOGUE['tests'], 'standins/z_test': {'z.four': ['MIG-A-01']}}
        self.assertEqual(conformance.programs({'tests': tests}), ['x_test', 'y_test'])
        self.assertEqual(conformance.name_of('generic/x_test'), 'x_test')
        self.assertEqual(conformance.name_of('standins/z_test'), 'standins/z_test')

    def test_judged_and_kept(self):
        self.report.add('x_test', 'x.cdev.one', case('passed', '# judged: MIG-A-01'))
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'pass'})
        self.assertFalse(self.report.failed())

    def test_named_but_not_judged_is_no_pass(self):
        self.report.add('x_test', 'x.cdev.one', case('passed', '# judged: MIG-A-01'))
        self.assertNotIn('MIG-A-02', self.verdicts())

    def test_violation_beats_pass(self):
        self.report.add('x_test', 'x.cdev.one', case('passed', '# judged: MIG-A-01 MIG-A-02'))
        self.report.add('x_test', 'x.group.one', case(
            'failed', violated('MIG-A-01'), '# judged: MIG-A-01 MIG-A-02'))
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'FAIL', 'MIG-A-02': 'pass'})
        self.assertEqual(self.details('MIG-A-01'),
                         ['expected 0; seen 1: GET  [x_test x.group.one]'])
        self.assertTrue(self.report.failed())

    def test_same_violation_is_told_once(self):
        for way in ('cdev', 'group'):
            self.report.add('x_test', f'x.{way}.one', case('failed', violated('MIG-A-01')))
        self.assertEqual(self.details('MIG-A-01'),
                         ['expected 0; seen 1: GET  [x_test x.cdev.one and 1 more]'])

    def test_should_alone_is_no_failure(self):
        self.report.add('x_test', 'x.cdev.two', case('failed', violated('MIG-A-02')))
        self.assertEqual(self.verdicts(), {'MIG-A-02': 'FAIL'})
        self.assertFalse(self.report.failed())

    def test_crash_is_a_violation_of_what_was_to_be_judged(self):
        self.report.add('x_test', 'x.cdev.one', case('failed', reason='the guest died'),
                        ['Kernel panic - not syncing'])
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'FAIL', 'MIG-A-02': 'FAIL'})
        self.assertIn('Kernel panic', self.details('MIG-A-01')[0])
        self.assertIn('Kernel panic', self.report.text())

    def test_end_without_verdict_is_a_violation(self):
        self.report.add('x_test', 'x.cdev.one', case('failed', '# lib.c:1: SET STOP: No such file',
                                                     '# judged: MIG-A-02'))
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'FAIL', 'MIG-A-02': 'pass'})
        self.assertIn('SET STOP', self.details('MIG-A-01')[0])

    def test_violation_of_one_rule_does_not_accuse_another(self):
        self.report.add('x_test', 'x.cdev.one', case('failed', violated('MIG-A-01')))
        self.report.add('x_test', 'x.cdev.two', case('passed', '# judged: MIG-A-02'))
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'FAIL', 'MIG-A-02': 'pass'})

    def test_rule_that_nobody_judged_after_a_violation(self):
        self.report.add('x_test', 'x.cdev.one', case('failed', violated('MIG-A-01')))
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'FAIL', 'MIG-A-02': 'FAIL'})
        self.assertIn('not judged', self.details('MIG-A-02')[0])

    def test_failure_that_no_rule_explains(self):
        self.report.add('x_test', 'x.cdev.two', case('failed', '# Expected 1 == 2',
                                                     '# judged: MIG-A-02'))
        self.assertEqual(self.verdicts(), {'MIG-A-02': 'pass'})
        self.assertTrue(self.report.failed())
        self.assertIn('Expected 1 == 2', self.report.text())

    def test_program_that_ended_without_a_test(self):
        self.report.add('x_test', '', case('failed', reason='ended by signal 11'))
        self.assertEqual(self.verdicts(), {'MIG-A-01': 'FAIL', 'MIG-A-02': 'FAIL'})

    def test_skip_tells_why_and_not_that_a_way_is_missing(self):
        for _ in range(2):
            self.report.add('y_test', 'y.group.three',
                            case('skipped', reason='no way in: group-type1: none'))
        self.report.add('y_test', 'y.cdev.three', case('skipped', reason='no PRE_COPY'))
        self.assertEqual(self.verdicts(), {'MIG-B-01': 'skip'})
        self.assertEqual(self.details('MIG-B-01'), ['no PRE_COPY'])
        self.assertFalse(self.report.failed())

    def test_what_was_not_run_is_left_out_and_counted(self):
        self.report.add('y_test', 'y.cdev.three', case('passed', '# judged: MIG-B-01'))
        self.assertEqual(self.verdicts(), {'MIG-B-01': 'pass'})
        self.assertIn('2 more were not looked at', self.report.text())

    def test_ktap_has_a_case_for_each_rule(self):
        self.report.add('x_test', 'x.cdev.one', case(
            'failed', violated('MIG-A-01'), '# judged: MIG-A-01 MIG-A-02'))
        self.report.add('y_test', 'y.cdev.three', case('skipped', reason='no PRE_COPY'))
        parser = ktap.Parser('rules')
        for line in self.report.ktap().splitlines():
            parser.feed(line)
        cases = parser.finish(0).cases
        self.assertEqual([(c.name, c.status) for c in cases if c.name != 'rules'], [
            ('rules MIG-A-01', 'failed'), ('rules MIG-A-02', 'passed'),
            ('rules MIG-B-01', 'skipped')])

    def test_rst_escapes(self):
        self.assertEqual(conformance.rst_escape('a | b*_'), r'a \| b\*\_')


class ListTest(unittest.TestCase):
    """The harness's listing, of which a variant and a test share a line."""

    def test_list(self):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, 'x_test')
            with open(program, 'w', encoding='ascii') as out:
                print('#!/bin/sh\ncat >&2 <<E', file=out)
                print(f'{"# FIXTURE":<20} {"VARIANT":<25} TEST', file=out)
                print(f'{"a":<20} {"cdev":<25} one', file=out)
                print(f'{"":<20} {"group":<25} two', file=out)
                print(f'{"":<20} {"":<25} three', file=out)
                print('-' * 80, file=out)
                print(f'{"b":<20} {"":<25} four', file=out)
                print('E\nexit 4', file=out)
            os.chmod(program, stat.S_IRWXU)
            self.assertEqual(conformance.list_tests(program), [
                'a.cdev.one', 'a.cdev.two', 'a.cdev.three',
                'a.group.one', 'a.group.two', 'a.group.three', 'b.four'])


class RunProgramTest(unittest.TestCase):
    """A program on this machine, and that it is over when it should be."""

    def run_program(self, script, timeout=1000):
        """timeout: 0: over when the script has made the file "late" beside it."""
        class Popen(subprocess.Popen):
            def wait(self, timeout=None):
                if timeout != 0:
                    return super().wait(timeout)
                while not os.path.exists(f'{place}/late'):
                    time.sleep(0.01)
                raise subprocess.TimeoutExpired(self.args, 0)

        with tempfile.TemporaryDirectory() as place, \
                mock.patch.object(conformance, 'HERE', place), \
                mock.patch.object(conformance.subprocess, 'Popen', Popen):
            with open(f'{place}/x_test', 'w', encoding='utf-8') as file:
                file.write(f'#!/bin/sh\n{script}\n')
            os.chmod(f'{place}/x_test', 0o755)
            args = argparse.Namespace(way=None, timeout=timeout, verbose=False)
            begun = time.monotonic()
            cases = conformance.run_program('x_test', args, dict(os.environ))
        self.assertLess(time.monotonic() - begun, 1000)
        return [(found.status, found.reason) for found in cases]

    def test_result(self):
        self.assertEqual(self.run_program('echo 1..1; echo ok 1 a'), [('passed', '')])

    def test_signal(self):
        self.assertIn(('failed', 'ended by signal 9'),
                      self.run_program('echo 1..2; echo ok 1 a; kill -9 $$'))

    def test_child_that_stays(self):
        self.assertEqual(self.run_program('sleep 3000 & echo 1..1; echo ok 1 a'), [('passed', '')])

    def test_too_long_with_a_child(self):
        script = 'sleep 3000 & echo 1..2; echo ok 1 a; touch "${0%/*}/late"; wait'
        self.assertEqual(self.run_program(script, timeout=0),
                         [('passed', ''), ('failed', 'it took more than 0 s while this ran')])


if __name__ == '__main__':
    unittest.main()
