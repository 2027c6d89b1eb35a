# SPDX-License-Identifier: GPL-2.0-only
"""make shell"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import GUEST, KBUILD_LAB, RANDOM, Verb

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'shell',
    help='a shell in the guest, with the modules loaded',
    variables=f'{GUEST} LEAKS {RANDOM}',
    kbuild=KBUILD_LAB,
    not_for={
        'GUESTS': 'it has one guest',
        'TIMEOUT': 'a shell has no limit',
        'SILENCE': 'a shell has no limit',
    },
    readme=(
        '`make shell`',
        'a shell in the guest, with the modules loaded and `vfio-migctl` in the PATH; '
        '`make shell <script.sh` runs a script there and exits with its status',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    lab.set_up_kernel(lab.san('0'))
    ours = lab.set_up_modules()
    lab.set_up_programs('tools', 'selftests')
    with lab.guest(ours, ['tools', 'selftests']):
        lab.say(f"booting {lab.about()}; tools/ and selftests/ are here, 'exit' ends the guest")
        return lab.program('guest.py', *lab.options(), 'shell')
