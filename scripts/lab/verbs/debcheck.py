# SPDX-License-Identifier: GPL-2.0-only
"""make debcheck"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'debcheck',
    help='install those packages in a fresh Debian, and see that they work and go',
    variables='SUITES HEADERS CACHE',
    failure='a check failed',
)


def run(lab: Lab) -> int:
    """Its exit status."""
    lab.packages('newcomer')
    lab.cache.make()
    return lab.program('debcheck.sh')
