# SPDX-License-Identifier: GPL-2.0-only
"""make modules"""

from __future__ import annotations

import glob
import os
import shutil
from typing import TYPE_CHECKING

from lab.config import KBUILD, Verb
from lab.values import default_kdir, REPO

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'modules',
    help='build the modules for KDIR=... (default: the running kernel) into build/modules',
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


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.host import Broken  # pylint: disable=import-outside-toplevel
    kdir = lab.get('KDIR', default_kdir())
    if not os.path.isdir(kdir):
        raise Broken(f"there is no kernel in '{kdir}'",
                     'install the headers of the running kernel (on Debian: apt-get install linux-headers-$(uname -r)), '
                     'or name another kernel build: make modules KDIR=/path')
    build(lab, kdir)
    return 0


def build(lab: Lab, kdir: str) -> None:
    """For any prepared kernel, into build/modules."""
    from lab import modules  # pylint: disable=import-outside-toplevel
    lab.packages('modules')
    lab.cache.make()
    lab.cache.lock()
    lab.cache.work_in(f'{REPO}/build')
    out = f'{REPO}/build/modules'
    modules.modules(lab.cache, kdir, out)
    for path in glob.glob(f'{glob.escape(out)}/*/*.ko'):
        shutil.copy(path, out)
    lab.say('built: ' + ' '.join(f'build/modules/{name}' for name in sorted(glob.glob('*.ko', root_dir=out))))
