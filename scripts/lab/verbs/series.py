# SPDX-License-Identifier: GPL-2.0-only
"""make series"""

from lab.config import Verb
from lab.values import SCRIPTS

VERB = Verb(
    'series',
    help='write patches for a kernel tree: TREE=~/linux OUT=dir',
    command=lambda call: [f'{SCRIPTS}/series.sh', call.get('TREE'), call.get('OUT')],
    variables='TREE OUT KERNEL CACHE',
    readme=(
        '`make series`, `series-check`',
        'write patches for a kernel tree (`TREE=~/linux OUT=dir`), and prove that they work there '
        '([series](Documentation/series.rst))',
    ),
)
