# SPDX-License-Identifier: GPL-2.0-only
"""SHARD=I/N: the parts are disjoint, and together all there is."""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import os
import sys
import unittest
from typing import Any, Iterator
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import drivers  # noqa: E402
import guest  # noqa: E402
import hunt  # noqa: E402
import runs  # noqa: E402
import shard  # noqa: E402
from lab.registry import every, find, takes  # noqa: E402

PARTS = (1, 2, 3, 7, 40)


def parts(number: int) -> list[str]:
    return [f'{each}/{number}' for each in range(1, number + 1)]


class Shard(unittest.TestCase):
    def same(self, whole: list[Any], found: list[Any]) -> None:
        """All of it, each once, in any order."""
        self.assertEqual(len(found), len(whole))
        self.assertEqual(sorted(map(str, found)), sorted(map(str, whole)))

    @contextlib.contextmanager
    def asked(self, part: str) -> Iterator[None]:
        with mock.patch.dict(os.environ, {shard.NAME: part}), contextlib.redirect_stdout(io.StringIO()):
            yield

    def test_disjoint_and_complete(self) -> None:
        for size in (0, 1, 5, 23):
            for number in PARTS:
                with self.subTest(size=size, parts=number):
                    shares = [shard.share(range(size), part) for part in parts(number)]
                    self.same(list(range(size)), [each for share in shares for each in share])
                    sizes = [len(share) for share in shares]
                    self.assertLessEqual(max(sizes) - min(sizes), 1)

    def test_without_it_all(self) -> None:
        self.assertEqual(shard.share('abc', ''), ['a', 'b', 'c'])

    def test_no_verb_in_a_verb_sees_it(self) -> None:
        with self.asked('1/2'):
            self.assertEqual(shard.take(), '1/2')
            self.assertNotIn(shard.NAME, os.environ)

    def test_the_units_of_check(self) -> None:
        whole = ['kunit', *(f'generic/{n}' for n in range(9)), 'fuzz=a', 'rules=b']
        for number in PARTS:
            found: list[str] = []

            def main(self: guest.Check, found: list[str] = found) -> int:
                found += [*(['kunit'] if self.args.kunit else []), *self.args.tests, *self.args.host]
                return 0
            with mock.patch.object(guest.Check, '__init__', lambda self, args: setattr(self, 'args', args)), \
                    mock.patch.object(guest.Check, 'main', main):
                for part in parts(number):
                    with self.asked(part):
                        self.assertEqual(guest.check(argparse.Namespace(
                            kunit=True, tests=whole[1:10], host=whole[10:])), 0)
            self.same(whole, found)

    def test_the_runs_of_check_all(self) -> None:
        for number in PARTS:
            whole, split = [], []
            for part in parts(number):
                for run in runs.parted(copy.deepcopy(runs.RUNS), part):
                    if run.variables.get('SHARD'):
                        self.assertIn('SHARD', takes(find(run.verb)))
                        self.assertEqual(run.variables['SHARD'], part)
                        split.append(f'{run.name} {part}')
                    else:
                        whole.append(run.name)
            can = [run.name for run in runs.RUNS if 'SHARD' in takes(find(run.verb))]
            self.same([run.name for run in runs.RUNS if run.name not in can], whole)
            self.same([f'{name} {part}' for name in can for part in parts(number)], split)
            self.assertIn('mutants', can)

    def test_mutants_of_drivers(self) -> None:
        names = {driver: hunt.read_all(f'{drivers.STANDINS}/{driver}/mutants') for driver in ('qat', 'xe')}
        whole = [f'{driver} {mutant.name}' for driver, mutants in names.items() for mutant in mutants]
        self.assertGreater(len(whole), 3)
        for number in (1, 3):
            found: list[str] = []

            def look(driver: str, mutants: list[hunt.Mutant], _signs: object, found: list[str] = found
                     ) -> list[object]:
                found += [f'{driver} {mutant.name}' for mutant in mutants]
                return []
            with mock.patch.object(hunt, 'hunt', look):
                for part in parts(number):
                    drivers.hunt_all(['qat', 'xe'], 'lts', '', 'logs', part)
            self.same(whole, found)

    def test_an_empty_part_is_done(self) -> None:
        with self.asked('3/3'), contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(guest.check(argparse.Namespace(kunit=True, tests=['a'], host=[])), 0)
        self.assertEqual(out.getvalue().splitlines()[-1], '0 passed, 0 failed, 0 skipped')
        self.assertIn('nothing for SHARD=3/3', out.getvalue())

    def test_whoever_takes_it_asks_for_it(self) -> None:
        """A verb that takes SHARD= and does all of it would be done N times."""
        self.assertEqual({verb.name for verb in every() if 'SHARD' in takes(verb)},
                         {'check', 'check-all', 'selftests', 'conformance', 'mutants', 'drivers', 'interop'})


if __name__ == '__main__':
    unittest.main()
