# SPDX-License-Identifier: GPL-2.0-only
"""What the report is told of tests beside their results."""

import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import details  # noqa: E402
import ktap  # noqa: E402

CATALOGUE = {
    'rules': {rule: {'level': 'must', 'summary': 'S'} for rule in ('MIG-A-01', 'MIG-A-02')},
    'tests': {'x_test': {'x.one': ['MIG-A-01'], 'x.two': ['MIG-A-02']},
              'standins/y_test': {'y.one': ['MIG-A-01']}},
}


def case(name: str, status: str, *lines: str) -> ktap.Case:
    return ktap.Case(name, status, diagnostics=lines)


class Details(unittest.TestCase):
    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.folder = self.tmp.name

    def test_rules_by_device(self) -> None:
        kept = case('generic/x_test(p2p) x.cdev.one', 'passed', '# judged: MIG-A-01')
        broken = case('generic/x_test(full) SEED=4 x.cdev.one', 'failed',
                      '# a.c:1:one:MIG-A-01 violated: expected a, seen b', '# judged: MIG-A-01')
        with mock.patch.object(details, 'catalogue', lambda: CATALOGUE):
            found = details.by_device([
                ('generic/x_test@p2p', [kept, case('generic/x_test(p2p) x.cdev.two', 'skipped')]),
                ('generic/x_test@full%4', [broken]),
                ('standins/y_test@qat', [case('standins/y_test(qat) y.one', 'passed', '# judged: MIG-A-01')]),
                ('device/z_test', [case('device/z_test z.one', 'failed')])])
        self.assertEqual(found, {'p2p': {'MIG-A-01': 'pass', 'MIG-A-02': 'skip'}, 'full': {'MIG-A-01': 'FAIL'},
                                 'qat': {'MIG-A-01': 'pass'}})

    def test_the_catalogue_is_that_of_the_sources(self) -> None:
        found = details.catalogue()
        self.assertEqual(list(found['rules']), list(details.sentences()))
        self.assertIn('fsm_test', found['tests'])

    def test_without_generic_programs_no_catalogue_is_needed(self) -> None:
        self.assertEqual(details.by_device([('kunit', []), ('device/z_test', [])]), {})

    def test_a_rule_has_its_sentence(self) -> None:
        rule, text = next(iter(details.sentences().items()))
        lines = [f'# a.c:1:one:{name} violated: expected a, seen b' for name in (rule, rule, 'MIG-NO-99')]
        self.assertEqual(details.rule_lines(case('x', 'failed', *lines, f'# judged: {rule}')),
                         [f'{rule}: {text}', 'MIG-NO-99: is in no catalogue'])

    def test_arcs(self) -> None:
        self.assertEqual(details.arcs([
            ('generic/x_test@full', [case('a', 'passed', '# judged: X', '# arcs: STOP>RUNNING 3 1, A>B 0 2'),
                                     case('b', 'failed', '# arcs: STOP>RUNNING 1 5')]),
            ('device/z_test', [case('c', 'passed', '# arcs: A>B 1 0', '# none')])]),
            {'full': {'STOP>RUNNING': [4, 6, 5], 'A>B': [0, 2, 0]}, 'mtty_mig': {'A>B': [1, 0, 0]}})

    def test_the_kernels_words(self) -> None:
        name = f'{self.folder}/log'
        with open(name, 'w', encoding='utf-8') as out:
            out.write('boot\n--- begin a\nof a\n--- end 0\nbetween\n--- begin b@x@-r@y\n'
                      + ''.join(f'{n}\n' for n in range(99)) + '--- begin c\nof c\n')
        found = details.words({name: ['b@x@-r@y@z', 'c'], f'{self.folder}/none': ['a']})
        self.assertEqual(found, {'b@x@-r@y@z': [str(n) for n in range(99 - details.LAST, 99)], 'c': ['of c']})


if __name__ == '__main__':
    unittest.main()
