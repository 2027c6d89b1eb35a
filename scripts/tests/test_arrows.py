# SPDX-License-Identifier: GPL-2.0-only
"""The picture of the driver: what is an arrow, and that the document has the newest."""

from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import arrows  # noqa: E402  # pylint: disable=wrong-import-position

SOURCES = {
    'top.c': 'static int mtty_mine(void)\n{\n\treturn mtty_low() + mtty_b();\n}\n',
    'a.c': 'int mtty_a(int x,\n\t   int y)\n{\n\treturn mtty_b();\n}\n',
    'b.c': 'int mtty_b(void)\n{\n\treturn mtty_a(1, 2) + mtty_low_ops.x();\n}\n',
    'low.c': 'const struct ops mtty_low_ops = {\n};\n\nvoid *mtty_low(void)\n{\n}\n',
}


class Arrows(unittest.TestCase):
    def test_found(self) -> None:
        self.assertEqual(arrows.find_arrows(SOURCES), {
            'top.c': {'low.c', 'b.c'}, 'a.c': {'b.c'}, 'b.c': {'a.c', 'low.c'}, 'low.c': set()})

    def test_static_functions_are_nobody_elses(self) -> None:
        self.assertNotIn('top.c', set().union(*arrows.find_arrows(
            SOURCES | {'c.c': 'int mtty_c(void)\n{\n\treturn mtty_mine();\n}\n'}).values()))

    def test_levels(self) -> None:
        self.assertEqual(arrows.levels(arrows.find_arrows(SOURCES)),
                         [['top.c'], ['a.c', 'b.c'], ['low.c']])

    def test_dot(self) -> None:
        text = arrows.dot(arrows.find_arrows(SOURCES))
        self.assertIn('\t"a.c" -> "b.c";\n', text)
        self.assertIn('{ rank=same; "a.c"; "b.c"; }', text)

    def test_the_driver_has_no_circle(self) -> None:
        used = arrows.find_arrows(arrows.read_sources(arrows.DRIVER))
        self.assertEqual([file for file in used if file in arrows.reached(used, file)], [])

    def test_the_document_is_up_to_date(self) -> None:
        with open(arrows.PAGE, encoding='utf-8') as file:
            page = file.read()
        new = arrows.picture(arrows.find_arrows(arrows.read_sources(arrows.DRIVER)))
        self.assertEqual(arrows.replaced(page, new), page, 'call scripts/arrows.py write')


if __name__ == '__main__':
    unittest.main()
