# SPDX-License-Identifier: GPL-2.0-only
"""make uninstall"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'uninstall',
    help='remove what install installed',
    variables='KDIR PREFIX DESTDIR CACHE',
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import install  # pylint: disable=import-outside-toplevel
    return install.uninstall(lab)
