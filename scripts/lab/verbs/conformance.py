# SPDX-License-Identifier: GPL-2.0-only
"""make conformance"""

from lab.config import TESTS, Verb
from lab.values import conformance_test

VERB = Verb(
    'conformance',
    help='hold a driver against the rules: DRIVER=mtty_mig, mtty or one of the kernel\'s',
    command='conformance.sh',
    variables=f'{TESTS} DRIVER TYPES ISOLATE TEST RULE CASE PATCH ARGS SHARD',
    results=True,
    checks={'TEST': conformance_test},
    readme=(
        '`make conformance`',
        'test a driver against the rules of the uAPI, rule by rule: this driver, or with '
        "`DRIVER=mtty` the kernel's sample; on a real machine the same program takes `--device` "
        '([conformance](Documentation/conformance.rst))',
    ),
)
