# SPDX-License-Identifier: GPL-2.0-only
"""make drivers: what is compared, and what is recorded."""

import glob
import json
import os
import sys
import tempfile
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(TOP, 'scripts'))

import drivers  # pylint: disable=wrong-import-position
import hunt     # pylint: disable=wrong-import-position
import rules as catalogue  # pylint: disable=wrong-import-position


def verdicts(failures=(), **rules):
    return {'rules': {name.replace('_', '-'): word for name, word in rules.items()},
            'failures': list(failures), 'programs': []}


class Differences(unittest.TestCase):

    def test_none(self):
        self.assertEqual(drivers.differences(verdicts(A='pass'), verdicts(A='pass')), [])

    def test_both_directions(self):
        self.assertEqual(drivers.differences(verdicts(A='FAIL', B='pass'), verdicts(A='pass', B='FAIL')),
                         ['A: FAIL, recorded: pass', 'B: pass, recorded: FAIL'])

    def test_a_rule_that_is_not_judged_any_more(self):
        self.assertEqual(drivers.differences(verdicts(), verdicts(A='pass')),
                         ['A: not judged, recorded: pass'])

    def test_a_rule_is_missing_only_if_all_have_run(self):
        self.assertEqual(drivers.differences(verdicts(), verdicts(A='pass'), whole=False), [])

    def test_failures_without_a_rule(self):
        self.assertEqual(drivers.differences(verdicts(['x']), verdicts(['y'])),
                         ['new failure: x', 'fails no more: y'])


class Records(unittest.TestCase):

    def test_a_violated_rule_is_compared_test_by_test(self):
        then = {**verdicts(A='FAIL', B='pass'), 'tests': {'A': ['x', 'y']}}
        now = {**verdicts(A='FAIL', B='FAIL'), 'tests': {'A': ['y', 'z'], 'B': ['x']}}
        self.assertEqual(drivers.differences(now, then),
                         ['A: FAIL in z, too', 'A: FAIL no more in x', 'B: FAIL, recorded: pass'])

    def test_a_run_of_some_programs(self):
        then = {**verdicts(A='FAIL', B='pass', C='FAIL', D='skip', E='FAIL'),
                'tests': {'A': ['p x', 'p y', 'q z'], 'C': ['q x'], 'E': ['p x']}}
        now = {**verdicts(A='FAIL', B='pass', C='pass', D='pass', E='pass'),
               'tests': {'A': ['p x', 'p w']}, 'programs': ['p']}
        self.assertEqual(drivers.differences(now, then, whole=False),
                         ['A: FAIL in p w, too', 'A: FAIL no more in p y', 'E: pass, recorded: FAIL'])
        now = {**verdicts(B='FAIL'), 'tests': {'B': ['p x']}, 'programs': ['p']}
        self.assertEqual(drivers.differences(now, then, whole=False), ['B: FAIL, recorded: pass'])

    def test_what_was_recorded_as_by_chance_is_not_compared(self):
        first = {**verdicts(['x'], A='FAIL', B='pass', C='pass'), 'tests': {'A': ['t']}}
        second = {**verdicts(A='FAIL', B='FAIL', C='pass'), 'tests': {'A': ['u'], 'B': ['t']}}
        both = drivers.merged(second, first)
        self.assertEqual(both['by chance'], ['A t', 'A u', 'B', 'x'])
        self.assertEqual(both['rules'], {'A': 'FAIL', 'B': 'FAIL', 'C': 'pass'})
        self.assertEqual(both['failures'], ['x'])
        for run in (first, second):
            self.assertEqual(drivers.differences(run, both), [])
            self.assertEqual(drivers.merged(run, both), both)
        third = {**verdicts(A='FAIL', B='FAIL', C='FAIL'), 'tests': {'A': ['v'], 'C': ['t']}}
        self.assertEqual(drivers.differences(third, both),
                         ['A: FAIL in v, too', 'C: FAIL, recorded: pass'])

    def test_a_new_rule_is_not_by_chance(self):
        then = {**verdicts(A='FAIL'), 'tests': {'A': ['t']}}
        now = {**verdicts(A='FAIL', B='FAIL'), 'tests': {'A': ['t'], 'B': ['u']}}
        both = drivers.merged(now, then)
        self.assertEqual(both['by chance'], [])
        self.assertEqual(both['rules'], {'A': 'FAIL', 'B': 'FAIL'})
        self.assertEqual(both['tests'], {'A': ['t'], 'B': ['u']})

    def test_some_tests_add_new_rules_only(self):
        then = {**verdicts(['x'], A='FAIL', C='skip'), 'tests': {'A': ['t']}, 'by chance': ['A t']}
        now = {**verdicts(['y'], A='pass', B='FAIL', D='pass'), 'tests': {'B': ['u']}}
        self.assertEqual(drivers.extended(now, then), {
            **then, 'rules': {'A': 'FAIL', 'B': 'FAIL', 'C': 'skip', 'D': 'pass'},
            'tests': {'A': ['t'], 'B': ['u']}})
        self.assertEqual(then['rules'], {'A': 'FAIL', 'C': 'skip'})

    def test_what_differs_by_chance_is_no_sign_of_a_mistake(self):
        base = [verdicts(A='pass', B='FAIL'), verdicts(A='FAIL', B='FAIL')]
        self.assertEqual(drivers.signs(verdicts(A='FAIL', B='FAIL'), base), [])
        self.assertEqual(drivers.signs(verdicts(A='skip', B='pass'), base),
                         ['A: skip, recorded: pass', 'B: pass, recorded: FAIL'])
        self.assertEqual(drivers.signs(verdicts(['x'], A='pass', B='FAIL'), base[:1]),
                         ['new failure: x'])

    def test_another_report_of_the_kernel_is_a_sign(self):
        def reported(*lines):
            return drivers.verdicts_of({'rules': [], 'programs': [], 'nameless': [['p', 'reported']],
                                        'traces': [['p', list(lines)]]})
        base = [reported('UBSAN: shift-out-of-bounds in a.h:57', 'CPU: 0 PID: 64')]
        self.assertEqual(drivers.signs(reported('UBSAN: shift-out-of-bounds in a.h:58', 'CPU: 1 PID: 65'), base), [])
        self.assertEqual(drivers.signs(reported('UBSAN: shift-out-of-bounds in a.h:57', 'WARNING: CPU: 0 at f+0x1/0x2'), base),
                         ['the kernel, during p: WARNING: CPU:  at f'])

    def test_the_index_has_the_table_of_what_is_recorded(self):
        with open(f'{drivers.RECORDS}/index.rst', encoding='utf-8') as file:
            text = file.read()
        self.assertEqual(drivers.index_with(text, drivers.table_of_records()), text,
                         'call scripts/drivers.py tables')

    def test_each_driver_has_a_page_and_a_description(self):
        for name, about in drivers.standins().items():
            with self.subTest(name):
                self.assertTrue(os.path.exists(f'{drivers.RECORDS}/{name}.rst'))
                # A driver of somebody's own need not ask for a symbol.
                own = about['source'].startswith('/')
                for key in ('description', 'module', 'driver', 'source', *(() if own else ('config',))):
                    self.assertIn(key, about)

    def test_each_mutant_has_a_subject_and_a_patch_of_its_driver(self):
        for name, about in drivers.standins().items():
            folder = f'{drivers.STANDINS}/{name}/mutants'
            for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                with self.subTest(f'{name} {file}'):
                    mutant = hunt.Mutant.read(f'{folder}/{file}')
                    self.assertTrue(mutant.subject)
                    with open(mutant.path, encoding='utf-8') as patch:
                        self.assertIn(f'\n--- a/{about["source"]}/', patch.read())

    def test_each_mutant_says_what_is_expected_to_notice_it(self):
        project = catalogue.Project(drivers.REPO)
        judged = {(program if '/' in program else f'generic/{program}'): {rule for ids in tests.values() for rule in ids}
                  for program, tests in project.sources.tests.items()}
        for path in sorted(glob.glob(f'{drivers.STANDINS}/*/mutants/*.patch')):
            with self.subTest(path[len(drivers.STANDINS) + 1:]):
                mutant = hunt.Mutant.read(path)
                self.assertNotEqual(bool(mutant.killed_by), bool(mutant.survives),
                                    'it has Killed-by or Survives, and not both')
                self.assertLessEqual({mutant.rule} - {''}, set(project.rules))
                if mutant.killed_by:
                    self.assertIn(mutant.killed_by, judged)
                    if mutant.rule:
                        self.assertIn(mutant.rule, judged[mutant.killed_by])

    def test_versions(self):
        self.assertEqual(drivers.version('6.12.117'), (6, 12))
        self.assertLess(drivers.version('6.9'), drivers.version('6.13'))


class Driver(drivers.Prey):
    """One that comes to these verdicts, look by look: as it is, and with a mistake."""

    def __init__(self, as_it_is, mutated):
        super().__init__('any', 'lts', 'log')
        self.results = {'as it is': as_it_is, 'mutated': mutated}
        self.ran = []

    def run(self, look, name, *more):
        which = 'mutated' if more else 'as it is'
        self.ran.append((look.programs, look.rule, which))
        results = self.results[which].get(look.programs, [verdicts(A='pass')])
        return results.pop(0) if results[1:] else results[0]


class Looks(unittest.TestCase):
    MUTANT = hunt.Mutant('name', 'path', 'subject', 'generic/x_test', '', [], rule='MIG-A-01')

    def test_what_is_expected_to_notice_it_is_first(self):
        driver = Driver({}, {'generic/x_test': [verdicts(A='FAIL')]})
        self.assertEqual(driver.signs_of(self.MUTANT), ['A: FAIL, recorded: pass'])
        self.assertEqual(driver.ran, [('generic/x_test', 'MIG-A-01', which)
                                      for which in ('mutated', 'as it is', 'as it is')])

    def test_all_look_if_that_does_not(self):
        driver = Driver({}, {drivers.STAGES[1]: [verdicts(A='FAIL')]})
        self.assertTrue(driver.signs_of(self.MUTANT))
        self.assertEqual([ran[0] for ran in driver.ran if ran[2] == 'mutated'],
                         ['generic/x_test', *drivers.STAGES[:2]])
        self.assertEqual({ran[1] for ran in driver.ran if ran[0] in drivers.STAGES}, {''})

    def test_nothing_notices_it(self):
        self.assertEqual(Driver({}, {}).signs_of(self.MUTANT), [])

    def test_what_differs_from_one_run_of_two_is_no_sign(self):
        fails, passes = verdicts(A='FAIL'), verdicts(A='pass')
        driver = Driver({'generic/x_test': [passes, fails]}, {'generic/x_test': [fails]})
        self.assertEqual(driver.signs_of(self.MUTANT), [])

    def test_the_driver_as_it_is_runs_once_for_all_mutants(self):
        driver = Driver({}, {'generic/x_test': [verdicts(A='FAIL')]})
        driver.signs_of(self.MUTANT)
        driver.signs_of(self.MUTANT)
        self.assertEqual([ran[2] for ran in driver.ran].count('as it is'), drivers.BASE_RUNS)

    def test_a_header(self):
        with tempfile.NamedTemporaryFile('w', suffix='.patch') as file:
            file.write('Subject: s\nRules: MIG-A-01 MIG-B-02\nKilled-by: generic/x_test\n\n--- a/f\n')
            file.flush()
            self.assertEqual(drivers.looks(hunt.Mutant.read(file.name)),
                             [drivers.Look('generic/x_test', 'MIG-A-01'), *map(drivers.Look, drivers.STAGES)])


class Pages(unittest.TestCase):
    def test_each_violation_that_is_recorded_is_on_its_page(self):
        for record in glob.glob(f'{drivers.RECORDS}/*.json'):
            with open(record, encoding='utf-8') as file:
                recorded = json.load(file)
            for driver, found in recorded.items():
                with open(f'{drivers.RECORDS}/{driver}.rst', encoding='utf-8') as file:
                    page = file.read()
                for rule, word in found['rules'].items():
                    if word == 'FAIL':
                        with self.subTest(record=os.path.basename(record), driver=driver, rule=rule):
                            self.assertTrue(rule in page, f'{driver}.rst does not name it')


if __name__ == '__main__':
    unittest.main()
