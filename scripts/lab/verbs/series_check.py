# SPDX-License-Identifier: GPL-2.0-only
"""make series-check"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import named, proofs

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'series-check',
    help='prove these patches on a scratch copy of TREE, or of KERNEL\'s source',
    variables='TREE KERNEL CACHE TEST APPEND MEM TIMEOUT SILENCE',
    failure='something does not hold',
    checks={'TEST': named('proof', lambda: proofs('series_check.sh'))},
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import source  # pylint: disable=import-outside-toplevel
    lab.check_machine()
    lab.packages('series')
    lab.cache.make()
    return lab.program('series_check.sh', source.tree_to_read(lab.cache, lab.get('TREE'), lab.kernel_name))
