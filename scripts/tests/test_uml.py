# SPDX-License-Identifier: GPL-2.0-only
"""Where the memory of the guests goes when others have claimed theirs."""

import collections
import fcntl
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab.engines import uml  # noqa: E402

Usage = collections.namedtuple('Usage', 'total used free')


class Memory(unittest.TestCase):
    """A /dev/shm of 4000 MB, of which 3800 are free; nothing anywhere else"""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.runs = place.name
        usage = mock.patch('shutil.disk_usage', lambda path: Usage(
            4000 << 20, 200 << 20, 3800 << 20) if path == '/dev/shm' else Usage(0, 0, 0))
        usage.start()
        self.addCleanup(usage.stop)

    def run_of(self, name, alive=True):
        run = f'{self.runs}/{name}'
        os.mkdir(run)
        lock = open(f'{run}/.in-use', 'w', encoding='utf-8')
        self.addCleanup(lock.close)
        if alive:
            fcntl.flock(lock, fcntl.LOCK_EX)
        return run

    def takes(self, run, megabytes):
        return uml.memory_dir(self.runs, run, megabytes) == '/dev/shm'

    def refused(self, run, megabytes):
        with self.assertRaises(uml.NoPlace):
            uml.memory_dir(self.runs, run, megabytes)

    def test_alone(self):
        self.assertTrue(self.takes(self.run_of('one'), 3800))
        self.refused(self.run_of('two'), 3801)

    def test_beside_another(self):
        self.assertTrue(self.takes(self.run_of('one'), 2200))
        two = self.run_of('two')
        self.refused(two, 1801)
        self.assertTrue(self.takes(two, 1800))

    def test_beside_one_that_died(self):
        self.takes(self.run_of('one', alive=False), 2200)
        self.assertTrue(self.takes(self.run_of('two'), 2200))

    def test_again(self):
        one = self.run_of('one')
        self.takes(one, 2000)
        self.takes(one, 1000)
        self.assertTrue(self.takes(one, 2200))
        # The most that it has asked for
        self.refused(self.run_of('two'), 1801)

    def test_beside_guests_of_the_same_run(self):
        one = self.run_of('one')
        for number in ('0', '1'):
            os.mkdir(f'{one}/{number}')
        self.assertTrue(self.takes(f'{one}/0', 2200))
        self.refused(f'{one}/1', 1801)
        self.refused(self.run_of('two'), 1801)


if __name__ == '__main__':
    unittest.main()
