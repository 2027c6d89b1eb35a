# SPDX-License-Identifier: GPL-2.0-only
"""make distclean"""

from lab.config import in_repo, Verb

VERB = Verb(
    'distclean',
    help='remove the cache, too',
    command=in_repo('rm -rf build && exec scripts/distclean.sh'),
    variables='CACHE',
)
