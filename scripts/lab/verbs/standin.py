# SPDX-License-Identifier: GPL-2.0-only
"""make standin"""

from lab.config import Verb
from lab.values import kernels

VERB = Verb(
    'standin',
    help='write the beginning of a stand-in for a driver: NAME=foo FOLDER=drivers/vfio/pci/foo',
    command='standin.sh',
    variables='KERNEL CACHE NAME FOLDER PCI',
    checks={'KERNEL': kernels('lts', 'latest', '/')},
)
