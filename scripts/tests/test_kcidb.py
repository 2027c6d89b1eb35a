# SPDX-License-Identifier: GPL-2.0-only
"""contrib/ci/kcidb.py: what it makes of results keeps to KCIDB's schema."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from typing import Any

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
KCIDB = f'{REPO}/contrib/ci/kcidb.py'
COMMIT = '0123456789' * 4

# Of version 5.3 of the schema: what is required, what else there may be, and what it looks like
ID = r'[a-z0-9_]+:[^\0]*'
TIME = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ'
TEXT = r'[^\0]*'
REQUIRED = {'checkouts': {'id', 'origin'}, 'builds': {'id', 'origin', 'checkout_id'},
            'tests': {'id', 'origin', 'build_id'}}
FIELDS = {
    'checkouts': {'id': ID, 'origin': '[a-z0-9_]+', 'tree_name': TEXT, 'git_repository_url': '(https|git)://.*',
                  'git_repository_branch': TEXT, 'git_commit_hash': '[0-9a-f]{40}', 'comment': TEXT, 'valid': bool},
    'builds': {'id': ID, 'origin': '[a-z0-9_]+', 'checkout_id': ID, 'architecture': '[a-z0-9_]*',
               'config_name': TEXT, 'compiler': TEXT, 'status': 'FAIL|ERROR|MISS|PASS|DONE|SKIP'},
    'tests': {'id': ID, 'origin': '[a-z0-9_]+', 'build_id': ID, 'path': r'[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*',
              'status': 'FAIL|ERROR|MISS|PASS|DONE|SKIP', 'comment': TEXT, 'log_excerpt': r'(?s)[^\0]{0,16384}',
              'start_time': TIME, 'duration': (int, float), 'environment': dict, 'misc': dict},
}

CASES = [
    {'name': 'kunit fsm_arc.base: STOP to RUNNING', 'status': 'passed', 'seconds': 0.25},
    {'name': 'generic/fsm_test(mtty_mig-full) fsm.cdev.go', 'status': 'failed', 'reason': 'no\0',
     'diagnostics': ['x' * 20000, 'the end']},
    {'name': 'guest', 'status': 'skipped', 'reason': 'why'},
]


def run(name: str, kernel: str | None, engine: str = 'uml') -> dict[str, Any]:
    return {'name': name, 'call': 'make check', 'kernel': kernel, 'engine': engine, 'flavour': 'sanitize',
            'seed': '1', 'seconds': 3.0, 'cases': CASES}


def wrong(told: dict[str, Any]) -> list[str]:
    """What the schema does not allow."""
    found = []
    if told.get('version') != {'major': 5, 'minor': 3}:
        found.append('version')
    if set(told) - {'version', *FIELDS}:
        found.append('fields at the top')
    for kind, fields in FIELDS.items():
        ids = [each.get('id') for each in told[kind]]
        if len(ids) != len(set(ids)):
            found.append(f'{kind}: an id twice')
        for each in told[kind]:
            found += [f'{kind}: no {name}' for name in REQUIRED[kind] - set(each)]
            for name, value in each.items():
                form = fields.get(name)
                good = (form is not None and (re.fullmatch(form, value) is not None if isinstance(form, str)
                                              and isinstance(value, str) else
                                              not isinstance(form, str) and isinstance(value, form)))
                if not good:
                    found.append(f'{kind}: {name} {value!r:.60}')
    links = {'builds': ('checkout_id', 'checkouts'), 'tests': ('build_id', 'builds')}
    for kind, (name, target) in links.items():
        if {each.get(name) for each in told[kind]} - {each['id'] for each in told[target]}:
            found.append(f'{kind}: {name} of nothing')
    return found


class Kcidb(unittest.TestCase):
    def call(self, record: Any, *words: str) -> tuple[int, str, str]:
        with tempfile.TemporaryDirectory() as folder:
            with open(f'{folder}/results.json', 'w', encoding='utf-8') as out:
                json.dump(record, out)
            done = subprocess.run([sys.executable, '-B', KCIDB, *words, f'{folder}/results.json'],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def told(self, *runs: dict[str, Any], words: tuple[str, ...] = ()) -> dict[str, Any]:
        record = {'name': 'check', 'commit': 'abc+', 'began': '2026-01-02T03:04:05Z', 'runs': list(runs),
                  'versions': {'compiler': 'gcc 12'}}
        status, output, said = self.call(record, '--origin', 'lab_1', *words)
        self.assertEqual(status, 0, said)
        told = dict(json.loads(output))
        self.assertEqual(wrong(told), [])
        return told

    def test_what_becomes_of_a_call(self) -> None:
        told = self.told(run('check/1-a', '6.12.1'), run('check/2-b', '7.3.4'), run('check/3-c', '7.3.4', 'qemu'))
        self.assertEqual([each['id'] for each in told['checkouts']], ['lab_1:linux-6.12.1', 'lab_1:linux-7.3.4'])
        self.assertEqual([each['architecture'] for each in told['builds']], ['um', 'um', 'x86_64'])
        self.assertEqual([each['status'] for each in told['tests']], ['PASS', 'FAIL', 'SKIP'] * 3)
        first, second = told['tests'][:2]
        self.assertEqual(first['path'], 'mtty_mig.kunit.fsm_arc.base_STOP_to_RUNNING')
        self.assertEqual((first['duration'], first['start_time']), (0.25, '2026-01-02T03:04:05Z'))
        self.assertEqual(second['path'], 'mtty_mig.generic.fsm_test_mtty_mig-full.fsm.cdev.go')
        self.assertTrue(second['log_excerpt'].endswith('the end'))

    def test_a_tree(self) -> None:
        told = self.told(run('kunit', '7.3.0'), words=('--tree', 'next', '--git-url', 'https://x.org/linux.git',
                                                       '--git-branch', 'master', '--git-commit', COMMIT))
        self.assertEqual(told['checkouts'][0]['git_commit_hash'], COMMIT)

    def test_what_makes_no_sense(self) -> None:
        good = {'began': '', 'runs': [run('a', '6.12.1'), run('b', '7.3.4')]}
        for record, words, said in (
                (good, ('--origin', 'A-B'), "'A-B' is not small letters"),
                (good, ('--origin', 'a', '--git-commit', 'abc'), 'the 40 digits'),
                (good, ('--origin', 'a', '--git-url', 'x.org'), 'https:// or git://'),
                (good, ('--origin', 'a', '--git-commit', COMMIT), 'of several'),
                ([1], ('--origin', 'a'), 'is no results.json')):
            status, output, told = self.call(record, *words)
            self.assertEqual((status, output), (2, ''), words)
            self.assertIn(said, told)

    def test_without_a_kernel_there_is_nothing(self) -> None:
        status, output, said = self.call({'began': '', 'runs': [run('mutants', None)]}, '--origin', 'a')
        self.assertEqual((status, output), (3, ''))
        self.assertIn('mutants names no kernel', said)

    def test_this_test_sees_what_is_wrong(self) -> None:
        good = self.told(run('kunit', '7.3.0'))
        for kind, name, value in (('tests', 'path', 'a b'), ('tests', 'status', 'OK'), ('tests', 'build_id', 'a:b'),
                                  ('builds', 'architecture', 'X'), ('checkouts', 'id', 'x'), ('tests', 'more', '')):
            told = json.loads(json.dumps(good))
            told[kind][0][name] = value
            self.assertNotEqual(wrong(told), [], name)
        for kind, names in REQUIRED.items():
            for name in names:
                told = json.loads(json.dumps(good))
                del told[kind][0][name]
                if name != 'id':
                    self.assertIn(f'{kind}: no {name}', wrong(told))
                else:
                    self.assertRaises(KeyError, wrong, told) if kind != 'tests' else self.assertTrue(wrong(told))

    def test_with_the_schema_itself(self) -> None:
        try:
            import kcidb_io  # type: ignore[import]  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest('this Python has no kcidb_io, KernelCI\'s own schema')
        kcidb_io.schema.V5_3.validate(self.told(run('kunit', '7.3.0')))


if __name__ == '__main__':
    unittest.main()
