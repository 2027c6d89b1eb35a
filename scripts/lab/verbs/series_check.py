# SPDX-License-Identifier: GPL-2.0-only
"""make series-check"""

from lab.config import Verb
from lab.values import named, proofs, SCRIPTS

VERB = Verb(
    'series-check',
    help='prove these patches on a scratch copy of TREE, or of KERNEL\'s source',
    command=lambda call: [f'{SCRIPTS}/series_check.sh', call.get('TREE')],
    variables='TREE KERNEL CACHE TEST APPEND MEM TIMEOUT SILENCE',
    failure='something does not hold',
    checks={'TEST': named('proof', lambda: proofs('series_check.sh'))},
)
