# SPDX-License-Identifier: GPL-2.0-only
"""make check"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import RANDOM, TESTS, Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'check',
    help='all KUnit suites and all selftests, with sanitizers, on two kernels or on KERNEL=',
    variables=f'{TESTS} {RANDOM} TEST TYPES ARGS ONLY SHARD',
    results=True,
    kbuild=('V',),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import tests  # pylint: disable=import-outside-toplevel
    if not lab.kernel_given:
        return tests.on_all_kernels(lab, 'check')
    return tests.on_one_kernel(lab, '1', lab.wanted_units(), kunit=True, cards=True, hosts=True)
