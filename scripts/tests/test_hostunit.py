# SPDX-License-Identifier: GPL-2.0-only
"""Programs on the host: however one ends, its unit has a verdict."""

import contextlib
import io
import os
import shlex
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import hostunit  # noqa: E402
import ktap  # noqa: E402
import machine  # noqa: E402

TWO = "printf '1..2\\nok 1 a\\nok 2 b\\n'"


class Check:
    """What guest.py's Check is to a unit."""

    def __init__(self, short=False):
        self.cases = []
        self.took = []
        self.short = short

    def result(self, unit, cases):
        self.cases += cases
        return f'result of {unit}'

    def write(self, lines):
        print('\n'.join(lines))


def run(*scripts, timeout=100, short=False):
    """All at once; their cases, and what was shown."""
    check = Check(short)
    units = [hostunit.HostUnit(check, f'u{n}=sh -c {shlex.quote(script)}', timeout)
             for n, script in enumerate(scripts)]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        for unit in units:
            unit.start()
        machine.watch(units)
    return check.cases, shown.getvalue()


class HostUnit(unittest.TestCase):
    def reasons(self, *scripts, **more):
        cases, _ = run(*scripts, **more)
        return [f'{case.name}: {case.reason}' for case in cases if case.status == 'failed']

    def test_passes(self):
        cases, shown = run(f'echo "# words"; {TWO}')
        self.assertEqual([case.name for case in cases], ['host/u0 a', 'host/u0 b'])
        self.assertEqual(ktap.count(cases), {'passed': 2, 'failed': 0, 'skipped': 0})
        lines = shown.split('\n')
        self.assertEqual(lines[:4], ['# on the host: host/u0', '    # words', '    1..2',
                                     '    ok 1 a'])
        self.assertEqual(lines[-2], 'result of host/u0')

    def test_one_line_is_enough_for_what_passed(self):
        self.assertRegex(run(f'echo "# words"; {TWO}', short=True)[1],
                         r'\Aresult of host/u0 # 2 passed, \d+\.\d s\n\Z')
        shown = run('echo "# words"; echo 1..1; echo not ok 1 a', short=True)[1]
        self.assertIn('    # words\n', shown)
        self.assertIn('\nresult of host/u0\n', shown)

    def test_last_line_without_newline(self):
        self.assertEqual(ktap.count(run("printf '1..1\\nok 1 a'")[0])['passed'], 1)

    def test_long_output(self):
        self.assertEqual(self.reasons(f'seq 100000 | sed "s/^/# /"; {TWO}'), [])

    def test_several(self):
        cases, shown = run(TWO, TWO, 'exit 4')
        self.assertEqual(ktap.count(cases), {'passed': 4, 'failed': 0, 'skipped': 1})
        self.assertEqual(shown.count('# on the host: '), 3)

    def test_failure(self):
        self.assertEqual(self.reasons("printf '1..1\\nnot ok 1 a\\n'; exit 1"), ['host/u0 a: '])

    def test_incomplete(self):
        self.assertEqual(self.reasons("printf '1..2\\nok 1 a\\n'"),
                         ['host/u0: planned 2 tests, 1 have a result'])
        self.assertEqual(self.reasons('exit 0'), ['host/u0: printed no plan'])

    def test_status(self):
        self.assertEqual(self.reasons(f'{TWO}; exit 3'),
                         ['host/u0: exit status 3, though no test failed'])

    def test_signal(self):
        self.assertEqual(self.reasons(f'{TWO}; kill -SEGV $$'), ['host/u0: ended by signal 11'])

    def test_too_long(self):
        begun = time.monotonic()
        self.assertEqual(self.reasons(f'{TWO}; sleep 1000', timeout=0.1),
                         ['host/u0: did not end within 0.1 s'])
        self.assertLess(time.monotonic() - begun, 900)

    def test_child_that_stays(self):
        begun = time.monotonic()
        self.assertEqual(self.reasons(f'sleep 1000 & {TWO}'), [])
        self.assertLess(time.monotonic() - begun, 900)

    def test_no_such_program(self):
        check = Check()
        unit = hostunit.HostUnit(check, 'u=/no/such/program', 100)
        with contextlib.redirect_stdout(io.StringIO()):
            unit.start()
            machine.watch([unit])
        self.assertEqual([case.status for case in check.cases], ['failed'])
        self.assertIn('/no/such/program', check.cases[0].diagnostics[0])

    def test_option(self):
        for option in ('', 'name', 'name=', '=command'):
            with self.assertRaises(ValueError):
                hostunit.HostUnit(Check(), option, 1)


if __name__ == '__main__':
    unittest.main()
