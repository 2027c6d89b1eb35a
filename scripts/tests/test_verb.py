# SPDX-License-Identifier: GPL-2.0-only
"""From make to a verb: what the verb finds there, and how the call ends.

In a project with the Makefile and what it calls, and with verbs that start a script which
tells what it was given.
"""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
# Of the real scripts
FRONT = ('verb.sh', 'verb.py', 'progress.py', 'results.py', 'lab', 'exits.py')
# What each verb does instead
RUN = '''

def run(lab):
    from lab import host
    return host.call(['scripts/fake', lab.verb])
'''
FAKE = '''#!/bin/sh
echo "$*" >>"$PROJECT/called"
env >"$PROJECT/environment"
[ -z "$SLEEP" ] || { trap 'echo ended >>"$PROJECT/called"; exit 143' TERM; sleep 60 & wait; }
exit "${STATUS:-0}"
'''


class Verb(unittest.TestCase):

    def setUp(self):
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.project = self.tmp.name
        os.mkdir(f'{self.project}/scripts')
        shutil.copy(f'{REPO}/Makefile', self.project)
        for name in FRONT:
            copy = shutil.copytree if os.path.isdir(f'{REPO}/scripts/{name}') else shutil.copy
            copy(f'{REPO}/scripts/{name}', f'{self.project}/scripts/{name}')
        for name in ('kunit', 'mtty-mig', 'selftests'):
            os.symlink(f'{REPO}/{name}', f'{self.project}/{name}')
        for path in glob.glob(f'{self.project}/scripts/lab/verbs/[a-z]*.py'):
            with open(path, 'a', encoding='utf-8') as file:
                file.write(RUN)
        for name in ('fake', 'packages.sh'):
            with open(f'{self.project}/scripts/{name}', 'w', encoding='utf-8') as file:
                file.write(FAKE)
            os.chmod(f'{self.project}/scripts/{name}', 0o755)

    def environment(self, **more):
        kept = {name: os.environ[name] for name in ('PATH', 'HOME') if name in os.environ}
        return {**kept, 'PROJECT': self.project, **more}

    def call(self, *command, **more):
        """(exit status, what was said); called and seen are what the last script told."""
        for name in ('called', 'environment'):
            if os.path.exists(f'{self.project}/{name}'):
                os.unlink(f'{self.project}/{name}')
        run = subprocess.run(command, cwd=self.project, env=self.environment(**more), text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False)
        self.called = self.lines('called')
        self.seen = dict(line.split('=', 1) for line in self.lines('environment') if '=' in line)
        return run.returncode, run.stdout

    def lines(self, name):
        try:
            with open(f'{self.project}/{name}', encoding='utf-8') as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def make(self, *words, **more):
        return self.call('make', *words, **more)

    def verb(self, *words, **more):
        return self.call('scripts/verb.sh', *words, **more)

    def test_the_script_has_what_was_said(self):
        status, _ = self.make('run', 'KERNEL=latest', 'ARGS=-t base  $x \'y', 'MEM=512')
        self.assertEqual((status, self.called), (0, ['run']))
        self.assertEqual(self.seen['KERNEL'], 'latest')
        # make's own: a $ and a name begin a variable of it
        self.assertEqual(self.seen['ARGS'], "-t base   'y")
        self.assertEqual(self.verb('run', 'ARGS=-t base  $x \'y')[0], 0)
        self.assertEqual(self.seen['ARGS'], "-t base  $x 'y")

    def test_the_script_has_what_the_environment_says_and_it_has_a_use_for(self):
        self.make('run', MEM='512', TEST='x', GUESTS='0')
        self.assertEqual(self.seen['MEM'], '512')
        self.assertNotIn('TEST', self.seen)
        self.assertNotIn('GUESTS', self.seen)

    def test_an_empty_variable_is_none(self):
        self.make('run', 'SAN=', MEM='')
        self.assertEqual(self.called, ['run'])
        self.assertNotIn('SAN', self.seen)
        self.assertNotIn('MEM', self.seen)

    def test_debians_kernel_has_its_engine(self):
        self.make('run', 'KERNEL=debian')
        self.assertEqual(self.seen['ENGINE'], 'qemu')

    def test_what_tests_print_is_shown_for_who_asks(self):
        for words, told in ((['kunit'], None), (['kunit', 'V=1'], '1'), (['check', 'V=1'], '1'),
                            (['selftests', 'CALLS=1'], '1'), (['selftests', 'CALLS=0'], None)):
            self.make(*words)
            self.assertEqual(self.seen.get('LAB_VERBOSE'), told, words)

    def test_what_a_value_becomes(self):
        self.make('fuzz', 'SECONDS=5')
        self.assertEqual((self.called, self.seen['SECONDS']), (['fuzz'], '5'))
        self.make('kunit', 'TEST=fsm')
        self.assertEqual(self.seen['TEST'], 'mtty_mig_fsm.*')

    def test_nothing_is_done_for_what_makes_no_sense(self):
        for words in (['run', 'SAN=2'], ['run', 'GUESTS=0'], ['test'], ['run', 'KRENEL=lts'], ['scripts'],
                      ['Makefile.x'], ['run', 'kunit', 'TEST=fms'], ['run', 'chekc'], ['-j0', 'run']):
            status, said = self.make(*words)
            self.assertEqual((status, self.called), (2, []), words)
            if words[0] != '-j0':
                self.assertIn('lab: error: ', said)
                self.assertIn('nothing was done: the call makes no sense (exit status 2)', said)
        self.assertEqual(self.verb('run', 'SAN=2')[0], 2)
        self.assertEqual(self.verb('run', 'kunit')[0], 2)
        self.assertEqual(self.verb('-j0', 'run')[0], 2)

    def test_several_verbs_are_done_in_their_order(self):
        status, _ = self.make('-j4', 'modules', 'install', 'lint', 'KDIR=' + self.kdir(), 'DESTDIR=/x')
        self.assertEqual(status, 0)
        self.assertEqual([line.split()[0] for line in self.called],
                         ['modules', 'install', 'lint'])
        self.assertNotIn('DESTDIR', self.seen)

    def kdir(self):
        os.makedirs(f'{self.project}/kdir', exist_ok=True)
        with open(f'{self.project}/kdir/Makefile', 'w', encoding='utf-8'):
            pass
        return f'{self.project}/kdir'

    def test_jobs(self):
        for words, jobs in ((['-j7'], '7'), (['-j', '7'], '7'), (['--jobs=7'], '7'), (['-j1'], '1'),
                            (['-j'], None), ([], None), (['-k', '-j7', '-s'], '7')):
            self.make(*words, 'run', 'ARGS=-j3')
            self.assertEqual(self.seen.get('LAB_JOBS'), jobs, words)
        self.make('run', MAKEFLAGS='-j5')
        self.assertEqual(self.seen.get('LAB_JOBS'), '5')
        self.verb('-j6', 'run')
        self.assertEqual(self.seen.get('LAB_JOBS'), '6')

    def test_kbuild_has_its_variables(self):
        kdir = self.kdir()
        self.make('modules', f'KDIR={kdir}', 'ARCH=x86', 'CC=sh -x', 'V=1', 'W=1', 'C=1', 'CHECK=sh',
                  'KCFLAGS=-DA -DB')
        self.assertEqual((self.called, self.seen['KDIR']), (['modules'], kdir))
        with open(f'{self.project}/environment', encoding='utf-8') as file:
            told = file.read()
        self.assertIn('KBUILD_WORDS=ARCH=x86\nCC=sh -x\nV=1\nW=1\nC=1\nCHECK=sh\nKCFLAGS=-DA -DB\n', told)

    def test_kbuild_has_those_of_the_environment_and_it_is_said(self):
        kdir = self.kdir()
        _, said = self.make('modules', f'KDIR={kdir}', 'W=1', ARCH='x86', KCFLAGS='-DA')
        self.assertIn("lab: from the environment, for the kernel's makefiles: ARCH=x86 KCFLAGS=-DA\n", said)
        self.assertIn('KBUILD_WORDS=ARCH=x86', [f'KBUILD_WORDS={self.seen["KBUILD_WORDS"]}'])
        _, said = self.make('install', f'KDIR={kdir}', V='1')
        self.assertEqual(self.seen['KBUILD_WORDS'], 'V=1')

    def test_the_labs_own_kernels_have_not(self):
        for verb in ('run', 'check', 'kunit', 'lint'):
            self.make(verb, ARCH='x86', V='1', KCFLAGS='-DA', KBUILD_WORDS='V=1')
            self.assertNotIn('KBUILD_WORDS', self.seen)
        self.make('run', 'KCFLAGS=-DA')
        self.assertEqual(self.seen['KBUILD_WORDS'], 'KCFLAGS=-DA')

    def test_exit_statuses(self):
        for mine, theirs, words in (
                (0, 0, ''), (1, 1, ''), (2, 2, 'the call makes no sense, see above (exit status 2)'),
                (3, 3, 'the lab could not do its work, so that is no verdict (exit status 3)'),
                (4, 3, 'could not do its work'), (127, 3, 'could not do its work'), (143, 143, '')):
            status, said = self.verb('selftests', STATUS=str(mine))
            self.assertEqual(status, theirs)
            self.assertIn(words, said)
            status, said = self.make('selftests', STATUS=str(mine))
            self.assertEqual(status, 2 if mine else 0)
            if mine:
                self.assertIn(f'Error {theirs}', said)

    def test_the_last_line_is_the_count_where_there_is_one(self):
        self.assertEqual(self.verb('selftests', STATUS='1')[1], '')
        self.assertIn('make fuzz: the fuzzer found something (exit status 1)', self.verb('fuzz', STATUS='1')[1])

    def test_a_shell_has_its_own_status(self):
        for status in (0, 1, 2, 5, 127):
            self.assertEqual(self.verb('shell', STATUS=str(status)), (status, ''))

    def test_a_signal_ends_the_script(self):
        with subprocess.Popen(['scripts/verb.sh', 'run'], cwd=self.project,
                              env=self.environment(SLEEP='1')) as process:
            while not self.lines('environment'):
                time.sleep(0.05)
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(), 143)
        self.assertEqual(self.lines('called'), ['run', 'ended'])

    def test_what_ends_by_a_signal(self):
        with open(f'{self.project}/scripts/fake', 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\nkill -KILL $$\n')
        self.assertEqual(self.verb('run')[0], 137)

    def test_help(self):
        for words in ([], ['help'], ['help', 'SAN=0']):
            status, said = self.make(*words)
            self.assertEqual(status, 0)
            self.assertIn('\n  check ', said)
            self.assertIn('\n  KERNEL ', said)

    def test_without_python_the_lab_asks_for_what_the_verb_needs(self):
        os.mkdir(f'{self.project}/bin')
        for name in ('sh', 'make', 'env', 'dirname', 'basename'):
            os.symlink(shutil.which(name), f'{self.project}/bin/{name}')
        status, _ = self.verb('check', PATH=f'{self.project}/bin', STATUS='3')
        self.assertEqual((status, self.called), (3, ['fuzz']))
        status, _ = self.make('run', PATH=f'{self.project}/bin', STATUS='3')
        self.assertEqual((status, self.called), (2, ['']))


if __name__ == '__main__':
    unittest.main()
