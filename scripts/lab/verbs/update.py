# SPDX-License-Identifier: GPL-2.0-only
"""make update"""

from lab.config import Verb

VERB = Verb(
    'update',
    help='fetch the newest version of what comes from Debian: all in the cache, or KERNEL=',
    command='lab.sh update',
    variables='KERNEL CACHE',
)
