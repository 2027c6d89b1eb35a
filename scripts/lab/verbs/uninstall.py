# SPDX-License-Identifier: GPL-2.0-only
"""make uninstall"""

from lab.config import kdir_command, Verb

VERB = Verb(
    'uninstall',
    help='remove what install installed',
    command=kdir_command('install.sh', 'uninstall'),
    variables='KDIR PREFIX DESTDIR CACHE',
)
