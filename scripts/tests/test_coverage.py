# SPDX-License-Identifier: GPL-2.0-only
"""What counts as reached, and what is said of the rest."""

import argparse
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import coverage  # noqa: E402

SOURCE = '''\
int f(int a)
{
	if (a)
		return 1;
	if (WARN_ON_ONCE(a > 9))
		return 2;
	if (a > 5)
		return 1;
	return 0;
}
'''
FSM = '\tARC(STOP,\t  STOP_COPY,\tbegin, end, finish),\n\tARC(STOP_COPY, STOP, NULL, NULL, end),\n'
POINTS = '\tPOINT(READ, "read")\t\t/* read() of a data fd */ \\\n'


def line(number, count, *branches, function='f'):
    return {'line_number': number, 'count': count, 'function_name': function,
            'branches': [{'count': taken} for taken in branches]}


def unit(*lines, called=1):
    return {'functions': [{'name': 'f', 'start_line': 1, 'end_line': 10,
                           'execution_count': called}], 'lines': lines}


class Checkout(unittest.TestCase):
    """A directory with a driver in it, and what a run left."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        self.put('mtty-mig/a.c', SOURCE)
        self.put('mtty-mig/fsm.c', FSM)
        self.put('mtty-mig/points.h', POINTS)
        self.args = argparse.Namespace(source=self.dir, run=self.dir)

    def put(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        return path

    def file(self, *units):
        file = coverage.File('mtty-mig/a.c', self.dir)
        for each in units:
            file.add(each)
        return file


class Counting(Checkout):
    def test_guests_add_up(self):
        file = self.file(unit(line(3, 1, 1, 0), line(4, 1), line(9, 0)),
                         unit(line(3, 1, 0, 1), line(4, 0), line(9, 1)))
        self.assertEqual(file.count(), [3, 3, 2, 2])

    def test_what_no_guest_reached(self):
        file = self.file(unit(line(3, 5, 0, 5), line(4, 0)), unit(line(3, 5, 0, 5), line(4, 0)))
        self.assertEqual(file.count(), [2, 1, 2, 1])

    def test_branches_of_assertions_do_not_count(self):
        file = self.file(unit(line(5, 1, 0, 1, 0, 0), line(6, 0)))
        self.assertEqual(file.count(), [2, 1, 0, 0])
        self.assertRegex('\tKUNIT_STATIC_STUB_REDIRECT(f, a);', coverage.ASSERTION)

    def test_line_of_several_functions_is_one(self):
        file = self.file(unit(line(3, 0, 0, 0), line(3, 1, 1, 0, function='g')))
        self.assertEqual(file.count(), [1, 1, 4, 1])

    def test_share_is_not_rounded_up(self):
        self.assertEqual(coverage.share(9999, 10000), '99.9 % (9999 of 10000)')
        self.assertFalse(coverage.enough(949, 1000, 95))
        self.assertTrue(coverage.enough(950, 1000, 95))


class WhatIsLeft(Checkout):
    def left(self, text, *lines):
        file = self.file(unit(*lines))
        left = coverage.Left({file.name: file}, coverage.read_left(self.put('left', text)))
        left.file = file
        return left

    def test_unexplained(self):
        left = self.left('', line(3, 1, 1, 0), line(4, 0), line(9, 1))
        self.assertEqual(left.lines, ['mtty-mig/a.c:4: f: never reached: return 1;'])
        self.assertEqual(left.branches,
                         ['mtty-mig/a.c:3: f: 1 of 2 branches never taken: if (a)'])

    def test_explained(self):
        left = self.left('mtty-mig/a.c f: why,\nand more\n\tif (a)\n\treturn 1;\n',
                         line(3, 1, 1, 0), line(4, 0), line(9, 1))
        self.assertEqual((left.lines, left.branches, left.wrong, left.spare), ([], [], [], []))
        self.assertEqual(left.file.excused, [1, 1])

    def test_same_text_elsewhere_is_not_explained(self):
        left = self.left('mtty-mig/a.c f: why\n\tif (a)\n\treturn 1;\n',
                         line(3, 1, 1, 0), line(8, 0))
        self.assertEqual(left.lines, ['mtty-mig/a.c:8: f: never reached: return 1;'])

    def test_ambiguous_or_gone(self):
        for text in ('mtty-mig/a.c f: why\n\treturn 1;\n', 'mtty-mig/a.c f: why\n\treturn 7;\n',
                     'mtty-mig/a.c g: why\n\treturn 0;\n', 'mtty-mig/b.c f: why\n\treturn 0;\n'):
            self.assertEqual(len(self.left(text, line(9, 1)).wrong), 1, text)

    def test_reached_after_all(self):
        left = self.left('mtty-mig/a.c f: why\n\treturn 0;\n', line(9, 1))
        self.assertEqual(len(left.spare), 1)

    def test_list_with_something_else_in_it(self):
        for text in ('nonsense\n', '\tlines first\n', 'mtty-mig/a.c f: why\n\tif (a)\nmore\n'):
            with self.assertRaises(coverage.Broken):
                coverage.read_left(self.put('left', text))


class Traces(Checkout):
    def traced(self, text, stats='overrun: 0\n'):
        self.put('coverage/guest/trace', text)
        self.put('coverage/guest/stats', stats)
        return coverage.Traced(self.args)

    def test_only_success_counts_for_an_arc(self):
        traced = self.traced('      3 arc from=STOP to=STOP_COPY ret=0\n'
                             '      1 arc from=STOP_COPY to=STOP ret=-5\n')
        self.assertEqual(traced.missing(traced.arcs), ['STOP_COPY-STOP'])

    def test_points(self):
        traced = self.traced('      1 fault point=STOP-STOP_COPY-after errno=5\n'
                             '      1 fault point=read errno=5\n')
        self.assertEqual(traced.missing(traced.points),
                         ['STOP-STOP_COPY-before', 'STOP_COPY-STOP-before',
                          'STOP_COPY-STOP-after'])

    def test_what_cannot_be_relied_on(self):
        for text, stats in (('      1 fault point=nowhere errno=5\n', ''),
                            ('      1 arc from=STOP to=MOON ret=0\n', ''),
                            ('something else\n', ''),
                            ('', 'overrun: 7\n'), ('', 'dropped events: 1\n')):
            with self.assertRaises(coverage.Broken):
                self.traced(text, stats)

    def test_tables_that_are_not_understood(self):
        self.put('mtty-mig/fsm.c', 'nothing\n')
        with self.assertRaises(coverage.Broken):
            self.traced('')


if __name__ == '__main__':
    unittest.main()
