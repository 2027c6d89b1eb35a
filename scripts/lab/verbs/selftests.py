# SPDX-License-Identifier: GPL-2.0-only
"""make selftests"""

from lab.config import KBUILD_LAB, RANDOM, TESTS, Verb

VERB = Verb(
    'selftests',
    help='only the selftests; TEST=PATTERN for some of them',
    command='lab.sh selftests',
    variables=f'{TESTS} {RANDOM} TEST TYPES ARGS SHARD',
    results=True,
    kbuild=KBUILD_LAB,
)
