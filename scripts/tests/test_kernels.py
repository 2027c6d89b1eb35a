# SPDX-License-Identifier: GPL-2.0-only
"""What is fetched and built, and how that is said, without building anything."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import apt, host, kernels, source, standins  # noqa: E402
from lab.cache import Cache, write  # noqa: E402
from lab.engines import qemu, uml  # noqa: E402


class Place(unittest.TestCase):
    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.place = self.tmp.name

    def file(self, name: str, text: str = '') -> None:
        os.makedirs(os.path.dirname(f'{self.place}/{name}'), exist_ok=True)
        write(f'{self.place}/{name}', text)


class Configuration(Place):
    def check(self, config: str, fragment: str) -> None:
        self.file('.config', config)
        kernels.check_configuration(self.place, fragment, '6.12')

    def test_each_line_has_to_be_there(self) -> None:
        self.check('CONFIG_A=y\n# CONFIG_B is not set\n', '# a comment\nCONFIG_A=y\n')
        with self.assertRaisesRegex(host.Broken, 'Linux 6.12 does not take: CONFIG_B CONFIG_C'):
            self.check('CONFIG_A=y\n', 'CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n')

    def test_one_of_several(self) -> None:
        line = 'CONFIG_A=y | CONFIG_B=y\n'
        self.check('CONFIG_B=y\n', line)
        with self.assertRaisesRegex(host.Broken, 'does not take: CONFIG_A$'):
            self.check('CONFIG_C=y\n', line)

    def names(self, flavour: str, engine: object = uml) -> list[str]:
        return [os.path.basename(path) for path in
                kernels.fragments(engine, self.place, flavour)]  # type: ignore[arg-type]

    def test_fragments(self) -> None:
        self.file('arch/um/Kconfig')
        self.assertEqual(self.names('plain'), ['guest', 'uml'])
        self.assertEqual(self.names('vm', qemu), ['vm'])
        self.assertEqual(self.names('kcsan', qemu), ['guest', 'x86_64', 'kcsan'])
        self.file('arch/um/Kconfig', 'select UML_SUBARCH_SUPPORTS_SMP\n')
        self.file('drivers/iommu/generic_pt/Kconfig')
        self.assertEqual(self.names('plain'), ['guest', 'uml', 'generic_pt', 'uml-smp'])
        self.assertEqual(self.names('sanitize'), ['guest', 'uml', 'generic_pt', 'sanitize'])


class Progress(unittest.TestCase):
    def test_now_and_then(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            progress = kernels.Progress(8)
            for line in ['  CC      a.o\n', 'warning: x\n', *['  LD  b\n'] * 9]:
                progress.line(line)
            progress.end()
        self.assertEqual(said.getvalue(), 'lab: 25%\nlab: 50%\nlab: 75%\n')


class Source(Place):
    def tree(self, version: str, *more: str) -> str:
        major, minor = version.split('.')
        self.file('Makefile', f'VERSION = {major}\nPATCHLEVEL = {minor}\n')
        for name in more:
            self.file(name)
        with mock.patch.object(source, 'succeeds', return_value=False):
            return source.tree_source(Cache(f'{self.place}/cache'), self.place)

    def test_a_tree_of_the_users(self) -> None:
        self.assertEqual(self.tree('6.12'), os.path.realpath(self.place))
        self.assertEqual(self.tree('7.0'), os.path.realpath(self.place))

    def test_one_that_is_too_old(self) -> None:
        for version, words in (('6.11', 'is too old: the driver needs Linux 6.12'), ('6.1', 'has no PRE_COPY'),
                               ('5.19', 'has no PRE_COPY')):
            with self.assertRaisesRegex(host.Broken, words):
                self.tree(version)

    def test_one_that_is_built_in(self) -> None:
        with self.assertRaisesRegex(host.Broken, r'configured or built \(.config\)'):
            self.tree('6.12', '.config')

    def test_versions(self) -> None:
        self.assertLess(standins.numbers('6.9'), standins.numbers('6.12.117'))
        self.assertLessEqual(standins.numbers('6.16'), standins.numbers('6.16.0-rc1'))
        self.assertGreater(standins.numbers('7.0'), standins.numbers('6.16.3+'))


class Packages(Place):
    """With a made-up apt."""

    def setUp(self) -> None:
        super().setUp()
        self.said: dict[str, str] = {}
        for target, new in (('lab.apt.said', self.answer), ('lab.apt.shutil.which', lambda _: '/bin/apt-get')):
            patch = mock.patch(target, new)
            patch.start()
            self.addCleanup(patch.stop)
        os.makedirs(f'{self.place}/logs')
        self.apt = apt.Apt(Cache(self.place), 'lts')

    def answer(self, *command: str) -> str:
        return next((text for word, text in self.said.items() if word in command), '')

    def test_the_newest(self) -> None:
        self.said['pkgnames'] = 'linux-source-6.12\nlinux-source-7.3\nlinux-source-7.10\nlinux-source\nx\n'
        self.assertEqual(self.apt.newest('linux-source-[0-9.]+'), 'linux-source-7.10')
        self.assertEqual(self.apt.newest('y'), '')

    def test_fields(self) -> None:
        self.assertFalse(self.apt.find('p'))
        self.said['show'] = 'Package: p\nVersion:  1.2-3\nDepends: a,\n b\n'
        self.assertTrue(self.apt.find('p'))
        self.assertEqual([self.apt.field(name) for name in ('Version', 'Package', 'Size')], ['1.2-3', 'p', ''])

    def test_mirrors(self) -> None:
        self.assertEqual(apt.mirror(), '')
        with self.assertRaisesRegex(host.Broken, 'name no mirror of Debian'):
            apt.sources('trixie')
        self.said['--no-release-info'] = 'http://m/debian-security/|\nhttp://m/debian|\n'
        self.assertEqual(apt.sources('trixie'), ['deb http://m/debian trixie main', 'deb http://m/debian trixie-updates main',
                                                 'deb http://m/debian-security/ trixie-security main'])
        self.said = {'$(REPO_URI)|$(LABEL)': 'http://o/debian|Other\nhttp://l/x|Debian\n', **self.said}
        self.assertEqual(apt.mirror(), 'http://l/x')

    def test_why_there_is_none(self) -> None:
        log = f'{self.place}/logs/apt-update.log'
        write(log, "Err: Could not resolve 'm'\n")
        self.assertIn('no network', str(self.apt.lacks('p')))
        write(log, "Hit: x\nErr: Could not resolve 'm'\n")
        self.assertNotIn('no network', str(self.apt.lacks('p')))


if __name__ == '__main__':
    unittest.main()
