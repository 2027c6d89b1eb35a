# SPDX-License-Identifier: GPL-2.0-only
"""make check"""

from lab.config import RANDOM, TESTS, Verb
from lab.values import SCRIPTS

VERB = Verb(
    'check',
    help='all KUnit suites and all selftests, with sanitizers, on two kernels or on KERNEL=',
    command=lambda call: [f'{SCRIPTS}/{"lab.sh" if call.get("KERNEL") else "runs.sh"}', 'check'],
    variables=f'{TESTS} {RANDOM} TEST TYPES ARGS ONLY SHARD',
    results=True,
)
