# SPDX-License-Identifier: GPL-2.0-only
"""make lint"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'lint',
    help='lint-quick, and what the kernel\'s compilers and semantic patches say of the driver',
    variables='KERNEL ENGINE SAN CACHE',
    readme=(
        '`make lint`, `lint-quick`',
        "checkpatch, shellcheck, mypy and pyflakes, the documents, the lab's own tests; `lint` also "
        'runs compilers, sparse and coccicheck on the driver',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import lint  # pylint: disable=import-outside-toplevel
    return lint.lint(lab, lint.PARTS)
