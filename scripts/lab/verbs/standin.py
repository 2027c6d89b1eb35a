# SPDX-License-Identifier: GPL-2.0-only
"""make standin"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import kernels

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'standin',
    help='write the beginning of a stand-in for a driver: NAME=foo FOLDER=drivers/vfio/pci/foo',
    variables='KERNEL CACHE NAME FOLDER PCI',
    checks={'KERNEL': kernels('lts', 'latest', '/')},
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.host import Broken  # pylint: disable=import-outside-toplevel
    from lab.source import kernel_source  # pylint: disable=import-outside-toplevel
    name, folder = lab.get('NAME'), lab.get('FOLDER')
    if not name:
        raise Broken('a stand-in needs a name', 'for example make standin NAME=foo FOLDER=drivers/vfio/pci/foo')
    source = '/'
    if not folder.startswith('/'):
        lab.packages()
        lab.cache.make()
        lab.cache.lock()
        source = kernel_source(lab.cache, lab.kernel_name)
        lab.cache.unlock()
    return lab.program('standin.py', '--name', name, '--folder', folder, '--pci', lab.get('PCI'), '--source', source)
