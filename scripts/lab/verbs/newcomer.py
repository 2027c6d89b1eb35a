# SPDX-License-Identifier: GPL-2.0-only
"""make newcomer"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'newcomer',
    help='make run and make check in fresh roots of Debian: SUITES=, VERBS=',
    variables='SUITES VERBS KERNEL ENGINE TEST CACHE',
    failure='a command failed',
    readme=(
        '`make newcomer`',
        'run the two commands in fresh roots of Debian 12 and 13',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    lab.packages('newcomer')
    lab.cache.make()
    return lab.program('newcomer.sh')
