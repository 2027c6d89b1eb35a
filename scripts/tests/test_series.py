# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the patch series: what becomes of compat.h, and the hooks."""

import fnmatch
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import series  # pylint: disable=wrong-import-position

COMPAT = '''/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MTTY_MIG_COMPAT_H
#define MTTY_MIG_COMPAT_H

#include <linux/version.h>
#include <linux/vfio.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "too old"
#endif

/* a string */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define NS() \\
	MODULE_IMPORT_NS(A)
#else
#define NS() \\
	MODULE_IMPORT_NS("A")
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define OP(fn)
#else
#define OP(fn)	.op = fn,
#endif

/* another name */
#ifndef run_worker
#define run_worker	create_worker
#endif

/* 7.1 brought it */
#ifdef REINIT
#define v2(vdev)	((vdev)->v2)
#else
#define REINIT	1
static inline bool v2(struct vfio_device *vdev)
{
	return false;
}
#endif

#endif /* MTTY_MIG_COMPAT_H */
'''

OLD = ((6, 12, 5), lambda name: False)
NEW = ((7, 2, 0), lambda name: True)


class Tree:
    def __init__(self, *names):
        self.names = names

    def defines(self, name):
        return name in self.names


class CompatTest(unittest.TestCase):
    def resolve(self, kernel):
        return series.resolve_compat(COMPAT, *kernel)

    def test_version(self):
        self.assertEqual('MODULE_IMPORT_NS(A)', self.resolve(OLD).macros['NS'].body)
        self.assertEqual('MODULE_IMPORT_NS("A")', self.resolve(NEW).macros['NS'].body)
        edge = ((6, 13, 0), lambda name: False)
        self.assertEqual('MODULE_IMPORT_NS("A")', self.resolve(edge).macros['NS'].body)

    def test_what_is_not_defined(self):
        self.assertEqual('create_worker', self.resolve(OLD).macros['run_worker'].body)
        self.assertEqual('\tx = create_worker(0, "a");\n',
                         series.expand('\tx = run_worker(0, "a");\n', self.resolve(OLD).macros))
        self.assertNotIn('run_worker', self.resolve(NEW).macros)

    def test_too_old(self):
        with self.assertRaisesRegex(series.SeriesError, 'too old'):
            self.resolve(((6, 11, 9), lambda name: False))

    def test_nothing_lacking(self):
        compat = self.resolve(NEW)
        self.assertIsNone(compat.header)
        self.assertEqual({'NS', 'OP', 'v2'}, set(compat.macros))

    def test_lacking(self):
        compat = self.resolve(OLD)
        self.assertEqual({'REINIT', 'v2'}, compat.lacking)
        self.assertNotIn('v2', compat.macros)
        self.assertIn('/* 7.1 brought it */\n#define REINIT\t1\nstatic inline bool v2(',
                      compat.header)
        self.assertNotIn('a string', compat.header)
        self.assertNotIn('version.h', compat.header)
        self.assertNotIn('#if ', compat.header)

    def test_unknown_condition(self):
        with self.assertRaisesRegex(series.SeriesError, 'not understood'):
            series.resolve_compat('#ifndef MTTY_MIG_COMPAT_H\n#if FOO\n#endif\n#endif\n', *OLD)

    def test_expand(self):
        macros = self.resolve(NEW).macros
        text = 'NS();\n\t.a = b,\n\tOP(f)\n\tif (v2(&x->vdev)) {\n\t\ty = v2(vdev);\n'
        self.assertEqual('MODULE_IMPORT_NS("A");\n\t.a = b,\n\t.op = f,\n'
                         '\tif (x->vdev.v2) {\n\t\ty = vdev->v2;\n',
                         series.expand(text, macros))

    def test_a_line_that_becomes_empty_goes(self):
        self.assertEqual('a\nb\n', series.expand('a\n\tOP(f)\nb\n', self.resolve(OLD).macros))

    def test_native(self):
        text = '#include "compat.h"\n#include "x.h"\nNS();\np = kzalloc(sizeof(*p), GFP);\n'
        self.assertEqual('#include "x.h"\nMODULE_IMPORT_NS("A");\np = kzalloc_obj(*p, GFP);\n',
                         series.native('x.c', text, self.resolve(NEW), Tree('kzalloc_obj')))
        old = text.replace('#include "compat.h"\n', '').replace('NS()', 'MODULE_IMPORT_NS(A)')
        self.assertEqual(old,
                         series.native('x.c', text, self.resolve(OLD), Tree()))
        text += 'v2(x);\n'
        self.assertIn('#include "compat.h"\n',
                      series.native('x.c', text, self.resolve(OLD), Tree()))

    def test_nothing_else_speaks_of_it(self):
        with self.assertRaisesRegex(series.SeriesError, 'other kernels'):
            series.native('x.c', '/* see compat.h */\n', self.resolve(NEW), Tree())


class NamesTest(unittest.TestCase):
    def test_comment_is_filled_anew(self):
        text = (' * a word and another that is long enough, see Documentation/stream.rst for\n'
                ' * the rest\n *\n * end\n')
        new = series.rename_in_source(text)
        self.assertEqual(' * a word and another that is long enough, see\n'
                         ' * Documentation/driver-api/vfio-migration/stream.rst for the rest\n'
                         ' *\n * end\n', new)

    def test_only_our_pages(self):
        text = ' * Documentation/fault-injection/fault-injection.rst\n'
        self.assertEqual(text, series.rename_in_source(text))

    def test_mutants_go(self):
        text = (':seen: x\n:no mutant: because\n   of it\n\nRule.\n\n'
                '``make rules`` prints\nthis and that.\n\nEnd\n')
        self.assertEqual(':seen: x\n\nRule.\n\nEnd\n', series.rules_page(text))


class SourcesTest(unittest.TestCase):
    """What is here can be made into a series."""

    def read(self, name):
        with open(f'{series.REPO}/{name}', encoding='utf-8') as file:
            return file.read()

    def test_compat(self):
        for kernel in (OLD, NEW):
            compat = series.resolve_compat(self.read('mtty-mig/compat.h'), *kernel)
            self.assertIn('MTTY_MIG_IMPORT_IOMMUFD_NS', compat.macros)
            self.assertNotIn('KERNEL_VERSION', compat.header or '')

    def test_rules(self):
        self.assertNotIn('make rules', series.rules_page(self.read('Documentation/rules.rst')))


class GrowingTest(unittest.TestCase):
    """A file that names others names only those that are there."""

    TESTS = ('# Tests\n\n# All\nTEST_GEN_PROGS += generic/p2p_test\n# Early\nTEST_GEN_PROGS += generic/arc_test\nTEST_GEN_PROGS += generic/fsm_test\n\n'
             '# The runner\nTEST_GEN_FILES += generic/conformance.py\nTEST_GEN_FILES += generic/rules.json\n')

    def test_tests(self):
        def only(*have):
            return series.only_tests(self.TESTS, {f'selftests/generic/{name}' for name in have},
                                     'selftests/generic')
        self.assertEqual(self.TESTS, only('p2p_test.c', 'arc_test.c', 'fsm_test.c', 'conformance.py'))
        self.assertEqual('# Tests\n\n# All\nTEST_GEN_PROGS += generic/fsm_test\n\n# The runner\n'
                         'TEST_GEN_FILES += generic/rules.json\n', only('fsm_test.c'))
        self.assertEqual('# Tests\n\n# The runner\nTEST_GEN_FILES += generic/rules.json\n', only())

    def test_objects(self):
        text = '# a.o\nobj-m += k.o\n\nk-y := a.o b.o\nk-y += c.o\n'
        self.assertEqual('# a.o\nobj-m += k.o\n\nk-y := b.o\n',
                         series.only_objects(text, {'kunit/b.c'}, 'kunit'))
        self.assertEqual(text, series.only_objects(text, {f'kunit/{n}.c' for n in 'abc'}, 'kunit'))

    def test_pages(self):
        with open(f'{series.TEXTS}/index.rst', encoding='utf-8') as file:
            text = file.read()
        self.assertEqual(text, series.only_pages(
            text, {f'Documentation/{page}.rst' for page in series.PAGES}
            | set(series.SECTIONS.values()), ''))
        first = series.only_pages(text, {'Documentation/rules.rst'}, '')
        self.assertIn('   :maxdepth: 1\n\n   rules\n', first)
        self.assertNotIn('stream', first)
        self.assertNotIn('mtty-mig', first)
        self.assertLess(set(series.SECTIONS), set(text.split('\n')))

    def test_the_files_are_there(self):
        for name in series.GROWING:
            self.assertTrue(os.path.isfile(f'{series.REPO}/{name}'), name)


class PartsTest(unittest.TestCase):
    def test_each_has_its_text(self):
        texts = {name[:-4] for name in os.listdir(series.TEXTS) if name.endswith('.txt')}
        self.assertEqual(texts, {part.text for part in series.PARTS} | {'cover'})

    def test_whole(self):
        """Nothing of the driver, its suites and the tests for any device is left out."""
        named = [pattern for part in series.PARTS for pattern, _ in part.files]
        for folder in ('mtty-mig', 'kunit', 'selftests/lib', 'selftests/generic'):
            for name in os.listdir(f'{series.REPO}/{folder}'):
                path = f'{folder}/{name}'
                if os.path.isfile(f'{series.REPO}/{path}') and name != 'dkms.conf':
                    self.assertTrue(any(fnmatch.fnmatchcase(path, pattern) for pattern in named), path)


class TrailersTest(unittest.TestCase):
    """What b4 reads: only a commit that the patches apply to."""

    def git(self, *words):
        subprocess.run(['git', '-C', self.folder, '-c', 'user.name=a', '-c', 'user.email=a@b', *words],
                       check=True, stdout=subprocess.DEVNULL)

    def tree(self):
        tree = series.Tree.__new__(series.Tree)
        tree.path = self.folder
        return tree

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = temp.name

    def write(self, name, text):
        with open(f'{self.folder}/{name}', 'w', encoding='utf-8') as file:
            file.write(text)

    def test_no_checkout(self):
        self.assertIsNone(self.tree().commit())

    def test_commit(self):
        self.git('init', '-q')
        self.write('MAINTAINERS', 'a')
        self.write('other', 'a')
        self.git('add', '.')
        self.git('commit', '-q', '-m', 'a')
        commit = self.tree().commit()
        self.assertRegex(commit, r'^[0-9a-f]{40}$')
        self.write('other', 'b')
        self.assertEqual(commit, self.tree().commit())
        self.write('MAINTAINERS', 'b')
        self.assertIsNone(self.tree().commit())


class HooksTest(unittest.TestCase):
    def test_kconfig(self):
        text = ('config A\n\thelp\n\t  a\n\nconfig SAMPLE_VFIO_MDEV_MBOCHS\n\thelp\n\t  if it\n\n'
                'config B\n\thelp\n')
        text = series.hook_kconfig(text, 'driver')
        text = series.hook_kconfig(text, 'kunit')
        self.assertIn('  if it\n\nsource "samples/vfio-mdev/mtty-mig/Kconfig"\n'
                      'source "samples/vfio-mdev/mtty-mig/tests/Kconfig"\n\nconfig B\n', text)

    def test_targets(self):
        text = 'TARGETS += user_events\nTARGETS += vDSO\nTARGETS += mm\n%sTARGETS += x86\n'
        self.assertIn('vDSO\nTARGETS += vfio-migration\nTARGETS += mm\n',
                      series.hook_targets(text % ''))
        self.assertIn('vfio\nTARGETS += vfio-migration\nTARGETS += x86\n',
                      series.hook_targets(text % 'TARGETS += vfio\n'))

    def test_index(self):
        text = '   vfio\n   vfio-mediated-device\n   vfio-pci-device-specific-driver-acceptance\n'
        self.assertEqual('   vfio\n   vfio-mediated-device\n   vfio-migration/index\n'
                         '   vfio-pci-device-specific-driver-acceptance\n', series.hook_index(text))
        with self.assertRaises(series.SeriesError):
            series.hook_index('   vfio\n')

    def test_maintainers(self):
        text = ('VFIO DRIVER\nM:\tA <a@b>\nF:\tx/\n\nVFIO MLX5 PCI DRIVER\nM:\tB <b@b>\n'
                'F:\ty/\n\nVGA\nM:\tC <c@c>\n')
        once = series.hook_maintainers(text, ('s/d/',), 'P <p@p>')
        self.assertIn('F:\tx/\n\nVFIO MIGRATION REFERENCE DEVICE AND TESTS\nM:\tP <p@p>\n'
                      'L:\tkvm@vger.kernel.org\nS:\tMaintained\nF:\ts/d/\n\nVFIO MLX5', once)
        twice = series.hook_maintainers(once, ('D/d/',), 'P <p@p>')
        self.assertIn('S:\tMaintained\nF:\tD/d/\nF:\ts/d/\n\nVFIO MLX5', twice)
        self.assertEqual(twice, series.hook_maintainers(twice, (), 'P <p@p>'))


if __name__ == '__main__':
    unittest.main()
