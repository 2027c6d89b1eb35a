# SPDX-License-Identifier: GPL-2.0-only
"""make update"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab.config import Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'update',
    help='fetch the newest version of what comes from Debian: all in the cache, or KERNEL=',
    variables='KERNEL CACHE',
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import source, stock, vmm  # pylint: disable=import-outside-toplevel
    lab.check_machine()
    lab.packages()
    lab.cache.make()
    lab.cache.be_alone()
    # Without KERNEL= all that the cache has
    names = [lab.kernel_name]
    if not lab.kernel_given:
        names += [name for name, link in (('latest', 'src/latest'), ('debian', 'kernel/stock'))
                  if os.path.islink(f'{lab.cache.path}/{link}')]
    for name in names:
        if name != 'debian' or lab.kernel_given:
            lab.say(f'in use: {os.path.basename(source.kernel_source(lab.cache, name, update=True))}')
    if 'debian' in names:
        stock.stock(lab.cache, update=True)
    for which in ('debian', 'latest'):
        if os.path.islink(f'{lab.cache.path}/vmm/{which}'):
            vmm.vmm(lab.cache, which, update=True)
    return 0
