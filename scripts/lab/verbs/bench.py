# SPDX-License-Identifier: GPL-2.0-only
"""make bench"""

from lab.config import RUN, Verb

VERB = Verb(
    'bench',
    help='how fast the device is, beside its limits and a peer: ROWS=, RUNS=, BASELINE=',
    command='bench.sh',
    variables=f'{RUN} RUNS ROWS BASELINE',
    results=True,
    failure='it could not measure, or a ratio is far beyond its goal',
    readme=(
        '`make bench`',
        "how fast the device is, beside what the machine can do and beside the kernel's mtty; "
        '`BASELINE=` compares with an earlier run ([bench](Documentation/bench.rst))',
    ),
)
