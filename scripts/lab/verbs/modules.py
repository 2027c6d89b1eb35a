# SPDX-License-Identifier: GPL-2.0-only
"""make modules"""

from lab.config import KBUILD, kdir_command, Verb

VERB = Verb(
    'modules',
    help='build the modules for KDIR=... (default: the running kernel) into build/modules',
    command=kdir_command('modules-here.sh'),
    variables='KDIR CACHE',
    kbuild=KBUILD,
    not_for={
        'KERNEL': 'KDIR= names the kernel that they are for',
    },
    readme=(
        '`make modules`',
        'build the driver for any prepared kernel from 6.12 on (`KDIR=/lib/modules/VERSION/build`; '
        "that kernel must have `VFIO_MDEV`, as Debian's has); `ARCH=`, `CROSS_COMPILE=`, `LLVM=`, "
        '`CC=`, `V=`, `W=`, `C=` and `KCFLAGS=` are those of kbuild',
    ),
)
