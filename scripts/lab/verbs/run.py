# SPDX-License-Identifier: GPL-2.0-only
"""make run"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import KBUILD_LAB, RUN, Verb
from lab.values import demo_words

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'run',
    help='boot a kernel, migrate a device in it, tell what happened',
    variables=f'{RUN} ARGS',
    failure='the demo failed, or the kernel had something to report',
    kbuild=KBUILD_LAB,
    checks={'ARGS': demo_words},
    not_for={
        'GUESTS': 'it has one guest',
        'TEST': 'make selftests TEST=... runs a test',
    },
)


def run(lab: Lab) -> int:
    """Its exit status."""
    lab.set_up_kernel(lab.san('0'))
    ours = lab.set_up_modules()
    lab.set_up_programs('tools')
    with lab.guest(ours, ['tools']):
        lab.say(f'booting {lab.about()}')
        return lab.program('guest.py', *lab.options(), 'run')
