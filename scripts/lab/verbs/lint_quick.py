# SPDX-License-Identifier: GPL-2.0-only
"""make lint-quick"""

from lab.config import Verb

VERB = Verb(
    'lint-quick',
    help='checkpatch, shellcheck, the documents, the lab\'s own tests',
    command='lint.sh quick',
    variables='KERNEL CACHE',
)
