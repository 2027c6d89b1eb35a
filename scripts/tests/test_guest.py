# SPDX-License-Identifier: GPL-2.0-only
"""What the lab hands to a guest and takes from it, without one."""

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import exits  # noqa: E402
import guest  # noqa: E402
import runs  # noqa: E402


class Boot:
    """Instead of a guest: it does what a test says, and ends with a status."""

    def __init__(self, run, status=0, do=lambda run: None):
        self.run = run
        self.status = status
        self.do = do

    def __call__(self, job, *_):
        self.job = job
        self.why = None
        return self

    def boot(self, *_):
        self.do(self.run)

    def watch(self, guests, others=None, more=None):
        self.others = others
        guests[0].job.ended()


class Guests(unittest.TestCase):

    def setUp(self):
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.run_dir = f'{self.tmp.name}/run'
        os.mkdir(self.run_dir)
        self.args = argparse.Namespace(run=self.run_dir, log=f'{self.tmp.name}/log', args='', modules='m',
                                       vmm='', bind='', silence=0, timeout=0, program='migrate-demo')

    def call(self, what, boot):
        with mock.patch('machine.Guest', boot), mock.patch('machine.watch', boot.watch), \
                mock.patch('machine.prepare', lambda *_: {}), \
                contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            return what(self.args), out.getvalue()

    def job(self):
        with open(f'{self.run_dir}/job', encoding='utf-8') as file:
            return file.read()

    def demo(self, words, status=0):
        def account(run):
            with open(f'{run}/account', 'w', encoding='utf-8') as file:
                file.write('{}\n')
        self.args.args = words
        return self.call(guest.run, Boot(self.run_dir, status, account))

    def test_the_account_goes_to_where_the_user_is(self):
        target = f'{self.tmp.name}/x.json'
        status, said = self.demo(f'-t base -j {target}')
        self.assertEqual(status, 0)
        self.assertIn("ARGS='-t base -j /run/lab/account'", self.job())
        self.assertIn(target, said)
        with open(target, encoding='utf-8') as file:
            self.assertEqual(file.read(), '{}\n')

    def test_the_account_is_there_also_if_the_devices_differ(self):
        self.assertEqual(self.demo(f'-j {self.tmp.name}/x.json', 1)[0], exits.FAILED)
        self.assertTrue(os.path.exists(f'{self.tmp.name}/x.json'))

    def test_an_option_that_makes_no_sense(self):
        self.assertEqual(self.demo('--nosuch', 2)[0], exits.REFUSED)

    def test_no_color_reaches_the_guest(self):
        for value in ('1', ''):
            with mock.patch.dict(os.environ, {'NO_COLOR': value}):
                self.demo('')
            self.assertIn(f"NO_COLOR='{value}'\n", self.job())

    def shell(self, descriptor):
        saved = os.dup(0)
        try:
            os.dup2(descriptor, 0)
            boot = Boot(self.run_dir, 5)
            return self.call(lambda args: guest.Shell(args).main(), boot)[0], boot.others
        finally:
            os.dup2(saved, 0)
            os.close(saved)

    def test_a_shell_reads_a_file_as_a_script(self):
        with tempfile.TemporaryFile() as script:
            script.write(b'skipped\nexit 5')
            script.seek(8)
            os.lseek(script.fileno(), 8, os.SEEK_SET)
            status, others = self.shell(script.fileno())
        self.assertEqual((status, others), (5, None))
        self.assertIn("SCRIPT='1'", self.job())
        with open(f'{self.run_dir}/script', 'rb') as file:
            self.assertEqual(file.read(), b'exit 5')

    def test_a_shell_of_nothing(self):
        with open(os.devnull, 'rb') as null:
            self.shell(null.fileno())
        self.assertIn("SCRIPT='1'", self.job())
        self.assertEqual(os.path.getsize(f'{self.run_dir}/script'), 0)

    def test_a_shell_waits_for_a_pipe(self):
        read, write = os.pipe()
        _, others = self.shell(read)
        os.close(read)
        os.close(write)
        self.assertIn("SCRIPT='0'", self.job())
        self.assertEqual(list(others), [0])

    def test_a_pipe_may_end_amid_a_line(self):
        for text, typed in ((b'a\n', b'a\n\x04'), (b'a', b'a\x04\x04'), (b'', b'\x04')):
            read, write = os.pipe()
            out, terminal = os.pipe()
            shell = guest.Shell(self.args)
            shell.log_file.close()
            shell._typed, shell._terminal = None, terminal
            os.write(write, text)
            os.close(write)
            saved = os.dup(0)
            os.dup2(read, 0)
            try:
                while shell.keys():
                    pass
            finally:
                os.dup2(saved, 0)
            self.assertEqual(os.read(out, 100), typed)
            for each in (saved, read, out, terminal):
                os.close(each)

    def test_a_mistake_of_the_labs_is_no_test_that_failed(self):
        def job(_):
            raise error
        for error, status in ((ValueError('x'), exits.BROKEN), (OSError(2, 'no such file'), exits.BROKEN),
                              (OSError(28, 'full'), exits.BROKEN), (KeyboardInterrupt(), 130)):
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(guest.run_job(self.args, job), status, error)

    def unit_of(self, mark, units):
        """Whose a report of the kernel is, after such a mark in the log."""
        check = argparse.Namespace(units=units, live=True, short=False, progress=lambda text: None)
        with mock.patch('machine.Guest', Boot(self.run_dir)):
            tester = guest.Tester(self.args, f'{self.tmp.name}/guest.log', check)
        self.addCleanup(tester.log_file.close)
        tester.mark('log', f'begin {mark}')
        return tester.scanner.unit

    def shown(self, short, status):
        """What is printed of a program with two tests."""
        self.args.kunit, self.args.tests, self.args.host, self.args.guests = False, ['p/x@t'], [], 1
        self.args.test_timeout, self.args.bind = 9, ''
        shutil.rmtree(f'{self.run_dir}/claims', ignore_errors=True)
        with mock.patch('machine.Guest', Boot(self.run_dir)), \
                mock.patch.dict(os.environ, {'LAB_VERBOSE': '' if short else '1'}), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            tester = guest.Tester(self.args, f'{self.tmp.name}/guest.log', guest.Check(self.args))
            self.addCleanup(tester.log_file.close)
            tester.mark('out', 'begin p/x@t')
            tester.out(f'1..2\nok 1 a\n{"not ok" if status else "ok"} 2 b\n')
            tester.mark('out', f'end {status}')
        return out.getvalue()

    def test_one_line_is_enough_for_what_passed(self):
        self.assertRegex(self.shown(True, 0), r'\Aok 1 p/x\(t\) # 2 passed, \d+\.\d s\n\Z')

    def test_what_failed_is_shown(self):
        self.assertIn('    not ok 2 b\n', self.shown(True, 1))
        self.assertIn('\nnot ok 1 p/x(t)\n', self.shown(True, 1))

    def test_all_is_shown_to_who_asks(self):
        self.assertIn('    ok 1 a\n    ok 2 b\n', self.shown(False, 0))

    def test_a_unit_whose_name_begins_another(self):
        units = ['p@t@-r@a.dead_again', 'p@t@-r@a.dead']
        for unit in units:
            self.assertEqual(self.unit_of(unit, units), unit)

    def test_a_mark_that_was_too_long_for_the_log(self):
        units = ['p@t', 'p@t@-r@' + '@-r@'.join(f'a.test_{number}' for number in range(200))]
        self.assertEqual(self.unit_of(units[1][:894], units), units[1])


if __name__ == '__main__':
    unittest.main()


class Runs(unittest.TestCase):
    """make check and check-all: a test that failed, or a run that could not be done"""

    @staticmethod
    def run_that(status, *lines):
        run = runs.Run('a run', 'check')
        run.ended(status, list(lines))
        return run

    def test_kinds(self):
        good = self.run_that(0, '5 passed, 0 failed, 0 skipped')
        failed = self.run_that(1, '5 passed, 1 failed, 0 skipped')
        reported = self.run_that(1, 'lab: the run failed: x', '5 passed, 0 failed, 0 skipped')
        told = self.run_that(0, '7 passed, 0 failed, 2 skipped: passed in 3 s, report: x')
        self.assertEqual((told.numbers, told.failed()), ([7, 0, 2], False))
        silent = self.run_that(0, 'nothing')
        broken = self.run_that(3, 'lab: error: no network')
        self.assertEqual(broken.why, 'lab: error: no network')
        for which, status in (([good], 0), ([good, failed], 1), ([reported], 1), ([silent], 1),
                              ([good, broken], 3), ([broken, failed], 1), ([broken, broken], 3)):
            self.assertEqual(runs.kind(which), status)
