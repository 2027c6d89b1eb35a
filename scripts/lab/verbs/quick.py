# SPDX-License-Identifier: GPL-2.0-only
"""make quick"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import KBUILD_LAB, Verb
from lab.values import kernels

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'quick',
    help='KUnit and the selftests that find most mistakes, without sanitizers: seconds, and not check',
    variables='KERNEL CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS',
    results=True,
    kbuild=KBUILD_LAB,
    checks={'KERNEL': kernels('lts', 'latest', '/')},
    not_for={
        'SAN': 'make check is with sanitizers, make quick without',
        'TEST': 'make selftests TEST=... runs the tests of that name',
        'ENGINE': 'User Mode Linux is what is quick',
    },
    readme=(
        '`make quick`',
        'KUnit and the selftests that find most mistakes for their time, without sanitizers, on 6.12:'
        ' seconds, for use while you edit; it does not replace `check`',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.lab import all_of  # pylint: disable=import-outside-toplevel
    from lab.tests import on_one_kernel  # pylint: disable=import-outside-toplevel
    return on_one_kernel(lab, '0', all_of('list-quick'), kunit=True)
