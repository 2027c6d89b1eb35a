# SPDX-License-Identifier: GPL-2.0-only
"""make unload"""

from lab.config import Verb

VERB = Verb(
    'unload',
    help='unload it',
    command='load.sh unload',
    variables='',
)
