# SPDX-License-Identifier: GPL-2.0-only
"""make docs"""

from lab.config import Verb

VERB = Verb(
    'docs',
    help='the pages of Documentation/ as HTML, in build/docs',
    command='docs.sh',
    variables='',
    failure='a page is wrong',
    readme=(
        '`make docs`',
        'the pages of `Documentation/` as HTML, with pictures, in `build/docs`; a warning is an error',
    ),
)
