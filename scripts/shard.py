# SPDX-License-Identifier: GPL-2.0-only
"""SHARD=I/N: of what a verb would do, the I-th of N parts, for as many machines.

Every N-th belongs to a part, so that what stands together, and takes as long, is spread.
"""

from __future__ import annotations

import os
from typing import Sequence, TypeVar

Item = TypeVar('Item')
NAME = 'SHARD'


def take() -> str:
    """Which part this call is; no verb that it calls itself sees it any more."""
    return os.environ.pop(NAME, '')


def share(items: Sequence[Item], part: str) -> list[Item]:
    """Those of a part; all if it is ''."""
    if not part:
        return list(items)
    number, _, parts = part.partition('/')
    return list(items[int(number) - 1::int(parts)])


def nothing(part: str) -> str:
    """What is said where a part is empty."""
    return f'lab: there is nothing for {NAME}={part}: others have it all'
