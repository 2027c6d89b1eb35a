# SPDX-License-Identifier: GPL-2.0-only
"""make debcheck"""

from lab.config import Verb

VERB = Verb(
    'debcheck',
    help='install those packages in a fresh Debian, and see that they work and go',
    command='debcheck.sh',
    variables='SUITES HEADERS CACHE',
    failure='a check failed',
)
