# SPDX-License-Identifier: GPL-2.0-only
"""make check-all"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import RANDOM, Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'check-all',
    help='check, and all that takes longer: QEMU, races, Debian\'s kernel, mutants, coverage',
    variables=f'CACHE ONLY APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS LEAKS {RANDOM} QEMU SHARD',
    results=True,
    not_for={
        'KERNEL': 'its runs have their own; ONLY= takes some of the runs',
        'ENGINE': 'its runs have their own; ONLY= takes some of the runs',
        'TEST': 'its runs have their own; ONLY= takes some of the runs',
    },
    readme=(
        '`make check-all`',
        '`check`, and all that takes longer: an x86-64 kernel with two processors in QEMU, a search '
        "for data races, Debian's own kernel, QEMU's migration, conformance, coverage, mutants; one "
        'table at the end',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.tests import on_all_kernels  # pylint: disable=import-outside-toplevel
    return on_all_kernels(lab, 'all')
