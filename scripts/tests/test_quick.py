# SPDX-License-Identifier: GPL-2.0-only
"""make quick runs what finds most."""

import glob
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import values  # noqa: E402

REPO = values.REPO


def quick_tests() -> list[str]:
    return values.output('make', '-s', '--no-print-directory', '-C', f'{REPO}/selftests', 'list-quick')


class Quick(unittest.TestCase):

    def test_each_program_is_a_test(self) -> None:
        self.assertEqual(sorted(set(quick_tests()) - set(values.selftests())), [])

    def test_it_would_have_killed_two_of_three_mutants(self) -> None:
        quick = set(quick_tests())
        killers = []
        for path in glob.glob(f'{REPO}/selftests/mutants/*.patch'):
            found = re.search(r'^Killed-by: (.*(?:\n .*)*)', values.read(path), re.M)
            killers.append(set(re.split(r'[,\s]+', found[1].strip())) if found else set())
        killed = [names for names in killers
                  if names & quick or any(name.startswith('kunit') for name in names)]
        self.assertGreaterEqual(len(killed), len(killers) * 2 / 3)


if __name__ == '__main__':
    unittest.main()
