# SPDX-License-Identifier: GPL-2.0-only
"""make portability"""

from lab.config import Verb
from lab.values import named, proofs

VERB = Verb(
    'portability',
    help='build for other architectures, run KUnit on i386 and s390x',
    command='portability.sh',
    variables='KERNEL CACHE TEST',
    failure='something does not hold',
    checks={'TEST': named('proof', lambda: proofs('portability.sh'))},
    readme=(
        '`make portability`',
        'build for i386, arm64, riscv64 and s390x; run the KUnit suites on i386 and s390x',
    ),
)
