# SPDX-License-Identifier: GPL-2.0-only
"""What verbs set up and how they call what they run, without building or booting anything."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import host, tests  # noqa: E402
from lab.lab import Lab  # noqa: E402
from lab.registry import module_of, NAMES, find  # noqa: E402


class Verbs(unittest.TestCase):
    """With what they call replaced."""

    def lab(self, verb: str, **values: str) -> Lab:
        with mock.patch.dict(os.environ, {'HOME': '/nonexistent', **values}, clear=True):
            return Lab(verb)

    def test_each_has_something_to_do(self) -> None:
        for name in NAMES:
            self.assertTrue(find(name).command or callable(module_of(name).run), name)

    def test_check_is_several_runs_or_one(self) -> None:
        for name, kernel, several in (('check', '', 'check'), ('check', 'lts', ''), ('check-all', '', 'all')):
            with mock.patch.object(tests, 'on_all_kernels') as runs, \
                    mock.patch.object(tests, 'on_one_kernel') as one:
                lab = self.lab(name, KERNEL=kernel)
                module_of(name).run(lab)
                self.assertEqual(runs.call_args_list, [mock.call(lab, several)] if several else [])
                self.assertEqual(one.called, not several)

    def stress(self, **values: str) -> Lab:
        with mock.patch.object(tests, 'on_one_kernel'):
            lab = self.lab('stress', **values)
            module_of('stress').run(lab)
        return lab

    def test_stress_has_its_defaults(self) -> None:
        names = ('TEST', 'MINUTES', 'TIMEOUT', 'TEST_TIMEOUT')
        lab = self.stress(PATH=os.environ['PATH'])
        self.assertEqual([lab.get(name) for name in names], ['@(stress|ioctl_fuzz)_test', '1', '86400', '0'])
        lab = self.stress(PATH=os.environ['PATH'], STEPS='5', TEST='stress_test', TIMEOUT='7')
        self.assertEqual([lab.get(name) for name in names], ['stress_test', '', '7', '0'])

    def test_kunit_has_a_filter(self) -> None:
        with mock.patch.object(tests, 'on_one_kernel'):
            lab = self.lab('kunit', TEST='mtty_mig_fsm.*', APPEND='quiet')
            module_of('kunit').run(lab)
        self.assertEqual(lab.get('APPEND'), 'kunit.filter_glob=mtty_mig_fsm.* quiet')


class Options(unittest.TestCase):
    """What guest.py is called with."""

    def options(self, **values: str) -> dict[str, str]:
        with mock.patch.dict(os.environ, {'CACHE': '/c', **values}, clear=True):
            lab = Lab('selftests')
        lab.flavour = 'sanitize'
        lab.guest_modules = ['/k/mdev.ko', '/k/more.ko']
        with mock.patch('lab.lab.read', return_value='# CONFIG_SMP is not set\n'):
            words = lab.options('it')
        result: dict[str, str] = {}
        for word in words:
            if word.startswith('--'):
                name, _, result[name] = word.partition('=')
            else:
                result[name] = word
        return result

    def test_defaults(self) -> None:
        found = self.options()
        self.assertEqual([found[name] for name in ('--engine', '--memory', '--timeout', '--silence', '--test-timeout',
                                                   '--processors', '--leaks', '--modules')],
                         ['uml', '1024', '600', '120', '100', '1', '0', 'mdev more it'])
        self.assertIn('kmemleak=off', found['--append'])

    def test_qemu_has_patience(self) -> None:
        found = self.options(ENGINE='qemu', LEAKS='1')
        self.assertEqual([found[name] for name in ('--timeout', '--silence', '--test-timeout', '--processors')],
                         ['3600', '600', '1500', '2'])
        self.assertNotIn('kmemleak', found['--append'])

    def test_leaks_take_time(self) -> None:
        found = self.options(LEAKS='1')
        self.assertEqual([found[name] for name in ('--timeout', '--test-timeout', '--leaks')], ['1200', '300', '1'])

    def test_what_was_asked_for_counts(self) -> None:
        found = self.options(LEAKS='1', TIMEOUT='7', MEM='99', GUESTS='3', PROCESSORS='5', ARGS='-x  y', APPEND='z')
        self.assertEqual([found[name] for name in ('--timeout', '--memory', '--guests', '--processors', '--args',
                                                   '--append')], ['7', '99', '3', '5', '-x  y', 'z'])


class Units(unittest.TestCase):
    """A program for any device runs for each type."""

    def units(self, *tests_: str, **values: str) -> list[str]:
        with mock.patch.dict(os.environ, values, clear=True):
            return Lab('selftests').units(tests_)

    def test_types(self) -> None:
        self.assertEqual(self.units('device/a_test'), ['device/a_test'])
        self.assertEqual(self.units('generic/a_test', 'tools/x_any_test', 'tools/y_test', TYPES='t-full t-base'),
                         ['generic/a_test@t-full', 'generic/a_test@t-base@-v@cdev', 'tools/x_any_test@t-full',
                          'tools/x_any_test@t-base@-v@cdev', 'tools/y_test'])
        self.assertEqual(self.units('generic/a_test', TYPES='t-base', KERNEL='debian'),
                         ['generic/a_test@t-base@-v@group_type1'])


class Host(unittest.TestCase):
    """What is started."""

    def test_context(self) -> None:
        lines = 'a x b c d e x x f g h'.split()
        self.assertEqual(host.with_context(lines, 'x', 1), ['x', 'b', '--', 'x', 'x', 'f'])
        self.assertEqual(host.with_context(lines, 'z', 2), [])

    def test_a_command_that_fails_is_no_test_that_failed(self) -> None:
        with self.assertRaises(host.Broken):
            host.answer('false')
        for status in (3, 143):
            with self.assertRaises(host.Ended) as end:
                host.run('sh', '-c', f'exit {status}')
            self.assertEqual(end.exception.status, status)
        self.assertEqual(host.answer('echo', 'x'), 'x')

    def test_a_call_has_its_own_status(self) -> None:
        self.assertEqual(host.call(['sh', '-c', 'exit 5']), 5)
        self.assertEqual(host.call(['sh', '-c', 'kill -KILL $$']), 137)

    def test_what_it_prints_may_go_to_a_file(self) -> None:
        with tempfile.TemporaryFile('w+', encoding='utf-8') as file:
            self.assertEqual(host.call(['echo', 'x'], stdout=file), 0)
            file.seek(0)
            self.assertEqual(file.read(), 'x\n')

    def test_the_kernels_makefiles_see_nothing_of_the_user(self) -> None:
        with mock.patch.dict(os.environ, {'ARCH': 'pdp11', 'LC_ALL': 'de_DE', 'PATH': '/bin', 'CC': 'x', 'V': '1'},
                             clear=True):
            host.settle()
            self.assertEqual({name: os.environ.get(name) for name in ('ARCH', 'CC', 'V', 'LC_ALL', 'PATH')},
                             {'ARCH': None, 'CC': None, 'V': None, 'LC_ALL': 'C', 'PATH': '/bin:/usr/sbin:/sbin'})


if __name__ == '__main__':
    unittest.main()
