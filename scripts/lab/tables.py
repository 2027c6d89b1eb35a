# SPDX-License-Identifier: GPL-2.0-only
"""The tables of README.md that come from the verbs and variables.

    python3 scripts/lab tables	writes them
"""

from __future__ import annotations

import re

from lab.cache import write
from lab.config import VARIABLES
from lab.registry import every
from lab.values import read, REPO

README = f'{REPO}/README.md'


def table(titles: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    """As Markdown has it.  What is wider than most of its column is not aligned."""
    left, right = 18, 63
    lines = [f'| {titles[0]:{left}} | {titles[1]:{right}} |', f'|{"-" * (left + 2)}|{"-" * (right + 2)}|']
    lines += [f'| {name:{left}} | {means:{right}} |' for name, means in rows]
    return '\n'.join(lines) + '\n'


def replaced(text: str, titles: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    """A text with the table of these titles made anew."""
    pattern = rf'^\| {re.escape(titles[0])} +\| {re.escape(titles[1])} +\|\n(?:\|.*\n)+'
    new, count = re.subn(pattern, lambda _: table(titles, rows), text, flags=re.M)
    if count != 1:
        raise ValueError(f'{count} tables of {titles[0]}')
    return new


def readme(text: str) -> str:
    """The README with its tables of verbs and variables made anew."""
    text = replaced(text, ('verb', 'what it does'), [verb.readme for verb in every() if verb.readme])
    return replaced(text, ('variable', 'meaning'), [each.readme for each in VARIABLES if each.readme])


def main() -> int:
    """Write them."""
    write(README, readme(read(README)))
    return 0
