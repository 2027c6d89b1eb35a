# SPDX-License-Identifier: GPL-2.0-only
"""make stress"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import RANDOM, TESTS, Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'stress',
    help='calls at random for longer: SEED=, STEPS= or MINUTES= (1); TEST= for one program',
    variables=f'{TESTS} {RANDOM} TEST ARGS',
    results=True,
    kbuild=('V',),
    readme=(
        '`make stress`, `fuzz`',
        "random calls, compared with a model; the stream's reader under a fuzzer; `check` has a short"
        ' run of both',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.tests import on_one_kernel  # pylint: disable=import-outside-toplevel
    # They see for themselves whether they still move.
    defaults = {'TEST': '@(stress|ioctl_fuzz)_test', 'TIMEOUT': '86400', 'TEST_TIMEOUT': '0'}
    if not lab.get('STEPS'):
        defaults['MINUTES'] = '1'
    lab.values = {**defaults, **lab.values}
    return on_one_kernel(lab, '1', lab.wanted_units(), only=True)
