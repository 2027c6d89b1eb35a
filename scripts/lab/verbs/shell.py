# SPDX-License-Identifier: GPL-2.0-only
"""make shell"""

from lab.config import GUEST, KBUILD_LAB, RANDOM, Verb

VERB = Verb(
    'shell',
    help='a shell in the guest, with the modules loaded',
    command='lab.sh shell',
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
