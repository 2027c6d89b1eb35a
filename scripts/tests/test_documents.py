# SPDX-License-Identifier: GPL-2.0-only
"""Documents render, and what does not is told."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path.insert(0, SCRIPTS)
try:
    import documents
except ImportError:
    raise unittest.SkipTest('there is no docutils') from None

TABLE = '''\
=====  =====
a      b
=====  =====
{}  words
=====  =====
'''


class Rendering(unittest.TestCase):
    def render(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as place:
            for name in ('it', 'other'):
                with open(f'{place}/{name}.rst', 'w', encoding='utf-8') as file:
                    file.write(text)
            return documents.render(f'{place}/it.rst')

    def test_well_formed(self) -> None:
        self.assertEqual(self.render('Title\n=====\n\nWords.\n\n' + TABLE.format('12345')), '')

    def test_table(self) -> None:
        self.assertIn('it.rst:6: (ERROR/3) Malformed table', self.render(
            'Words.\n\n' + TABLE.format('123456')))

    def test_title(self) -> None:
        self.assertIn('it.rst:2: (WARNING/2) Title underline too short',
                      self.render('Long title\n=====\n\nWords.\n'))

    def test_role(self) -> None:
        self.assertIn('Unknown interpreted text role', self.render('See :dok:`other`.\n'))

    def test_link(self) -> None:
        self.assertEqual(self.render('See :doc:`other` and :doc:`that one <other>`.\n'), '')
        self.assertIn('it.rst:1: (ERROR/3) there is no document nowhere',
                      self.render('See :doc:`nowhere`.\n'))


class Ours(unittest.TestCase):
    def test_all(self) -> None:
        paths = glob.glob(f'{SCRIPTS}/../Documentation/**/*.rst', recursive=True)
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(os.path.basename(path)):
                self.assertEqual(documents.render(path), '')


if __name__ == '__main__':
    unittest.main()
