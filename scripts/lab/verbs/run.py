# SPDX-License-Identifier: GPL-2.0-only
"""make run"""

from lab.config import KBUILD_LAB, RUN, Verb
from lab.values import demo_words

VERB = Verb(
    'run',
    help='boot a kernel, migrate a device in it, tell what happened',
    command='lab.sh run',
    variables=f'{RUN} ARGS',
    failure='the demo failed, or the kernel had something to report',
    kbuild=KBUILD_LAB,
    checks={'ARGS': demo_words},
    not_for={
        'GUESTS': 'it has one guest',
        'TEST': 'make selftests TEST=... runs a test',
    },
)
