# SPDX-License-Identifier: GPL-2.0-only
"""make mutants DRIVER=core: its patches, and the tree that it changes."""

import os
import re
import sys
import tempfile
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(TOP, 'scripts'))

import core_mutants  # pylint: disable=wrong-import-position
import hunt          # pylint: disable=wrong-import-position


class Patches(unittest.TestCase):
    def test_each_is_well_formed(self):
        mutants = hunt.read_all(core_mutants.MUTANTS)
        self.assertGreaterEqual(len(mutants), 60)
        for mutant in mutants:
            with self.subTest(mutant.name):
                self.assertTrue(mutant.subject)
                self.assertTrue(mutant.files)
                self.assertFalse(mutant.survives and mutant.killed_by)
                for name in mutant.files:
                    self.assertRegex(name, r'^(drivers/(vfio(/mdev)?|iommu/iommufd)/\w+\.c|include/linux/vfio\.h)$')

    def test_expected_programs_exist(self):
        for mutant in hunt.read_all(core_mutants.MUTANTS):
            for word in re.findall(r'\w+/\w+_test', mutant.killed_by):
                with self.subTest(mutant.name):
                    self.assertTrue(os.path.exists(f'{TOP}/selftests/{word}.c'), word)


PATCH = '''Subject: Two is three
Killed-by: generic/fsm_test

--- a/drivers/vfio/x.c
+++ b/drivers/vfio/x.c
@@ -1,3 +1,3 @@
 one
-two
+three
 four
'''


class Trees(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = folder.name
        os.makedirs(f'{self.top}/src/drivers/vfio')
        self.write('src/drivers/vfio/x.c', 'one\ntwo\nfour\n')
        self.write('src/.mtty-mig-stamp', '')
        self.write('m.patch', PATCH)
        self.tree = core_mutants.Tree(f'{self.top}/src', f'{self.top}/tree')
        self.mutant = hunt.Mutant.read(f'{self.top}/m.patch')

    def write(self, name, text):
        with open(f'{self.top}/{name}', 'w', encoding='utf-8') as file:
            file.write(text)

    def read(self, name):
        with open(f'{self.top}/{name}', encoding='utf-8') as file:
            return file.read()

    def test_the_source_is_left_alone(self):
        self.tree.apply(self.mutant)
        self.assertEqual(self.read('tree/drivers/vfio/x.c'), 'one\nthree\nfour\n')
        self.assertEqual(self.read('src/drivers/vfio/x.c'), 'one\ntwo\nfour\n')
        self.tree.restore(self.mutant.files)
        self.assertEqual(self.read('tree/drivers/vfio/x.c'), 'one\ntwo\nfour\n')
        self.assertTrue(os.path.exists(f'{self.top}/src/.mtty-mig-stamp'))
        self.assertFalse(os.path.exists(f'{self.top}/tree/.mtty-mig-stamp'))

    def test_what_is_as_it_was_is_not_written_again(self):
        self.tree.restore(self.mutant.files)
        before = os.stat(f'{self.top}/tree/drivers/vfio/x.c').st_mtime_ns
        self.tree.restore(self.mutant.files)
        self.assertEqual(os.stat(f'{self.top}/tree/drivers/vfio/x.c').st_mtime_ns, before)

    def test_a_patch_that_does_not_apply(self):
        self.write('src/drivers/vfio/x.c', 'another\n')
        with self.assertRaises(hunt.Broken):
            self.tree.apply(self.mutant)
        self.assertEqual(self.read('tree/drivers/vfio/x.c'), 'another\n')


class Verdicts(unittest.TestCase):
    def setUp(self):
        self.explained = hunt.Mutant('m', '', 'S', '', 'nothing sees it', [])

    def test_an_explanation_that_is_out_of_date(self):
        self.assertEqual(hunt.verdict('core', self.explained, ['a test'], 1).status, 'failed')

    def test_one_that_survives(self):
        self.assertEqual(hunt.verdict('core', self.explained, [], 1).status, 'skipped')
        self.assertEqual(hunt.verdict('core', self.explained._replace(survives=''), [], 1).status, 'failed')
        self.assertEqual(hunt.verdict('core', self.explained._replace(survives=''), ['a'], 1).status, 'passed')


if __name__ == '__main__':
    unittest.main()
