# SPDX-License-Identifier: GPL-2.0-only
"""What the lab hands on to a kernel's makefiles.

The kernel is a made-up one, whose makefile tells what it was called with.
"""

import os
import platform
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
MAKEFILE = '''
NAMES := ARCH CROSS_COMPILE LLVM CC V W C KCFLAGS
modules:
	@$(foreach each,$(NAMES),echo '$(each)=$($(each)) $(origin $(each))' >>$(KDIR)/told;)
	@echo 'jobs=$(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS)))' >>$(KDIR)/told
	@echo 'made by kbuild'
	@$(STATUS)
'''
OPTIONS = 'MODULES VFIO VFIO_MDEV XXHASH'


class Modules(unittest.TestCase):

    def setUp(self):
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.kdir = f'{self.tmp.name}/kernel'
        os.makedirs(f'{self.kdir}/include/config')
        os.makedirs(f'{self.tmp.name}/cache/logs')
        self.makefile()
        self.config(platform.machine())
        self.write('include/config/kernel.release', '6.12.1\n')

    def write(self, name, text):
        with open(f'{self.kdir}/{name}', 'w', encoding='utf-8') as file:
            file.write(text)

    def makefile(self, status='true'):
        self.write('Makefile', f'KDIR := {self.kdir}\nSTATUS := {status}\n{MAKEFILE}')

    def config(self, arch, more=''):
        self.write('include/config/auto.conf',
                   f'#\n# Linux/{arch} 6.12.1 Kernel Configuration\n#\n' +
                   ''.join(f'CONFIG_{name}=y\n' for name in (OPTIONS + ' ' + more).split()))

    def build(self, *words, **more):
        """(exit status, what was said, what kbuild was told or None)."""
        told = f'{self.kdir}/told'
        if os.path.exists(told):
            os.unlink(told)
        run = subprocess.run(
            [sys.executable, '-B', f'{SCRIPTS}/lab', 'modules', self.kdir, f'{self.tmp.name}/out'],
            text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={'PATH': os.environ['PATH'], 'CACHE': f'{self.tmp.name}/cache',
                 **({'KBUILD_WORDS': '\n'.join(words)} if words else {}), **more})
        if not os.path.exists(told):
            return run.returncode, run.stdout, None
        with open(told, encoding='utf-8') as file:
            return run.returncode, run.stdout, dict(line.rstrip('\n').split('=', 1) for line in file)

    def test_all_that_was_said_is_on_kbuilds_command_line(self):
        status, _, told = self.build('ARCH=arm64', 'CROSS_COMPILE=x-linux-', 'LLVM=-15', 'CC=ccache gcc',
                                     'W=1', 'C=2', 'KCFLAGS=-DA -DB')
        self.assertEqual(status, 0)
        self.assertEqual(told['ARCH'], 'arm64 command line')
        self.assertEqual(told['CROSS_COMPILE'], 'x-linux- command line')
        self.assertEqual(told['LLVM'], '-15 command line')
        self.assertEqual(told['CC'], 'ccache gcc command line')
        self.assertEqual(told['W'], '1 command line')
        self.assertEqual(told['C'], '2 command line')
        self.assertRegex(told['KCFLAGS'], r'^-fmacro-prefix-map=\S+=/?\S* -DA -DB command line$')

    def test_nothing_else_gets_there(self):
        status, _, told = self.build(ARCH='pdp11', V='1', W='1', CROSS_COMPILE='x-', LLVM='1', KCFLAGS='-DX')
        self.assertEqual(status, 0)
        for name in ('ARCH', 'V', 'W', 'CROSS_COMPILE', 'LLVM'):
            self.assertEqual(told[name], ' undefined', name)
        self.assertNotIn('-DX', told['KCFLAGS'])

    def test_jobs(self):
        self.assertEqual(self.build(LAB_JOBS='3')[2]['jobs'], '3')

    def test_what_was_built_is_not_built_again(self):
        self.assertIsNotNone(self.build('KCFLAGS=-DA')[2])
        self.assertIsNone(self.build('KCFLAGS=-DA')[2])
        self.assertIsNotNone(self.build('KCFLAGS=-DB')[2])
        self.assertIsNotNone(self.build()[2])
        self.assertIsNone(self.build()[2])

    def test_who_wants_to_see_it_sees_it(self):
        for word in ('V=1', 'W=1', 'C=1'):
            self.assertIsNotNone(self.build(word)[2])
            self.assertIsNotNone(self.build(word)[2], f'{word} again')
        self.assertIn('made by kbuild', self.build('V=1')[1])
        self.assertNotIn('made by kbuild', self.build('W=1')[1])

    def test_the_compiler_is_the_kernels(self):
        self.config(platform.machine(), 'CC_IS_CLANG')
        self.assertEqual(self.build()[2]['LLVM'], '1 command line')
        self.assertEqual(self.build('LLVM=-15')[2]['LLVM'], '-15 command line')
        self.assertEqual(self.build('CC=clang-15')[2]['LLVM'], ' undefined')

    def test_uml_is_seen(self):
        self.config('um', 'UML')
        self.assertEqual(self.build()[2]['ARCH'], 'um command line')

    def test_what_does_not_build_is_no_test_that_failed(self):
        self.makefile('false')
        status, said, _ = self.build()
        self.assertEqual(status, 3)
        self.assertIn("lab: error: the step 'modules' failed", said)
        self.assertEqual(self.build('V=1')[0], 3)


class Lib(unittest.TestCase):
    """How scripts end that source lib.sh."""

    def end(self, script):
        run = subprocess.run(['bash', '-c', f'. {SCRIPTS}/lib.sh\n{script}'], text=True, check=False,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.returncode, run.stdout

    def test_statuses(self):
        for script, status in (
                ('true', 0), ('exit 1', 1), ('die why', 3), ('false', 3), ('x=$(false)', 3),
                ('x=$(die why)', 3), ('(exit 1)', 3), ('f() { false; echo no; }; f', 3),
                ('false || exit 1', 1), ('if false; then :; fi', 0), ("bash -c 'kill -TERM $$'", 143), ('false | true', 3), ('diff a b', 3)):
            self.assertEqual(self.end(script)[0], status, script)

    def test_what_happened_is_told_once(self):
        self.assertEqual(self.end('x=$(die why)')[1], 'lab: error: why\n')
        self.assertRegex(self.end('f() { x=$(false); }; f')[1],
                         r"\Alab: error: \S*, line \d+: 'x=\$\(false\)' ended with exit status 1\n\Z")
        self.assertEqual(self.end('while read -r x; do :; done < <(false)')[1], '')


if __name__ == '__main__':
    unittest.main()
