# SPDX-License-Identifier: GPL-2.0-only
"""The header for the tests of the stream: what is made of the tables of stream.rst."""

from __future__ import annotations

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import stream  # noqa: E402  # pylint: disable=wrong-import-position

FIELDS = '''\
====== ==== ======= ======
offset size field   value
====== ==== ======= ======
'''
END = '====== ==== ======= ======\n'
PAGE = f'''\
Header
======

{FIELDS}0      8    magic   x
8      4    kind    y, and
                    more
{END}
Record
======

{FIELDS}0      2    type    t
2      6    length  l
{END}
====== ======= ====== =======
type   name    length payload
====== ======= ====== =======
0x0001 PAGE    24     a page
0x0002 ZERO    8      none
0x0003 A0      5      two
0x0004 A1      5      of one kind
0xffff TRAILER 8      the end
====== ======= ====== =======

PAGE, ZERO
----------

{FIELDS}0      8    index   i
8      16   content c, 4 IDs of 4 bytes
{END}
A0, A1
------

{FIELDS}0      1    a       some, bits 1 to 3; 0 or bit 7
1      1    b       bits 0, 2
2      3    reserved
{END}
TRAILER
-------

{FIELDS}0      8    total   n
{END}'''


class Page(unittest.TestCase):
    def test_fields(self) -> None:
        form = stream.read(PAGE)
        self.assertEqual([(each.name, each.offset, each.size) for each in form.header],
                         [('magic', 0, 8), ('kind', 8, 4)])
        self.assertEqual(form.header[1].value, 'y, and more')
        self.assertEqual([each.unit for each in form.payload['PAGE']], [8, 4])
        self.assertEqual([each.bits for each in form.payload['A1']], ['0xe', '0x5', '0x0'])
        self.assertEqual(form.payload['PAGE'][0].bits, stream.ANY)

    def test_header(self) -> None:
        text = stream.header(stream.read(PAGE))
        for line in ('#define HDR_KIND\t8\t/* 4 bytes */\n', '#define HDR_SIZE\t12\n',
                     '#define REC_PAYLOAD\t8\n', '#define REC_A1\t\t0x0004\n',
                     '#define PAGE_RECORD\t(REC_PAYLOAD + 24)\n', '\tFIELD(REC_ZERO, "index", 0, 8, 8,',
                     '\tFIELD(REC_A1, "reserved", 2, 3, 1, 0x0) \\\n'):
            self.assertIn(line, text)
        self.assertNotIn('FIELD(REC_ZERO, "content"', text)

    def test_what_is_refused(self) -> None:
        for old, new, why in (('8      4    kind', '9      4    kind', 'kind is at 9, and not at 8'),
                              ('A1      5', 'A1      6', 'A1: its fields have 5 bytes, and not 6'),
                              ('A0, A1\n------', 'A0\n--', 'no section tells of A1'),
                              ('offset size field   value\n====== ==== ======= ======\n0      1',
                               'offset size name    value\n====== ==== ======= ======\n0      1',
                               'A0, A1: there is no table of fields')):
            with self.assertRaises(stream.Unclear) as caught:
                stream.read(PAGE.replace(old, new))
            self.assertIn(why, str(caught.exception))

    def test_the_header_is_up_to_date(self) -> None:
        with open(stream.PAGE, encoding='utf-8') as file:
            text = stream.header(stream.read(file.read()))
        with open(stream.HEADER, encoding='utf-8') as file:
            self.assertEqual(file.read(), text, 'call scripts/stream.py write')


if __name__ == '__main__':
    unittest.main()
