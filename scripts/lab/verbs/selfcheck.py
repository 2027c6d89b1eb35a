# SPDX-License-Identifier: GPL-2.0-only
"""make selfcheck"""

from lab.config import in_repo, Verb

VERB = Verb(
    'selfcheck',
    help='only the lab\'s own tests',
    command=in_repo('exec python3 -B -m unittest discover -q -s scripts/tests'),
    variables='',
    failure='a test failed',
)
