# SPDX-License-Identifier: GPL-2.0-only
"""make soak"""

from lab.config import TESTS, Verb
from lab.values import number

VERB = Verb(
    'soak',
    help='what races or goes at random, again and again, half under load: RUNS= or MINUTES=',
    command='soak.sh',
    variables=f'{TESTS} SEED RUNS MINUTES LOAD STEPS TEST TYPES ARGS',
    results=True,
    checks={'SEED': number(0, (1 << 63) - 1, 'a seed', also='random')},
    readme=(
        '`make soak`',
        'repeat the tests with races and random calls on three kernels, half of the time under load; '
        '`RUNS=` or `MINUTES=` ([lab](Documentation/lab.rst), "Again and again")',
    ),
)
