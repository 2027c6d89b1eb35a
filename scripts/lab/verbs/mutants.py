# SPDX-License-Identifier: GPL-2.0-only
"""make mutants"""

from lab.config import Verb
from lab.values import choice, kernels, named, selftests

VERB = Verb(
    'mutants',
    help='put mistakes into the driver and see that the tests notice; MUTANT=PATTERN',
    command='mutants.sh',
    variables='KERNEL ENGINE CACHE APPEND MEM PROCESSORS TIMEOUT SILENCE TEST_TIMEOUT GUESTS '
         'MUTANT KEEP_GOING TEST TYPES ARGS SEED STEPS DRIVER SHARD',
    results=True,
    checks={'TEST': named('test', lambda: ['kunit', *selftests()]), 'KERNEL': kernels('lts', 'latest', '/'), 'ENGINE': choice('uml')},
    not_for={
        'SAN': 'mutants are hunted with sanitizers',
    },
    readme=(
        '`make mutants`',
        'put mistakes into the driver, one by one, and check that a test fails; `DRIVER=qat` for a '
        'driver of the kernel ([mutants](Documentation/mutants.rst))',
    ),
)
