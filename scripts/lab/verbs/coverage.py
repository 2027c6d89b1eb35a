# SPDX-License-Identifier: GPL-2.0-only
"""make coverage"""

from lab.config import Verb
from lab.values import choice, kernels

VERB = Verb(
    'coverage',
    help='what the tests reach of the driver, into build/coverage/index.html',
    command='coverage.sh',
    variables='KERNEL ENGINE CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS ARGS SEED STEPS',
    results=True,
    checks={'KERNEL': kernels('lts'), 'ENGINE': choice('uml')},
    not_for={
        'SAN': 'coverage is counted without sanitizers',
        'TEST': 'coverage is what all tests reach',
    },
    readme=(
        '`make coverage`',
        'which lines, branches, arcs and fault points the tests reach '
        '([coverage](Documentation/coverage.rst))',
    ),
)
