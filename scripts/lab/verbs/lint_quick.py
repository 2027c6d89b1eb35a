# SPDX-License-Identifier: GPL-2.0-only
"""make lint-quick"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'lint-quick',
    help='checkpatch, shellcheck, mypy, the documents, the lab\'s own tests',
    variables='KERNEL CACHE',
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import lint  # pylint: disable=import-outside-toplevel
    return lint.lint(lab, lint.QUICK)
