# SPDX-License-Identifier: GPL-2.0-only
"""make clean"""

from lab.config import in_repo, Verb

VERB = Verb(
    'clean',
    help='remove build/',
    command=in_repo('echo rm -rf build && exec rm -rf build'),
    variables='',
)
