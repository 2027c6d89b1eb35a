# SPDX-License-Identifier: GPL-2.0-only
"""make vfio-selftests"""

from lab.config import Verb
from lab.values import free, kernels

VERB = Verb(
    'vfio-selftests',
    help='the kernel\'s own VFIO selftests, on cards in software',
    command='vfio-selftests.sh',
    variables='KERNEL CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS SAN TEST',
    checks={'TEST': free, 'KERNEL': kernels('latest', '/')},
    readme=(
        '`make vfio-selftests`',
        "the kernel's own `tools/testing/selftests/vfio`, on cards in software",
    ),
)
