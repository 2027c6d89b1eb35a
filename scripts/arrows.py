#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which file of the driver uses which: the picture in Documentation/architecture.rst.

    arrows.py text      the picture
    arrows.py dot       the same for graphviz: arrows.py dot | dot -Tsvg >driver.svg
    arrows.py write     put it into the document

A file uses another one if it names a function or an operations structure that the
other one defines.  Inline functions of headers, tracepoints and the exports for KUnit
are left out.  scripts/tests/test_arrows.py fails if the document is not up to date.
"""

from __future__ import annotations

import glob
import os
import re
import sys
import textwrap

REPO = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
DRIVER = f'{REPO}/mtty-mig'
PAGE = f'{REPO}/Documentation/architecture.rst'
BEGIN = '.. What follows is written by scripts/arrows.py write\n\n'
END = '.. End of what is written by scripts/arrows.py\n'

Arrows = dict[str, set[str]]

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
# At the beginning of a line, as the kernel's style has it
FUNCTION = re.compile(r'^(?!static\b)\w[\w \t*]*?\b(mtty_\w+)\([^;{}]*\)\n\{', re.M)
OPERATIONS = re.compile(r'^const struct \w+ (mtty_\w+) = \{', re.M)


def read_sources(folder: str) -> dict[str, str]:
    """The driver's files, without comments and strings."""
    sources = {}
    for path in sorted(glob.glob(f'{folder}/*.c')):
        name = os.path.basename(path)
        if name != 'kunit_exports.c':
            with open(path, encoding='utf-8') as file:
                sources[name] = COMMENT_OR_STRING.sub(' ', file.read())
    return sources


def find_arrows(sources: dict[str, str]) -> Arrows:
    """{file: the files that it uses}"""
    home = {name: file for file, text in sources.items()
            for name in FUNCTION.findall(text) + OPERATIONS.findall(text)}
    return {file: {home[word] for word in re.findall(r'\bmtty_\w+', text) if word in home} - {file}
            for file, text in sources.items()}


def reached(arrows: Arrows, start: str) -> set[str]:
    """All files that one uses, also by way of others."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for file in arrows[todo.pop()] - found:
            found.add(file)
            todo.append(file)
    return found


def levels(arrows: Arrows) -> list[list[str]]:
    """From the top down: a file uses files below it, or in a circle with it."""
    below = {file: reached(arrows, file) for file in arrows}
    circle = {file: {file} | {each for each in below[file] if file in below[each]} for file in arrows}
    height: dict[str, int] = {}

    def measure(file: str) -> int:
        if file not in height:
            lower = [each for member in circle[file] for each in arrows[member] - circle[file]]
            height[file] = 1 + max((measure(each) for each in lower), default=-1)
        return height[file]

    result: list[list[str]] = []
    for file in arrows:
        measure(file)
    for each in sorted(set(height.values()), reverse=True):
        result.append(sorted(file for file in arrows if height[file] == each))
    return result


def picture(arrows: Arrows) -> str:
    width = max(map(len, arrows))
    blocks = []
    for level in levels(arrows):
        lines = []
        for file in level:
            lines += textwrap.wrap(' '.join(sorted(arrows[file])) or '(nothing)', 80 - width - 8,
                                   initial_indent=f'    {file:{width}} -> ',
                                   subsequent_indent=' ' * (width + 8))
        blocks.append('\n'.join(lines))
    return '::\n\n' + '\n\n'.join(blocks) + '\n\n'


def dot(arrows: Arrows) -> str:
    lines = ['digraph driver {', '\tnode [shape=box];']
    for level in levels(arrows):
        lines.append('\t{ rank=same; ' + ' '.join(f'"{file}";' for file in level) + ' }')
    lines += [f'\t"{file}" -> "{other}";' for file in arrows for other in sorted(arrows[file])]
    return '\n'.join([*lines, '}', ''])


def replaced(page: str, text: str) -> str:
    """The page with another picture in it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit('arrows.py: the document has no place for the picture')
    return before + begin + text + end + after


def main(argv: list[str]) -> int:
    arrows = find_arrows(read_sources(DRIVER))
    if argv == ['text']:
        print(picture(arrows), end='')
    elif argv == ['dot']:
        print(dot(arrows), end='')
    elif argv == ['write']:
        with open(PAGE, encoding='utf-8') as file:
            page = file.read()
        with open(PAGE, 'w', encoding='utf-8') as file:
            file.write(replaced(page, picture(arrows)))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
