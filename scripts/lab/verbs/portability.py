# SPDX-License-Identifier: GPL-2.0-only
"""make portability"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import named, proofs

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'portability',
    help='build for other architectures, run KUnit on i386 and s390x',
    variables='KERNEL CACHE TEST',
    failure='something does not hold',
    checks={'TEST': named('proof', lambda: proofs('portability.sh'))},
    readme=(
        '`make portability`',
        'build for i386, arm64, riscv64 and s390x; run the KUnit suites on i386 and s390x',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import source  # pylint: disable=import-outside-toplevel
    lab.check_machine()
    lab.packages('portability')
    lab.cache.make()
    return lab.program('portability.sh', source.tree_to_read(lab.cache, '', lab.kernel_name))
