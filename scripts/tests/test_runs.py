# SPDX-License-Identifier: GPL-2.0-only
"""make check: the output of a run, and that it is over when the run is."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path.insert(0, SCRIPTS)
import runs  # noqa: E402


class Follow(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.log = f'{place.name}/log'

    def follow(self, script: str, show: bool = False) -> tuple[int, list[str]]:
        return runs.follow(['sh', '-c', script], self.log, show)

    def test_lines(self) -> None:
        self.assertEqual(self.follow('echo a; echo; printf "b\\303"; exit 3'),
                         (3, ['a', '', 'b']))
        self.assertEqual(self.follow('true'), (0, []))
        self.assertEqual(len(self.follow('seq 100000')[1]), 100000)

    def test_log_and_user(self) -> None:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            self.follow('echo a; echo b >&2', show=True)
        with open(self.log, encoding='utf-8') as file:
            self.assertEqual(file.read(), 'a\nb\n')
        self.assertEqual(shown.getvalue(), 'a\nb\n')

    def test_something_that_is_left_behind(self) -> None:
        status, lines = self.follow('sleep 3000 & echo $!; exit 1')
        # It is still there.
        os.kill(int(lines[0]), signal.SIGKILL)
        self.assertEqual(status, 1)

    def test_interrupted(self) -> None:
        """What it runs ends with it."""
        code = ('import sys, signal, runs\n'
                'signal.signal(signal.SIGTERM, runs.interrupted)\n'
                'runs.follow(["sh", "-c", "echo $$; exec sleep 1000"], sys.argv[1], True)\n')
        with subprocess.Popen([sys.executable, '-B', '-c', code, self.log], cwd=SCRIPTS,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout
            pid = int(process.stdout.readline())
            process.terminate()
            process.wait(600)
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)


if __name__ == '__main__':
    unittest.main()
