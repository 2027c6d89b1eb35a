# SPDX-License-Identifier: GPL-2.0-only
"""Where verbs leave their results."""

import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import results  # noqa: E402


class Results(unittest.TestCase):
    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.enterContext(mock.patch.object(results, 'FOLDER', f'{self.folder.name}/data'))

    def prepare(self, verb: str, **values: str) -> dict[str, str]:
        environment: dict[str, str] = {}
        self.assertTrue(results.prepare(verb, values, environment))
        return environment

    def leave(self, environment: dict[str, str]) -> None:
        with mock.patch.dict(os.environ, environment):
            results.leave({'cases': []}, 3.5)

    def found(self) -> dict[str, dict[str, object]]:
        """What was left, by the names of the files."""
        found = {}
        for folder, _, names in os.walk(results.FOLDER):
            for name in names:
                with open(f'{folder}/{name}', encoding='utf-8') as file:
                    found[os.path.relpath(f'{folder}/{name}', results.FOLDER)] = json.load(file)
        return found

    def test_what_is_left(self) -> None:
        environment = self.prepare('check', KERNEL='lts', TEST='')
        self.assertFalse(results.left(environment[results.VARIABLE]))
        environment[results.SYSTEM] = '6.12.1 uml plain'
        self.leave(environment)
        self.assertTrue(results.left(environment[results.VARIABLE]))
        about = self.found()['check.json']['about']
        assert isinstance(about, dict)
        self.assertEqual(about['call'], {'verb': 'check', 'KERNEL': 'lts'})
        self.assertEqual([about[name] for name in ('kernel', 'engine', 'flavour', 'seconds')],
                         ['6.12.1', 'uml', 'plain', 3.5])
        self.assertLessEqual({'machine', 'Python', 'mtty-mig'}, set(about['versions']))

    def test_what_was_left_before_goes(self) -> None:
        self.leave(self.prepare('check'))
        os.mkdir(f'{results.FOLDER}/check')
        environment = self.prepare('check')
        self.assertFalse(results.left(environment[results.VARIABLE]))
        self.assertEqual(os.listdir(results.FOLDER), [])

    def test_what_an_earlier_call_has_exported_goes(self) -> None:
        folder = f'{self.folder.name}/results'
        os.mkdir(folder)
        for name in (*results.EXPORTED, 'mine'):
            with open(f'{folder}/{name}', 'w', encoding='utf-8'):
                pass
        self.prepare('check', RESULTS=folder)
        self.assertEqual(os.listdir(folder), ['mine'])

    def test_another_verb_has_its_own(self) -> None:
        self.leave(self.prepare('kunit'))
        self.leave(self.prepare('conformance', DRIVER='qat'))
        self.leave(self.prepare('conformance', DRIVER='xe'))
        self.leave(self.prepare('mutants', DRIVER='qat xe'))
        self.assertEqual(set(self.found()), {'kunit.json', 'conformance-qat.json', 'conformance-xe.json',
                                             'mutants-qat-xe.json'})

    def test_a_verb_in_a_verb_leaves_nothing(self) -> None:
        environment = {results.VARIABLE: f'{results.FOLDER}/mutants'}
        self.assertFalse(results.prepare('selftests', {}, environment))
        self.leave(environment)
        self.assertEqual(self.found(), {})

    def test_a_row_of_check_does(self) -> None:
        environment = {results.VARIABLE: f'{results.FOLDER}/check/1-a', results.ROW: '1'}
        self.assertFalse(results.prepare('selftests', {}, environment))
        self.assertNotIn(results.ROW, environment)
        self.leave(environment)
        self.assertEqual(set(self.found()), {'check/1-a.json'})

    def test_the_closing_line(self) -> None:
        with mock.patch.dict(os.environ):
            os.environ.pop(results.REPORT, None)
            self.assertEqual(results.closing('1 passed', True), '1 passed')
        began = self.prepare('check')
        with mock.patch.dict(os.environ, began), \
                mock.patch('time.time', lambda: float(began[results.BEGAN]) + 75):
            self.assertRegex(results.closing('1 passed', True), '^1 passed: passed in 1 min 15 s, report: .*index.html$')
            self.assertIn(': FAILED in ', results.closing('1 passed', False))

    def test_only_the_verb_of_the_user_names_the_report(self) -> None:
        environment = self.prepare('check')
        environment[results.ROW] = '1'
        results.prepare('kunit', {}, environment)
        self.assertNotIn(results.REPORT, environment)

    def test_nobody_wants_any(self) -> None:
        with mock.patch.dict(os.environ):
            os.environ.pop(results.VARIABLE, None)
            results.leave({'cases': []})
        self.assertEqual(self.found(), {})


if __name__ == '__main__':
    unittest.main()
