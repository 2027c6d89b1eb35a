# SPDX-License-Identifier: GPL-2.0-only
"""make fuzz"""

from lab.config import Verb
from lab.values import number

VERB = Verb(
    'fuzz',
    help='fuzz the reader of the migration stream, on the host',
    command='fuzz.sh run',
    variables='KERNEL CACHE SECONDS RUNS SEED INPUT MERGE',
    failure='the fuzzer found something',
    checks={'SEED': number(1, (1 << 32) - 1, 'a seed')},
)
