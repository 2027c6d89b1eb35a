#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What conformance_lab.py makes of programs that came to no end."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import conformance_lab  # pylint: disable=wrong-import-position
from ktap import Case   # pylint: disable=wrong-import-position

TESTS = ['a.x', 'a.y', 'a.z']


def failed(name, *lines):
    return Case(f'generic/p_test(qat) {name}', 'failed', '', lines)


def passed(name):
    return Case(f'generic/p_test(qat) {name}', 'passed')


class Remainders(unittest.TestCase):
    def test_nothing_is_left_of_what_ended(self):
        self.assertIsNone(conformance_lab.remainder(TESTS, [passed(name) for name in TESTS], False))

    def test_the_test_that_the_kernel_did_not_survive_and_those_after_it(self):
        self.assertEqual(conformance_lab.remainder(TESTS, [passed('a.x')], True), (1, 'a.y', ['a.z']))
        self.assertEqual(conformance_lab.remainder(TESTS, [], True), (0, 'a.x', ['a.y', 'a.z']))

    def test_death_after_the_last_test(self):
        self.assertEqual(conformance_lab.remainder(TESTS, [passed(name) for name in TESTS], True),
                         (3, '', []))

    def test_a_test_that_hangs_and_keeps_the_device(self):
        hung = failed('a.x', '# a.x: Test terminated by timeout')
        busy = failed('a.y', '# generic/dut.c:88: cannot open it by way of cdev: Invalid argument')
        self.assertEqual(conformance_lab.remainder(TESTS, [hung, busy, busy], False),
                         (1, '', ['a.y', 'a.z']))
        self.assertIsNone(conformance_lab.remainder(TESTS, [hung, passed('a.y'), busy], False))


class Units(unittest.TestCase):
    def test_a_unit_of_some_tests(self):
        unit = conformance_lab.unit_of('generic/p_test@qat', TESTS[1:])
        self.assertEqual(unit, 'generic/p_test@qat@-r@a.y@-r@a.z')
        self.assertEqual(conformance_lab.unit_of(unit, TESTS[:1]), 'generic/p_test@qat@-r@a.x')

    def test_which_unit_is_one_test(self):
        self.assertEqual(conformance_lab.test_of('generic/p_test@qat@-r@a.y'), 'a.y')
        self.assertEqual(conformance_lab.test_of('generic/p_test@qat'), '')
        self.assertEqual(conformance_lab.test_of('generic/p_test@qat@-r@a.y@-r@a.z'), '')

    def test_reports_of_one_kind(self):
        kinds = {conformance_lab.kind_of([f'BUG: KASAN: slab-use-after-free in close_fd+{at} [qat]'])
                 for at in ('0x12/0x40', '0x1a/0x44')}
        self.assertEqual(kinds, {'BUG: KASAN: slab-use-after-free in close_fd'})


if __name__ == '__main__':
    unittest.main()
