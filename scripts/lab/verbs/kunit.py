# SPDX-License-Identifier: GPL-2.0-only
"""make kunit"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import KBUILD_LAB, RUN, Verb
from lab.values import kernels, suite

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'kunit',
    help='only the KUnit suites; TEST=SUITE for some of them',
    variables=f'{RUN} LEAKS TEST',
    results=True,
    kbuild=KBUILD_LAB,
    checks={'TEST': suite, 'KERNEL': kernels('lts', 'latest', '/')},
    not_for={
        'GUESTS': 'all suites run in one guest',
        'TEST_TIMEOUT': 'TIMEOUT= is for all of them',
    },
    readme=(
        '`make kunit`, `selftests`',
        'the two halves of `check`; `TEST=PATTERN` selects programs, `make kunit TEST=fsm` a suite',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.tests import on_one_kernel  # pylint: disable=import-outside-toplevel
    if lab.get('TEST'):
        lab.append(f'kunit.filter_glob={lab.get("TEST")}')
    return on_one_kernel(lab, '1', [], kunit=True, cards=True)
