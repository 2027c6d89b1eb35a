# SPDX-License-Identifier: GPL-2.0-only
"""make install"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import KBUILD, Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'install',
    help='those modules into /lib/modules; PREFIX=/usr/local: selftests and tools, too',
    variables='KDIR PREFIX DESTDIR CACHE KERNEL',
    kbuild=KBUILD,
    readme=(
        '`make install`, `load`, `deb`',
        'install and load that driver on this machine, or build Debian packages of it (DKMS) and of '
        'the selftests ([install](Documentation/install.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import install  # pylint: disable=import-outside-toplevel
    return install.install(lab)
