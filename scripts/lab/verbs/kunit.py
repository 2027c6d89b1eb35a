# SPDX-License-Identifier: GPL-2.0-only
"""make kunit"""

from lab.config import KBUILD_LAB, RUN, Verb
from lab.values import kernels, suite

VERB = Verb(
    'kunit',
    help='only the KUnit suites; TEST=SUITE for some of them',
    command='lab.sh kunit',
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
