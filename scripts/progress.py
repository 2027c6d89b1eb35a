# SPDX-License-Identifier: GPL-2.0-only
"""What is shown while tests run: a line a program, and on a terminal how far it is.

V=1 shows all output; that of a program that failed is always shown.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Iterable

# Set by verb.py for V=1
VERBOSE = 'LAB_VERBOSE'


def verbose() -> bool:
    return os.environ.get(VERBOSE, '') not in ('', '0')


class Screen:
    """Standard output, with one line at its end that comes and goes."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._there = False

    def progress(self, text: str) -> None:
        """How far it is; nothing where nobody looks."""
        if self._terminal:
            width = shutil.get_terminal_size().columns
            sys.stdout.write(f'\r\033[K{text[:width - 1]}')
            sys.stdout.flush()
            self._there = True

    def clear(self) -> None:
        """Away with the line that comes and goes."""
        if self._there:
            sys.stdout.write('\r\033[K')
            self._there = False

    def write(self, lines: Iterable[str]) -> None:
        """Lines that stay."""
        self.clear()
        print('\n'.join(lines), flush=True)


def result_line(line: str, passed: int, skipped: int, seconds: float) -> str:
    """A program's result in KTAP, with what it came to as a comment."""
    told = [f'{number} {word}' for number, word in ((passed, 'passed'), (skipped, 'skipped')) if number]
    return f'{line}{"" if "#" in line else " #"} {", ".join([*told, f"{seconds:.1f} s"])}'
