# SPDX-License-Identifier: GPL-2.0-only
"""make newcomer"""

from lab.config import Verb

VERB = Verb(
    'newcomer',
    help='make run and make check in fresh roots of Debian: SUITES=, VERBS=',
    command='newcomer.sh',
    variables='SUITES VERBS KERNEL ENGINE TEST CACHE',
    failure='a command failed',
    readme=(
        '`make newcomer`',
        'run the two commands in fresh roots of Debian 12 and 13',
    ),
)
