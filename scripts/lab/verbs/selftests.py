# SPDX-License-Identifier: GPL-2.0-only
"""make selftests"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import KBUILD_LAB, RANDOM, TESTS, Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'selftests',
    help='only the selftests; TEST=PATTERN for some of them',
    variables=f'{TESTS} {RANDOM} TEST TYPES ARGS SHARD',
    results=True,
    kbuild=KBUILD_LAB,
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.tests import on_one_kernel  # pylint: disable=import-outside-toplevel
    # Before anything is built: a word that is not known may be among these.
    units = lab.wanted_units()
    return on_one_kernel(lab, '1', units, only=bool(lab.get('TEST')))
