#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The stream's format for the tests, from the tables of Documentation/stream.rst.

    stream.py text      the header
    stream.py write     put it into selftests/device/lib/stream_format.h

Each table has columns of fixed width. A section's table of fields has an offset, a size,
a name and a value. What the value says of bits is what a test may rely on: "bits 0 to 3",
"bits 0, 3, 6, 7" or "bit 1" are those that may be set, and a reserved field has none.
scripts/tests/test_stream.py fails if the header is not up to date.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

REPO = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
PAGE = f'{REPO}/Documentation/stream.rst'
HEADER = f'{REPO}/selftests/device/lib/stream_format.h'

ANY = 'STREAM_ANY'


class Unclear(Exception):
    """What of the page cannot be understood."""


@dataclass
class Field:
    """A row of a table of fields."""
    offset: int
    size: int
    name: str
    value: str

    @property
    def unit(self) -> int:
        """Size of the numbers that it consists of; bytes, if nothing else is said."""
        if self.size in (1, 2, 4, 8):
            return self.size
        if re.search(r'\bentries of \d+ dwords', self.value):
            return 4
        each = re.search(r'\b\w+ of ([1248]) bytes', self.value)
        return int(each[1]) if each else 1

    @property
    def bits(self) -> str:
        """Those that may be set, as a number in C."""
        if self.name == 'reserved':
            return '0x0'
        first = re.search(r'\bbits? (\d+) to (\d+)|\bbits? (\d+(?:(?:,| and) \d+)*)', self.value)
        if not first:
            return ANY
        if first[1]:
            numbers = list(range(int(first[1]), int(first[2]) + 1))
        else:
            numbers = [int(each) for each in re.findall(r'\d+', first[3])]
        return f'{sum(1 << each for each in numbers):#x}'


@dataclass
class Format:
    """All that the page says."""
    header: list[Field]
    record: list[Field]
    types: list[tuple[str, str, int]]   # number, name, bytes of payload
    payload: dict[str, list[Field]]     # by the name of a record's type


def tables(text: str) -> list[list[list[str]]]:
    """The simple tables of a section: rows of cells, the first one the columns' names."""
    found = []
    for table in re.finditer(r'^(=+(?: =+)+)\n(.*)\n\1\n(.*?)\n\1$', text, re.M | re.S):
        starts = [match.start() for match in re.finditer('=+', table[1])]
        ends: list[int | None] = [*starts[1:], None]
        rows: list[list[str]] = []
        for line in [table[2], *table[3].split('\n')]:
            cells = [line[start:end].strip() for start, end in zip(starts, ends)]
            if cells[0]:
                rows.append(cells)
            else:
                rows[-1] = [f'{old} {new}'.strip() for old, new in zip(rows[-1], cells)]
        found.append(rows)
    return found


def sections(page: str) -> dict[str, str]:
    """The text of each section, by its title."""
    parts = re.split(r'^([^\n]+)\n([=-])\2+\n', page, flags=re.M)
    return dict(zip(parts[1::3], parts[3::3]))


def fields_of(title: str, text: str, end: int | None) -> list[Field]:
    """A section's table of fields, which leave no gap."""
    for rows in tables(text):
        if rows[0][:3] != ['offset', 'size', 'field']:
            continue
        fields = [Field(int(row[0]), int(row[1]), row[2], row[3]) for row in rows[1:]]
        at = 0
        for field in fields:
            if field.offset != at:
                raise Unclear(f'{title}: {field.name} is at {field.offset}, and not at {at}')
            at += field.size
        if end is not None and at != end:
            raise Unclear(f'{title}: its fields have {at} bytes, and not {end}')
        return fields
    raise Unclear(f'{title}: there is no table of fields')


def read(page: str) -> Format:
    parts = sections(page)
    types = [(row[0], row[1], int(row[2])) for rows in tables(parts['Record'])
             if rows[0][:3] == ['type', 'name', 'length'] for row in rows[1:]]
    payload = {}
    for title, text in parts.items():
        for name in title.split(', '):
            # What ZERO has of it is the index.
            end = {known: length for _, known, length in types if known != 'ZERO'}.get(name)
            if end is not None:
                payload[name] = fields_of(title, text, end)
    missing = {name for _, name, _ in types} - set(payload) - {'ZERO'}
    if missing or not types:
        raise Unclear('no section tells of ' + ' '.join(sorted(missing or {'any record'})))
    return Format(fields_of('Header', parts['Header'], None), fields_of('Record', parts['Record'], None),
                  types, payload)


def define(name: str, value: str) -> str:
    return f'#define {name}{chr(9) * max(1, 3 - len("#define " + name) // 8)}{value}\n'


def listed(name: str, rows: list[str]) -> str:
    return f'#define {name}(FIELD) \\\n' + ' \\\n'.join(f'\t{row}' for row in rows) + '\n'


def header(form: Format) -> str:
    length = {name: size for _, name, size in form.types}
    fields = [f'FIELD(REC_{name}, "{each.name}", {each.offset}, {each.size}, {each.unit}, {each.bits})'
              for _, name, _ in form.types for each in form.payload.get(name, form.payload['PAGE'][:1])]
    return ''.join([
        '/* SPDX-License-Identifier: GPL-2.0-only */\n'
        '/*\n'
        ' * The format of the mtty-mig migration stream, for tests: from the tables of\n'
        ' * Documentation/stream.rst, and not from the driver\'s own structures. Change\n'
        ' * that page, and not this file.\n'
        ' */\n'
        '#ifndef SELFTESTS_DEVICE_STREAM_FORMAT_H\n'
        '#define SELFTESTS_DEVICE_STREAM_FORMAT_H\n\n'
        '/* Header: offsets of its fields */\n',
        *(define(f'HDR_{each.name.upper()}', f'{each.offset}\t/* {each.size} bytes */') for each in form.header),
        define('HDR_SIZE', str(form.header[-1].offset + form.header[-1].size)),
        '\n/* Record: offsets of its fields */\n',
        *(define(f'REC_{each.name.upper()}', f'{each.offset}\t/* {each.size} bytes */') for each in form.record),
        define('REC_PAYLOAD', str(form.record[-1].offset + form.record[-1].size)),
        '\n/* Records of a page, whole */\n',
        define('PAGE_RECORD', f'(REC_PAYLOAD + {length["PAGE"]})'),
        define('ZERO_RECORD', f'(REC_PAYLOAD + {length["ZERO"]})'),
        '\n/* Record types */\n',
        *(define(f'REC_{name}', number) for number, name, _ in form.types),
        define('REC_UNKNOWN', '0x7ff0\t/* no version has it */'),
        '\n/* Flags of a record */\n',
        define('REC_OPTIONAL', '0x0001'),
        '\n/* Trailer: offsets in its payload */\n',
        *(define(f'TRAILER_{each.name.upper()}', f'{each.offset}\t/* {each.size} bytes */')
          for each in form.payload['TRAILER']),
        define('TRAILER_SIZE', str(length['TRAILER'])),
        '\n/* FIELD(offset, size) for each field of the header */\n',
        listed('STREAM_HEADER', [f'FIELD(HDR_{each.name.upper()}, {each.size})' for each in form.header]),
        '\n/* Any bits of a field may be set, as far as the format goes */\n',
        define(ANY, '(~0ULL)'),
        '\n/*\n'
        ' * FIELD(type, name, offset, size, unit, bits) for each field of each record:\n'
        ' * offset in the payload, size in bytes, size of the numbers that it consists of,\n'
        ' * and the bits of such a number that may be set\n'
        ' */\n',
        listed('STREAM_FIELDS', fields),
        '\n#endif /* SELFTESTS_DEVICE_STREAM_FORMAT_H */\n'])


def main(argv: list[str]) -> int:
    with open(PAGE, encoding='utf-8') as file:
        page = file.read()
    try:
        text = header(read(page))
    except Unclear as why:
        print(f'stream.py: Documentation/stream.rst, {why}', file=sys.stderr)
        return 1
    if argv == ['text']:
        print(text, end='')
    elif argv == ['write']:
        with open(HEADER, 'w', encoding='utf-8') as file:
            file.write(text)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
