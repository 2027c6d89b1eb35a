# SPDX-License-Identifier: GPL-2.0-only
"""make fuzz"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import number

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'fuzz',
    help='fuzz the reader of the migration stream, on the host',
    variables='KERNEL CACHE SECONDS RUNS SEED INPUT MERGE',
    failure='the fuzzer found something',
    checks={'SEED': number(1, (1 << 32) - 1, 'a seed')},
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import fuzz  # pylint: disable=import-outside-toplevel
    return fuzz.run(lab)
