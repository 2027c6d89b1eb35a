# SPDX-License-Identifier: GPL-2.0-only
"""What may be said to a verb, and what is answered to the rest."""

import os
import re
import shutil
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import calls, config, registry, tables, values  # noqa: E402

# Each is a call, and words of the answer in their order
REFUSED = [
    # A name
    ('run KRENEL=lts', 'no variable is called KRENEL', 'did you mean KERNEL=?'),
    ('check test=x', 'no variable is called test', 'did you mean TEST=?'),
    ('run x-y=3', 'no variable is called x-y', 'make help'),
    ('modules O=/x', 'no variable is called O', 'KDIR= names'),
    ('modules INSTALL_MOD_PATH=/x', 'DESTDIR='),
    ('modules JOBS=4', 'make -jN'),
    # A verb
    ('test', "no verb is called 'test'", 'check runs all tests'),
    ('chekc', 'did you mean make check?'),
    ('all', 'run boots a kernel'),
    ('mutant', 'did you mean make mutants?'),
    ('modules_install', 'install'),
    # A value
    ('check KERNEL=lst', 'KERNEL=lst is not known', 'lts, latest, debian, or a path', 'KERNEL=lts?'),
    ('check KERNEL=/nonexistent/linux', "is not a kernel's source tree"),
    ('check KERNEL=../..', "is not a kernel's source tree"),
    ('run ENGINE=umlx', 'ENGINE=umlx is not known; it can be: uml, qemu', 'ENGINE=uml?'),
    ('run SAN=2', 'SAN=2 is not known; it can be: 0, 1, kcsan', 'SAN=1?'),
    ('selftests SAN=kasan', 'SAN=kcsan?'),
    ('run MEM=lots', 'MEM=lots is not a number of megabytes', 'for example MEM=1024'),
    ('run MEM=2G', 'MEM=2048?'),
    ('run MEM=1', 'from 64'),
    ('run MEM=-5', 'MEM=-5 is not'),
    ('run TIMEOUT=5m', 'TIMEOUT=5m is not a number of seconds', 'TIMEOUT=300?'),
    ('run SILENCE=1.5h', 'SILENCE=5400?'),
    ('check TEST_TIMEOUT=never', 'TEST_TIMEOUT=never is not', 'for example'),
    ('selftests GUESTS=0', 'GUESTS=0 is not a number of guests'),
    ('selftests GUESTS=all', 'GUESTS=all is not'),
    ('run PROCESSORS=two', 'PROCESSORS=two is not'),
    ('check SHARD=2', 'SHARD=2 is no part of a whole', 'SHARD=1/4'),
    ('mutants SHARD=5/4', 'there is no such part', 'SHARD=1/4'),
    ('check-all SHARD=0/4', 'there is no such part'),
    ('kunit SHARD=1/2', 'make kunit has no use for SHARD='),
    ('check RESULTS=Makefile', 'RESULTS=Makefile is no directory'),
    ('kunit RESULTS=/proc/results', '/proc cannot be written to'),
    ('lint RESULTS=x', 'make lint has no use for RESULTS='),
    ('check LEAKS=yes', 'LEAKS=yes is not known; it can be: 0, 1'),
    ('selftests SEED=abc', 'SEED=abc is not a seed', 'or "random"'),
    ('selftests SEED=randon', 'SEED=random?'),
    ('selftests SEED=-1', 'SEED=-1 is not'),
    ('stress STEPS=0', 'STEPS=0 is not'),
    ('stress MINUTES=2h', 'MINUTES=120?'),
    ('stress CALLS=2', 'CALLS=2 is not known'),
    ('fuzz SECONDS=abc', 'SECONDS=abc is not a number of seconds', 'for example SECONDS=60'),
    ('fuzz SECONDS=0', 'SECONDS=0 is not'),
    ('fuzz SECONDS=5m', 'SECONDS=300?'),
    ('fuzz RUNS=1e6', 'RUNS=1e6 is not'),
    ('fuzz SEED=random', 'SEED=random is not a seed'),
    ('fuzz INPUT=/nonexistent', 'there is no such file'),
    ('fuzz MERGE=yes', 'MERGE=yes is not known'),
    ('soak SEED=0x10', 'is not a seed'),
    ('soak LOAD=half', 'LOAD=half is not known'),
    ('bench ROWS=arc', 'ROWS=arc is not known', 'stream, arcs, precopy', 'ROWS=arcs?'),
    ('bench BASELINE=/nonexistent', 'there is no such file'),
    ('standin NAME=My-Card', 'NAME=My-Card is not a name of small letters'),
    ('standin FOLDER=foo', 'FOLDER=foo is no path', 'FOLDER=drivers/vfio/pci/foo?'),
    ('standin FOLDER=/nonexistent', 'is no directory'),
    ('standin PCI=8086:4940', 'PCI=8086:4940 is not VENDOR:PF:VF', '8086:4940:4941'),
    ('mutants MUTANT=nosuch', "no mutant is called 'nosuch'", 'selftests/mutants/'),
    ('mutants MUTANT=fsm-fd-twise', 'MUTANT=fsm-fd-twice?'),
    ('mutants MUTANT=fsm-*\\ nosuch', "no mutant is called 'nosuch'"),
    ('mutants KEEP_GOING=yes', 'KEEP_GOING=yes is not known'),
    ('mutants ENGINE=qemu', 'ENGINE=qemu is not known; it can be: uml'),
    ('mutants KERNEL=debian', 'does not run with KERNEL=debian'),
    ('mutants TEST=nosuch', "no test is called 'nosuch'"),
    ('interop MUTANT=fsm-*', "no mutant is called 'fsm-*'"),
    ('interop TEST=nosuch', "no scenario is called 'nosuch'", 'there are: plain'),
    ('interop TEST=type-ful', 'TEST=type-full?'),
    ('interop QEMU=11', 'QEMU=11 is not known', 'debian, latest, or /path'),
    ('interop QEMU=/nonexistent', 'is not a program'),
    ('interop BACKEND=iommu', 'BACKEND=iommufd?'),
    ('interop KERNEL=debian BACKEND=iommufd', 'has no iommufd'),
    ('kunit TEST=fms', "no KUnit suite is called 'fms'", 'TEST=fsm?', 'there are: arcs card'),
    ('kunit TEST=fsm_kunit', 'TEST=fsm?'),
    ('kunit TEST=fsm.nosuch', 'is called'),
    ('kunit TEST=@(fsm|dma)', 'no pattern of KUnit'),
    ('kunit KERNEL=debian', 'does not run with KERNEL=debian'),
    ('selftests TEST=fsm', "no test is called 'fsm'", 'TEST=fsm_test?', 'there are: device/'),
    ('check TEST=nosuch', "no test is called 'nosuch'"),
    ('conformance TEST=dma_test', "no generic test is called 'dma_test'"),
    ('conformance TEST=contents_test', "no generic test is called 'contents_test'"),
    ('conformance DRIVER=mtty TEST=fail_test', "no generic test is called 'fail_test'"),
    ('conformance DRIVER=mty', 'DRIVER=mtty?'),
    ('conformance TYPES=full', "no type of device is called 'full'", 'TYPES=mtty_mig-full?'),
    ('conformance DRIVER=mtty TYPES=mtty_mig-full', 'there are: mtty-1 mtty-2'),
    ('conformance ISOLATE=yes', 'ISOLATE=yes is not known'),
    ('conformance DRIVER=mtty KERNEL=debian', 'no samples'),
    ('portability TEST=mips', "no proof is called 'mips'", 'there are: x86_64: builds'),
    ('series-check TEST=nosuch', 'checkpatch --strict'),
    ('coverage KERNEL=latest', 'does not run with KERNEL=latest; it can be: lts'),
    ('check ONLY=[', 'is no regular expression'),
    ('check ONLY=mutants', "no run is called 'mutants'", 'there are: check lts'),
    ('newcomer SUITES=bookwurm', 'SUITES=bookworm?'),
    ('newcomer VERBS=runn', "no verb is called 'runn'", 'VERBS=run?'),
    ('debcheck HEADERS=a\\ b', 'is not a name of a package'),
    ('deb DEBEMAIL=me', 'is not an address'),
    ('deb SOURCE_DATE_EPOCH=today', 'is not a time'),
    ('install PREFIX=usr', 'is no absolute path'),
    ('install DESTDIR=image', 'is no absolute path'),
    ('series TREE=/nonexistent', "is not a kernel's source tree"),
    ('series OUT=/etc/passwd', 'is no directory'),
    ('run CACHE=/etc/passwd', 'is no directory'),
    ('run CACHE=/tmp/a\\ b', 'has a character'),
    ('modules KDIR=/nonexistent', 'there is no kernel in'),
    ('run ARGS=-j\\ /nonexistent/x.json', '/nonexistent/x.json cannot be written to'),
    # The kernel's own
    ('modules ARCH=aarch64', "none of the kernel's architectures", 'ARCH=arm64?'),
    ('modules ARCH=riscv64', 'ARCH=riscv?'),
    ('modules ARCH=amr64', 'ARCH=arm64?'),
    ('modules CROSS_COMPILE=nosuch-', 'there is no nosuch-gcc', 'apt-get install gcc-nosuch'),
    ('modules LLVM=0', 'LLVM=1 to the kernel', 'leave it out'),
    ('modules LLVM=15', 'LLVM=-15?'),
    ('modules CC=nosuchcc', 'there is no such program'),
    ('modules V=3', 'V=3 is not known'),
    ('modules W=all', 'W=all is not'),
    ('modules C=yes', 'C=yes is not known'),
    ('modules C=1 CHECK=nosuchchecker', 'there is no nosuchchecker'),
    # A variable that the verb has no use for
    ('quick SAN=1', 'has no use for SAN=', 'make check is with sanitizers'),
    ('quick TEST=x', 'make selftests TEST='),
    ('quick KERNEL=debian', 'does not run with KERNEL=debian'),
    ('run GUESTS=0', 'make run has no use for GUESTS=', 'GUESTS= is for: check', 'make run takes: KERNEL'),
    ('run TEST=fsm_test', 'has no use for TEST=', 'make selftests TEST='),
    ('kunit GUESTS=2', 'has no use for GUESTS='),
    ('kunit TEST_TIMEOUT=2', 'has no use for TEST_TIMEOUT='),
    ('shell TIMEOUT=5', 'has no use for TIMEOUT='),
    ('lint TEST=x', 'has no use for TEST='),
    ('load KERNEL=lts', 'has no use for KERNEL=', 'make load takes: no variable'),
    ('check-all KERNEL=lts', 'its runs have their own'),
    ('mutants SAN=1', 'with sanitizers'),
    ('coverage SAN=0', 'without sanitizers'),
    ('interop ARGS=x', 'has no use for ARGS='),
    ('run ARCH=arm64', 'has no use for ARCH=', 'as the lab has them', 'ARCH= is for: modules install'),
    ('conformance V=1', 'has no use for V='),
    ('check MUTANT=fsm-fd-twice', 'MUTANT= is for: mutants interop'),
    ('drivers RECORD=maybe', 'RECORD=maybe is not known'),
    ('drivers DRIVER=qta', 'did you mean DRIVER=qat?'),
    ('drivers DRIVER=mtty', 'it can be'),
    ('conformance RULE=MIG-RES-99', 'there is no rule MIG-RES-99'),
    ('conformance DRIVER=qat PATCH=/nonexistent', 'no file that can be read'),
    # Two that do not go together
    ('conformance DRIVER=qat ENGINE=qemu', 'User Mode Linux'),
    ('conformance DRIVER=qat TYPES=mtty_mig-full', 'TYPES= has no effect'),
    ('conformance PATCH=Makefile', 'it changes a driver of the kernel'),
    ('run KERNEL=debian ENGINE=uml', 'an image for PCs', 'ENGINE=qemu'),
    ('selftests KERNEL=debian SAN=1', 'leave SAN out'),
    ('selftests SAN=kcsan', 'KCSAN is not there for User Mode Linux', 'ENGINE=qemu'),
    ('selftests SAN=0 LEAKS=1', 'without kmemleak'),
    ('shell LEAKS=1', 'say SAN=1'),
    ('run PROCESSORS=2', 'one processor'),
    ('selftests KERNEL=latest PROCESSORS=2', 'KERNEL=latest SAN=0'),
    ('check KERNEL=lts ONLY=lts', 'ONLY=lts has no effect beside KERNEL=lts'),
    ('stress MINUTES=1 STEPS=5', 'STEPS=5 has no effect beside MINUTES=1'),
    ('fuzz RUNS=5 SECONDS=5', 'SECONDS=5 has no effect beside RUNS=5'),
    ('fuzz MERGE=1 SEED=5', 'SEED=5 has no effect beside MERGE=1'),
    ('soak RUNS=5 MINUTES=5', 'MINUTES=5 has no effect'),
    ('install KERNEL=lts', 'without PREFIX='),
    # Several verbs: what is of use to none; what is wrong for the second one
    ('modules load GUESTS=1', 'has no use for GUESTS='),
    ('run kunit TEST=fms', "no KUnit suite is called 'fms'"),
    ('run chekc', 'did you mean make check?'),
]

TAKEN = [
    'conformance DRIVER=qat TEST=fail_test', 'conformance DRIVER=qat TEST=standins/*',
    'run', 'run SAN=', 'run SAN=0 MEM=64 TIMEOUT=0', 'run ARGS=-t\\ base\\ -j\\ /dev/stdout',
    'run ARGS=-j\\ x.json', 'run V=1 W=1 C=2 CHECK=sh KCFLAGS=-DDEBUG',
    'check LEAKS=1', 'check SAN=0 GUESTS=1 ONLY=lts', 'check KERNEL=latest TEST=fsm_test',
    'check-all ONLY=^check GUESTS=2', 'kunit TEST=fsm', 'kunit TEST=mtty_mig_fsm', 'kunit TEST=d*',
    'kunit TEST=standins_model',
    'kunit TEST=fsm.*', 'kunit KERNEL=latest SAN=0 PROCESSORS=2', 'kunit LEAKS=1',
    'selftests TEST=@(fsm|dma)_test SEED=random STEPS=5 CALLS=1', 'selftests TEST=device/* SEED=0x10',
    'selftests TEST=!(*fail_nth_*) TYPES=mtty_mig-full',
    'selftests KERNEL=latest ENGINE=qemu SAN=kcsan', 'selftests KERNEL=debian',
    'selftests KERNEL=debian ENGINE=qemu TYPES=mtty_mig-full', 'selftests ENGINE=qemu PROCESSORS=4',
    'mutants MUTANT=fsm-fd-twice\\ pri-* KEEP_GOING=1 TEST=kunit', 'mutants KERNEL=lts ENGINE=uml',
    'coverage KERNEL=lts ENGINE=uml', 'conformance DRIVER=mtty TYPES=mtty-1 ISOLATE=0',
    'conformance DRIVER=qat RULE=MIG-RES-03 CASE=*stream* PATCH=Makefile', 'drivers DRIVER=qat\\ pds RECORD=1',
    'mutants DRIVER=qat MUTANT=reset-*', 'interop TEST=@(type-*|file) QEMU=latest MUTANT=fsm-fd-twice', 'interop KERNEL=lts ENGINE=qemu',
    'bench ROWS=arcs\\ dma RUNS=2 BASELINE=Makefile', 'bench ENGINE=qemu',
    'fuzz SECONDS=60 SEED=7', 'fuzz RUNS=10', 'fuzz MERGE=0 SEED=1', 'stress MINUTES=10 SEED=random',
    'soak RUNS=5 TEST=race_test KERNEL=lts LOAD=0 LEAKS=0 SAN=1', 'deb DEBEMAIL=a@b.example',
    'newcomer SUITES=bookworm\\ trixie VERBS=run\\ check', 'portability TEST=arm64*',
    'install PREFIX=/usr/local KERNEL=lts DESTDIR=/image', 'uninstall KDIR=/lib/modules/1/build',
    'modules ARCH=x86_64 CC=sh V=12 W=1e C=1 CHECK=sh KBUILD_MODPOST_WARN=1 CROSS_COMPILE=any-', 'help SAN=0',
    'quick KERNEL=latest GUESTS=1 V=1', 'run shell GUESTS=', 'modules install DESTDIR=/x', 'distclean CACHE=/nonexistent',
]


def check(call, environment=None):
    words = [re.sub(r'\\(.)', r'\1', word) for word in re.findall(r'(?:\\.|\S)+', call)]
    given = dict(word.split('=', 1) for word in words if '=' in word)
    return calls.check([word for word in words if '=' not in word], given, environment or {})


class Variables(unittest.TestCase):

    def refused(self, call, environment=None):
        with self.assertRaises(values.Wrong, msg=call) as caught:
            check(call, environment)
        return '\n'.join([str(caught.exception), *caught.exception.hints])

    def test_what_makes_no_sense_is_refused_with_a_hint(self):
        for call, *words in REFUSED:
            with self.subTest(call):
                answer = self.refused(call)
                at = 0
                for word in words:
                    found = answer.find(word, at)
                    self.assertGreaterEqual(found, 0, f'{word!r} in: {answer}')
                    at = found

    def test_what_makes_sense_is_taken(self):
        for call in TAKEN:
            with self.subTest(call):
                check(call)

    def test_each_variable_has_a_row_that_is_refused_for_its_value(self):
        # Words for somebody else, who judges them
        words = {'APPEND', 'CF', 'KCFLAGS', 'KCPPFLAGS', 'KBUILD_EXTRA_SYMBOLS', 'INSTALL_MOD_STRIP',
                 'DEBFULLNAME', 'CASE'}
        for variable in config.VARIABLES:
            if variable.name in words:
                self.assertIs(variable.check, values.free)
            elif variable.check is values.program:
                with self.assertRaises(values.Wrong):
                    check(f'modules {variable.name}=nosuchprogram')
            elif variable.name not in ('LLVM_IAS', 'KBUILD_MODPOST_WARN'):
                self.assertTrue(any(f' {variable.name}=' in call for call, *_ in REFUSED), variable.name)

    def test_each_variable_is_of_use_to_a_verb(self):
        used = {name for verb in registry.every() for name in registry.takes(verb)}
        self.assertEqual(used, set(config.BY_NAME))
        for verb in registry.every():
            for name in verb.checks:
                self.assertIn(name, registry.takes(verb))
            for name in verb.not_for:
                self.assertIn(name, config.BY_NAME)
                self.assertNotIn(name, registry.takes(verb))

    def test_the_environment_may_have_what_the_verb_has_no_use_for(self):
        self.assertEqual(check('lint', {'TEST': 'nosuch', 'MEM': 'lots', 'ARCH': 'pdp11', 'V': 'x'}),
                         {'lint': {}})
        # Of two that do not go together, too: who calls check LEAKS=1 calls a run with SAN=0.
        self.assertEqual(check('selftests SAN=0', {'LEAKS': '1', 'PROCESSORS': '2'})['selftests']['SAN'], '0')

    def test_the_environment_is_looked_at_where_it_counts(self):
        self.assertIn('MEM=lots (from the environment)', self.refused('run', {'MEM': 'lots'}))
        self.assertIn('ARCH=pdp11 (from the environment)', self.refused('modules', {'ARCH': 'pdp11'}))
        self.assertEqual(check('run MEM=512', {'MEM': 'lots'}), {'run': {'MEM': '512'}})

    def test_kbuild_has_its_variables_from_both(self):
        values = check('modules W=1', {'ARCH': 'x86', 'V': '1', 'LD': 'ld', 'KCFLAGS': '-DX'})['modules']
        self.assertEqual(values, {'W': '1', 'ARCH': 'x86', 'V': '1', 'KCFLAGS': '-DX'})

    def test_the_lab_has_them_from_the_command_line_only(self):
        self.assertEqual(check('run', {'V': '1', 'KCFLAGS': '-DX', 'ARCH': 'arm64'}), {'run': {}})
        self.assertEqual(check('run V=1'), {'run': {'V': '1'}})

    def test_the_checker_has_to_be_there(self):
        with mock.patch('lab.values.is_program', lambda _: False):
            self.assertIn('apt-get install sparse', self.refused('modules C=1'))
            check('modules C=0')

    def test_compilers_that_are_there(self):
        with tempfile.TemporaryDirectory() as place:
            for name in ('strange-linux-gnu-gcc', 'clang-99', 'clang'):
                shutil.copy('/bin/true', f'{place}/{name}')
            with mock.patch.dict(os.environ, {'PATH': f'{place}:{os.environ["PATH"]}'}):
                check('modules CROSS_COMPILE=strange-linux-gnu-')
                check('modules CROSS_COMPILE=ccache\\ strange-linux-gnu-')
                check('modules LLVM=-99 CROSS_COMPILE=nosuch-')
                check(f'modules LLVM={place}/')
                self.assertIn('CROSS_COMPILE=strange-linux-gnu-?',
                              self.refused('modules CROSS_COMPILE=strange-linux-gnu'))
                self.assertIn('CROSS_COMPILE=strange-linux-gnu-?',
                              self.refused('modules CROSS_COMPILE=strange'))
                self.assertIn('there is no clang-98', self.refused('modules LLVM=-98'))

    def test_paths_are_those_of_the_caller(self):
        with tempfile.TemporaryDirectory() as place:
            for name in ('Makefile', 'Kconfig'):
                open(f'{place}/{name}', 'w', encoding='utf-8').close()
            os.makedirs(f'{place}/arch/um')
            with mock.patch.dict(os.environ, {'HOME': place}):
                self.assertEqual(check('run KERNEL=~/')['run']['KERNEL'], place)
                self.assertEqual(check('run CACHE=~/cache')['run']['CACHE'], f'{place}/cache')
            before = os.getcwd()
            try:
                os.chdir(os.path.dirname(place))
                name = os.path.basename(place)
                self.assertEqual(check(f'series TREE=./{name} OUT={name}/out')['series'],
                                 {'TREE': place, 'OUT': f'{place}/out'})
                self.assertIn(f'KERNEL=./{name}?', self.refused(f'run KERNEL={name}'))
            finally:
                os.chdir(before)

    def test_the_kernel_and_the_architecture(self):
        with tempfile.TemporaryDirectory() as place, \
                mock.patch('os.uname', lambda: os.uname_result(('Linux', 'n', '6.12', 'v', 'x86_64'))), \
                mock.patch('lab.values.is_program', lambda _: True):
            os.makedirs(f'{place}/include/config')
            open(f'{place}/Makefile', 'w', encoding='utf-8').close()
            for theirs, said, words in (
                    ('arm64', '', f'KDIR={place} ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-'),
                    ('arm64', 'ARCH=arm64', 'ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-, or LLVM=1'),
                    ('arm64', 'ARCH=riscv CROSS_COMPILE=x-', 'one for arm64, and this would build for riscv'),
                    ('arm64', 'ARCH=arm CROSS_COMPILE=x-', 'one for arm64, and this would build for arm'),
                    ('arm64', 'ARCH=arm64 CROSS_COMPILE=x-', ''), ('arm64', 'ARCH=arm64 LLVM=1', ''),
                    ('x86', '', ''), ('x86_64', 'ARCH=i386', ''), ('um', '', ''), ('um', 'ARCH=um', ''),
                    ('um', 'ARCH=x86', 'one for um'), ('s390', '', 'CROSS_COMPILE=s390x-linux-gnu-')):
                with open(f'{place}/include/config/auto.conf', 'w', encoding='utf-8') as file:
                    file.write(f'#\n# Linux/{theirs} 6.12.1 Kernel Configuration\n#\n')
                with self.subTest(f'{theirs} {said}'):
                    if words:
                        self.assertIn(words, self.refused(f'modules KDIR={place} {said}'))
                    else:
                        check(f'modules KDIR={place} {said}')

    def test_kunit_has_its_own_pattern(self):
        for text, glob in (('fsm', 'mtty_mig_fsm.*'), ('mtty_mig_fsm', 'mtty_mig_fsm.*'),
                           ('d*', 'mtty_mig_d*.*'), ('fsm.*', 'mtty_mig_fsm.*'),
                           ('standins_bus', 'standins_bus.*')):
            self.assertEqual(check(f'kunit TEST={text}')['kunit']['TEST'], glob)

    def test_the_account_of_the_demo_leaves_the_guest(self):
        for words, result, target in (
                ('-t base', '-t base', ''),
                ('-j x.json -t base', '-j /run/lab/account -t base', 'x.json'),
                ('-jx.json', '-j /run/lab/account', 'x.json'),
                ('--json=a/x.json', '-j /run/lab/account', 'a/x.json'),
                ('--js /tmp/x.json', '-j /run/lab/account', '/tmp/x.json'),
                ('-j a -j b', '-j /run/lab/account -j /run/lab/account', 'b'),
                ('-j /dev/stdout', '-j /dev/stdout', ''),
                ('-j', '-j', '')):
            self.assertEqual(values.account(words.split()), (result.split(), target))

    def test_help_tells_of_all(self):
        text = calls.help_text()
        for variable in config.VARIABLES:
            self.assertRegex(text, rf'(?m)^ .*\b{variable.name}\b')
        for verb in registry.every():
            self.assertRegex(text, rf'(?m)^  {verb.name} ')

    def test_each_verb_has_a_file_and_its_place(self):
        files = {name.removesuffix('.py').replace('_', '-') for name in os.listdir(f'{values.SCRIPTS}/lab/verbs')
                 if name.endswith('.py') and name != '__init__.py'}
        self.assertEqual(sorted(files), sorted(registry.NAMES))
        for name in registry.NAMES:
            self.assertEqual(registry.find(name).name, name)

    def test_the_readme_has_the_rows_of_verbs_and_variables(self):
        text = values.read(tables.README)
        self.assertEqual(tables.readme(text), text, 'python3 scripts/lab tables writes it')
        with self.assertRaises(ValueError):
            tables.readme(text.replace('| variable ', '| name '))

    def test_make_knows_each_verb(self):
        text = values.output('make', '-s', '-C', values.REPO, '-pn', 'help')
        listed = next(line.split()[2:] for line in text if line.startswith('VERBS := '))
        self.assertEqual(sorted(listed), sorted(['help', *registry.NAMES]))



if __name__ == '__main__':
    unittest.main()
