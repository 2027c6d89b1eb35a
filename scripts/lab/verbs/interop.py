# SPDX-License-Identifier: GPL-2.0-only
"""make interop"""

from lab.config import TESTS, Verb
from lab.values import named, scenarios

VERB = Verb(
    'interop',
    help='let QEMU migrate the device, with a guest that uses it: QEMU=, TEST=',
    command='interop.sh',
    variables=f'{TESTS} QEMU TEST BACKEND MUTANT SHARD',
    results=True,
    checks={'TEST': named('scenario', scenarios)},
    not_for={
        'ARGS': 'TEST= and QEMU= say what it does',
    },
    readme=(
        '`make interop`',
        'QEMU migrates the device, with a Linux guest that uses it meanwhile; `QEMU=` selects a QEMU '
        'of yours ([interop](Documentation/interop.rst))',
    ),
)
