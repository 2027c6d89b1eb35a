# SPDX-License-Identifier: GPL-2.0-only
"""make deb"""

from lab.config import Verb

VERB = Verb(
    'deb',
    help='Debian packages into build/: driver for DKMS, selftests with conformance',
    command='deb.sh',
    variables='KERNEL CACHE DEBFULLNAME DEBEMAIL SOURCE_DATE_EPOCH',
    failure='lintian found something',
)
