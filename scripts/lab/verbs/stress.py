# SPDX-License-Identifier: GPL-2.0-only
"""make stress"""

from lab.config import RANDOM, TESTS, Verb

VERB = Verb(
    'stress',
    help='calls at random for longer: SEED=, STEPS= or MINUTES= (1); TEST= for one program',
    command='lab.sh selftests',
    variables=f'{TESTS} {RANDOM} TEST ARGS',
    results=True,
    readme=(
        '`make stress`, `fuzz`',
        "random calls, compared with a model; the stream's reader under a fuzzer; `check` has a short"
        ' run of both',
    ),
)
