# SPDX-License-Identifier: GPL-2.0-only
"""make install"""

from lab.config import KBUILD, kdir_command, Verb

VERB = Verb(
    'install',
    help='those modules into /lib/modules; PREFIX=/usr/local: selftests and tools, too',
    command=kdir_command('install.sh', 'install'),
    variables='KDIR PREFIX DESTDIR CACHE KERNEL',
    kbuild=KBUILD,
    readme=(
        '`make install`, `load`, `deb`',
        'install and load that driver on this machine, or build Debian packages of it (DKMS) and of '
        'the selftests ([install](Documentation/install.rst))',
    ),
)
