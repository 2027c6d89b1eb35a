# SPDX-License-Identifier: GPL-2.0-only
"""make docs: pages render, and whatever Sphinx or graphviz warns of is an error."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from typing import Iterator

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
INDEX = 'Title\n=====\n\n.. toctree::\n\n   page\n\n{}\n'
PAGE = 'Page\n====\n\n{}\n'
TABLE = '=====  =====\na      b\n=====  =====\n{}  words\n=====  ====='
PICTURE = '.. graphviz::\n\n   digraph {{ {} }}'


@unittest.skipUnless(shutil.which('sphinx-build') and shutil.which('dot'),
                     'there is no Sphinx or no graphviz (Debian: python3-sphinx graphviz)')
class Docs(unittest.TestCase):
    """In a project with the script, the configuration and two pages."""

    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.project = tmp.name
        for name in ('scripts/docs.sh', 'scripts/lib.sh', 'scripts/packages.sh', 'Documentation/conf.py',
                     'Documentation/_static/pages.css', 'mtty-mig/dkms.conf'):
            os.makedirs(os.path.dirname(f'{self.project}/{name}'), exist_ok=True)
            shutil.copy(f'{REPO}/{name}', f'{self.project}/{name}')

    def docs(self, page: str, index: str = '') -> tuple[int, str]:
        """Exit status and output with these words on the pages."""
        for name, text in (('index', INDEX.format(index)), ('page', PAGE.format(page))):
            with open(f'{self.project}/Documentation/{name}.rst', 'w', encoding='utf-8') as file:
                file.write(text)
        ended = subprocess.run([f'{self.project}/scripts/docs.sh'], text=True, check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return ended.returncode, ended.stdout

    def test_well_formed(self) -> None:
        status, said = self.docs(TABLE.format('12345') + '\n\nSee :doc:`index`.\n\n' + PICTURE.format('a -> b'))
        self.assertEqual((status, said), (0, f'lab: the pages: {self.project}/build/docs/index.html\n'))
        with open(f'{self.project}/build/docs/page.html', encoding='utf-8') as file:
            self.assertIn('type="image/svg+xml"', file.read())

    def test_what_is_wrong(self) -> None:
        with open(f'{self.project}/Documentation/lost.rst', 'w', encoding='utf-8') as file:
            file.write(PAGE.format('Words.'))
        page = TABLE.format('123456') + '\n\nSee :doc:`nowhere`.\n\n' + PICTURE.format('a -> -> b')
        # The second time, too: nothing is kept of a page that was wrong.
        for _ in range(2):
            status, said = self.docs(page)
            self.assertEqual(status, 1, said)
            for words in ('page.rst:7: ERROR: Malformed table', "WARNING: unknown document: 'nowhere'",
                          'dot exited with error', "lost.rst: WARNING: document isn't included in any toctree"):
                self.assertIn(words, said)


class Names(unittest.TestCase):
    """What the pages name is there."""

    def pages(self) -> Iterator[tuple[str, str]]:
        for path in sorted(glob.glob(f'{REPO}/Documentation/**/*.rst', recursive=True)):
            with open(path, encoding='utf-8') as file:
                yield os.path.relpath(path, REPO), file.read()

    def test_rules(self) -> None:
        pages = dict(self.pages())
        known = set(re.findall(r'^(MIG-[A-Z0-9]+-\d\d)\n-+$', pages['Documentation/rules.rst'], re.M))
        self.assertIn('MIG-FSM-03', known)
        for name, text in pages.items():
            with self.subTest(name):
                self.assertEqual(set(re.findall(r'\bMIG-[A-Z0-9]+-\d\d\b', text)) - known, set())

    def test_mutants_of_the_tour(self) -> None:
        text = dict(self.pages())['Documentation/writing-a-driver.rst']
        names = set(re.findall(r'(?:``|mutants/)((?:fsm|migf|stream)(?:-[a-z0-9]+)+)(?:``|\.patch)', text))
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertTrue(os.path.exists(f'{REPO}/selftests/mutants/{name}.patch'), name)

    def test_functions_of_the_tour(self) -> None:
        text = dict(self.pages())['Documentation/writing-a-driver.rst']
        driver = ''
        for path in glob.glob(f'{REPO}/mtty-mig/*.c'):
            with open(path, encoding='utf-8') as file:
                driver += file.read()
        names = set(re.findall(r'``(\w+)\(', text))
        self.assertIn('execute_arc', names)
        self.assertEqual({name for name in names if not re.search(rf'\b{name}\(', driver)}, set())


if __name__ == '__main__':
    unittest.main()
