# SPDX-License-Identifier: GPL-2.0-only
"""make lint"""

from lab.config import Verb

VERB = Verb(
    'lint',
    help='lint-quick, and what the kernel\'s compilers and semantic patches say of the driver',
    command='lint.sh',
    variables='KERNEL ENGINE SAN CACHE',
    readme=(
        '`make lint`, `lint-quick`',
        "checkpatch, shellcheck, the documents, the lab's own tests; `lint` also runs compilers, "
        'sparse and coccicheck on the driver',
    ),
)
