# SPDX-License-Identifier: GPL-2.0-only
"""Workers: what comes back from them, and that they end, whatever they are at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest
from typing import Any, Callable
from unittest import mock

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path.insert(0, SCRIPTS)
import workers  # noqa: E402


def doing(work: Callable[[Any], Any]) -> Callable[[int], Callable[[Any], Any]]:
    return lambda number: work


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Results(unittest.TestCase):
    def test_each_job_once(self) -> None:
        with workers.Workers(3, doing(lambda job: job * job)) as crew:
            self.assertEqual(sorted(crew.results(range(100))), [n * n for n in range(100)])
            self.assertEqual(list(crew.results([])), [])
            self.assertEqual(list(crew.results([7])), [49])

    def test_as_they_come(self) -> None:
        read, write = os.pipe()

        def work(job: str) -> str:
            if job == 'first':
                os.read(read, 1)
            return job
        with workers.Workers(2, doing(work)) as crew:
            results = crew.results(['first', 'second'])
            self.assertEqual(next(results), 'second')
            os.write(write, b'x')
            self.assertEqual(list(results), ['first'])
        os.close(read)
        os.close(write)

    def test_side_by_side(self) -> None:
        with workers.Workers(3, lambda number: lambda job: (number, time.sleep(0.1))) as crew:
            self.assertEqual({number for number, _ in crew.results(range(6))}, {0, 1, 2})

    def test_what_is_raised_comes_here(self) -> None:
        def work(job: int) -> int:
            if job == 2:
                raise FileNotFoundError(2, 'no file', 'name')
            return job
        with self.assertRaises(FileNotFoundError) as caught, \
                workers.Workers(1, doing(work)) as crew:
            list(crew.results(range(9)))
        self.assertIn('in work', str(caught.exception.__cause__))

    def test_one_that_cannot_begin(self) -> None:
        def begin(number: int) -> Callable[[Any], Any]:
            raise OSError(28, 'no space')
        with self.assertRaises(OSError), workers.Workers(2, begin) as crew:
            list(crew.results(range(9)))

    def test_one_that_dies(self) -> None:
        def work(job: int) -> int:
            if job == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return job
        with self.assertRaisesRegex(workers.WorkerDied, 'status -9'), \
                workers.Workers(2, doing(work)) as crew:
            list(crew.results(range(9)))


class Ends(unittest.TestCase):
    """Whoever closes them goes on, none is left, and none had to be killed."""

    def setUp(self) -> None:
        # A slow machine is no mistake.
        patched = mock.patch.object(workers, 'GRACE', 600)
        patched.start()
        self.addCleanup(patched.stop)

    def closed(self, work: Callable[[Any], Any], jobs: list[Any], taken: int,
               pause: float = 0) -> None:
        with workers.Workers(4, doing(work)) as crew:
            processes = [worker.process for worker in crew._workers]
            results = crew.results(jobs)
            for _ in range(taken):
                next(results)
            time.sleep(pause)
        self.assertLessEqual({process.exitcode for process in processes}, {0, 143})

    def test_at_work(self) -> None:
        self.closed(lambda job: time.sleep(job), [0, 0, 0, 0, 1000, 1000], 1)

    def test_with_more_to_tell_than_a_pipe_takes(self) -> None:
        """The moment in which a pool's worker holds the lock of the queue."""
        for turn in range(20):
            with self.subTest(turn):
                self.closed(lambda job: b'x' * (1 << 22), list(range(20)), turn % 3, 0.01)

    def test_in_the_middle_of_anything(self) -> None:
        for turn in range(20):
            with self.subTest(turn):
                self.closed(lambda job: b'x' * 5000, list(range(1000)), 10 * turn)

    def test_way_through_finally(self) -> None:
        """A guest would be killed there."""
        read, write = os.pipe()

        def work(job: int) -> None:
            try:
                os.write(write, b'b')
                time.sleep(1000)
            finally:
                os.write(write, b'e')
        with workers.Workers(1, doing(work)) as crew, self.assertRaises(ZeroDivisionError):
            with crew:
                crew._workers[0].give(1)
                self.assertEqual(os.read(read, 1), b'b')
                raise ZeroDivisionError
        self.assertEqual(os.read(read, 1), b'e')
        os.close(read)
        os.close(write)

    def test_one_that_does_not_heed_it(self) -> None:
        read, write = os.pipe()

        def work(job: int) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(write, b'b')
            time.sleep(1000)
        with mock.patch.object(workers, 'GRACE', 0.2), workers.Workers(1, doing(work)) as crew:
            pid = crew._workers[0].process.pid
            crew._workers[0].give(1)
            os.read(read, 1)
        self.assertFalse(pid and alive(pid))
        os.close(read)
        os.close(write)

    def test_with_a_parent_that_was_killed(self) -> None:
        """Those that wait for a job: they see that nobody is there any more."""
        code = ('import time, workers\n'
                'crew = workers.Workers(3, lambda number: lambda job: job)\n'
                'print(*(worker.process.pid for worker in crew._workers), flush=True)\n'
                'time.sleep(1000)\n')
        with subprocess.Popen([sys.executable, '-B', '-c', code], cwd=SCRIPTS,
                              stdout=subprocess.PIPE, encoding='ascii') as parent:
            assert parent.stdout
            pids = [int(word) for word in parent.stdout.readline().split()]
            self.assertEqual(len(pids), 3)
            parent.kill()
            # They have its stdout: this is when the last of them has gone.
            self.assertEqual(parent.stdout.read(), '')


if __name__ == '__main__':
    unittest.main()
