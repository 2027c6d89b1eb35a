# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of the protocol follow the sources."""

from __future__ import annotations

import os
import re
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import pictures  # noqa: E402  # pylint: disable=wrong-import-position
from lab.values import read  # noqa: E402

FSM = '''
\tARC(A,\t  B,\t\tmtty_migf_save, end_session, finish_save),
\tARC(B,\t  A,\t\tNULL, NULL, end_session),
static enum mtty_run state_run(enum vfio_device_mig_state state)
{
\tswitch (state) {
\tcase VFIO_DEVICE_STATE_B:
\tcase VFIO_DEVICE_STATE_C:
\t\treturn MTTY_RUNNING;
\tdefault:
\t\treturn MTTY_STOPPED;
\t}
}
'''


class Sources(unittest.TestCase):
    def test_the_driver(self) -> None:
        driver = pictures.read_driver(FSM)
        self.assertEqual(driver.arcs, [pictures.Arc('A', 'B', 'mtty_migf_save', 'finish_save'),
                                       pictures.Arc('B', 'A', 'NULL', 'end_session')])
        self.assertEqual(driver.runs, {'B': 'MTTY_RUNNING', 'C': 'MTTY_RUNNING'})

    def test_a_driver_that_looks_otherwise(self) -> None:
        with self.assertRaisesRegex(ValueError, 'does not look as it did'):
            pictures.read_driver(FSM.replace('\tARC(', '\tARROW('))

    def test_phases(self) -> None:
        driver = pictures.read_driver(read(pictures.FSM))
        edges = {(arc.start, arc.end): pictures.phases(arc) for arc in driver.arcs}
        self.assertEqual(edges['STOP', 'STOP_COPY'], ('none', 'stop-copy'))
        self.assertEqual(edges['PRE_COPY', 'STOP_COPY'], ('pre-copy', 'stop-copy'))
        self.assertEqual(edges['RESUMING', 'STOP'], ('resuming', 'dead'))
        self.assertIsNone(edges['RUNNING', 'STOP'])


@unittest.skipUnless(shutil.which('gcc'), 'there is no gcc')
class Pictures(unittest.TestCase):
    model: pictures.Model
    drawn: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = pictures.ask_model()
        cls.drawn = pictures.draw()

    def test_they_are_up_to_date(self) -> None:
        self.assertEqual(sorted(os.listdir(pictures.FOLDER)), sorted(f'{name}.dot' for name in self.drawn))
        for name, text in self.drawn.items():
            with self.subTest(name):
                self.assertEqual(read(f'{pictures.FOLDER}/{name}.dot'), text,
                                 'call scripts/pictures.py write')

    def test_the_page_shows_each(self) -> None:
        page = read(f'{pictures.REPO}/Documentation/protocol.rst')
        self.assertEqual(sorted(re.findall(r'graphviz:: pictures/(\S+)\.dot', page)), sorted(self.drawn))

    def test_the_driver_has_the_arcs_of_the_model(self) -> None:
        """Two lists that do not know of each other."""
        arcs = {arc for name in pictures.SETS for arc in self.model.arcs(name)}
        driver = pictures.read_driver(read(pictures.FSM))
        self.assertEqual({(arc.start, arc.end) for arc in driver.arcs}, arcs)
        listed = re.findall(r'^\tARC\((\w+),\s+(\w+)\)', read(f'{pictures.REPO}/mtty-mig/arcs.h'), re.M)
        self.assertEqual(set(listed), arcs)

    def test_the_picture_has_each_arc(self) -> None:
        for name in pictures.SETS:
            found = set()
            for start, end, both in re.findall(r'^\t"(\w+)" -> "(\w+)"( \[dir=both\])?;$',
                                               self.drawn[f'fsm-{name}'], re.M):
                found |= {(start, end)} | ({(end, start)} if both else set())
            self.assertEqual(found, set(self.model.arcs(name)), name)

    def test_paths_are_made_of_arcs(self) -> None:
        for name in pictures.SETS:
            arcs = self.model.arcs(name)
            for path in self.model.paths[name]:
                for step in zip(path, path[1:]):
                    self.assertIn(step, arcs)

    def test_a_pre_copy_takes_arcs_only(self) -> None:
        driver = pictures.read_driver(read(pictures.FSM))
        output = '  source       RUNNING      -> STOP_COPY     0.061 ms\n'
        with self.assertRaisesRegex(ValueError, 'RUNNING to STOP_COPY'):
            pictures.time(self.model, driver, output)
        with self.assertRaisesRegex(ValueError, 'no output of make run'):
            pictures.time(self.model, driver, '')


if __name__ == '__main__':
    unittest.main()
