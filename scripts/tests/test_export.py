# SPDX-License-Identifier: GPL-2.0-only
"""Results for others: JUnit XML, KTAP and JSON of one call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from typing import Any
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import export  # noqa: E402
import ktap  # noqa: E402
import report  # noqa: E402
import results  # noqa: E402

ABOUT = {'kernel': '6.12.1', 'engine': 'uml', 'flavour': 'plain', 'commit': 'abc', 'seed': '7', 'seconds': 3.25,
         'began': 1, 'ended': 1700000000, 'call': {'verb': 'check', 'KERNEL': 'lts'}, 'versions': {'Python': '3'}}
CASES = [
    {'name': 'kunit a.b', 'status': 'passed', 'seconds': 0.5},
    {'name': 'device/x_test x.y', 'status': 'failed', 'reason': 'no', 'diagnostics': ['# saw \x01 <this>']},
    {'name': 'device/x_test x.z #1', 'status': 'skipped', 'reason': 'no way\nin'},
]


def run(name: str, cases: list[dict[str, Any]], **more: Any) -> report.Run:
    return report.Run(name, {'cases': cases, 'about': ABOUT, **more})


class Export(unittest.TestCase):
    def test_json(self) -> None:
        record = export.as_record('check', 1, [run('check/1-a', CASES), run('check/2-b', CASES[:1])])
        self.assertEqual([record[name] for name in ('status', 'commit', 'passed', 'failed', 'skipped')],
                         [1, 'abc', 2, 1, 1])
        self.assertEqual((record['began'], record['ended']), ('1970-01-01T00:00:01Z', '2023-11-14T22:13:20Z'))
        first = record['runs'][0]
        self.assertEqual([first[name] for name in ('name', 'call', 'kernel', 'engine', 'flavour', 'seed', 'seconds')],
                         ['check/1-a', 'make check KERNEL=lts', '6.12.1', 'uml', 'plain', '7', 3.25])

    def test_a_report_of_the_kernel_is_a_failure(self) -> None:
        record = export.as_record('kunit', 1, [run('kunit', CASES[:1], kernel_reports=[['BUG: x', ' y']],
                                                   report_units=['kunit'])])
        self.assertEqual((record['passed'], record['failed']), (1, 1))
        self.assertEqual(record['runs'][0]['cases'][1]['reason'], 'the kernel reported, during kunit')

    def test_nothing_was_left(self) -> None:
        record = export.as_record('check', 3, [])
        self.assertEqual((record['status'], record['passed'], record['failed']), (3, 0, 1))
        self.assertIn('exit status 3', export.as_ktap(record))
        self.assertEqual(record['commit'], results.commit())
        self.assertIsNotNone(export.as_junit(record).find('.//failure'))

    def test_an_empty_part_is_no_failure(self) -> None:
        record = export.as_record('mutants', 0, [])
        self.assertEqual((record['passed'], record['failed'], record['skipped']), (0, 0, 1))

    def test_junit(self) -> None:
        record = export.as_record('check', 1, [run('check/1-a', CASES), run('check/2-b', CASES[:1])])
        top = ET.fromstring(ET.tostring(export.as_junit(record)))
        self.assertEqual(top.attrib, {'name': 'mtty-mig', 'tests': '4', 'failures': '1', 'skipped': '1'})
        first, second = top.findall('testsuite')
        self.assertEqual((first.get('tests'), first.get('failures'), first.get('time'), first.get('timestamp')),
                         ('3', '1', '3.250', '2023-11-14T22:13:20'))
        self.assertEqual(second.get('tests'), '1')
        passed, failed, skipped = first.findall('testcase')
        self.assertEqual(passed.attrib, {'classname': 'kunit', 'name': 'a.b', 'time': '0.500'})
        failure = failed.find('failure')
        assert failure is not None
        self.assertEqual((failure.get('message'), failure.text), ('no', '# saw ? <this>'))
        self.assertIsNone(failed.get('time'))
        self.assertIsNotNone(skipped.find('skipped'))
        told = {each.get('name'): each.get('value') for each in first.iter('property')}
        self.assertEqual((told['kernel'], told['commit'], told['seed']), ('6.12.1', 'abc', '7'))

    def test_ktap_is_what_our_own_parser_reads(self) -> None:
        for runs in ([run('kunit', CASES)], [run('check/1-a', CASES), run('check/2-b', CASES)]):
            parser = ktap.Parser('x')  # type: ignore[no-untyped-call]
            for line in export.as_ktap(export.as_record('check', 1, runs)).splitlines():
                parser.feed(line)  # type: ignore[no-untyped-call]
            found = parser.finish().cases  # type: ignore[no-untyped-call]
            self.assertEqual([case.status for case in found], ['passed', 'failed', 'skipped'] * len(runs))
            self.assertEqual(found[1].diagnostics[0], '# no')
            self.assertEqual(found[2].reason, 'no way in')

    def test_files(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.object(results, 'FOLDER', f'{folder}/data'), \
                    mock.patch.object(sys, 'argv', ['export.py', 'kunit', '1', f'{folder}/out']):
                os.makedirs(results.FOLDER)
                for name in ('kunit', 'check'):
                    with open(f'{results.FOLDER}/{name}.json', 'w', encoding='utf-8') as out:
                        json.dump({'cases': CASES[:2] if name == 'kunit' else CASES, 'about': ABOUT}, out)
                self.assertEqual(export.main(), 0)
            self.assertEqual(sorted(os.listdir(f'{folder}/out')), sorted(results.EXPORTED))
            with open(f'{folder}/out/results.json', encoding='utf-8') as file:
                self.assertEqual(json.load(file)['skipped'], 0, 'of this verb, not of others')
            self.assertEqual(ET.parse(f'{folder}/out/junit.xml').getroot().get('tests'), '2')

    def test_a_call_without_sense(self) -> None:
        self.assertEqual(subprocess.run([sys.executable, '-B', export.__file__], stderr=subprocess.DEVNULL,
                                        check=False).returncode, 2)


class Times(unittest.TestCase):
    def test_a_case_took_the_time_since_the_last_result(self) -> None:
        now = iter([10.0, 11.5, 14.0])
        parser = ktap.Parser('x', clock=lambda: next(now))  # type: ignore[no-untyped-call]
        for line in ('TAP version 13', '1..2', 'ok 1 a', 'ok 2 b'):
            parser.feed(line)  # type: ignore[no-untyped-call]
        cases = parser.finish().cases  # type: ignore[no-untyped-call]
        self.assertEqual([case.as_dict()['seconds'] for case in cases], [1.5, 2.5])

    def test_nobody_measured(self) -> None:
        parser = ktap.Parser('x')  # type: ignore[no-untyped-call]
        for line in ('TAP version 13', '1..1', 'ok 1 a'):
            parser.feed(line)  # type: ignore[no-untyped-call]
        self.assertNotIn('seconds', parser.finish().cases[0].as_dict())  # type: ignore[no-untyped-call]


if __name__ == '__main__':
    unittest.main()
