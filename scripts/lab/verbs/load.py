# SPDX-License-Identifier: GPL-2.0-only
"""make load"""

from lab.config import Verb

VERB = Verb(
    'load',
    help='load the driver into the running kernel, and tell what it offers',
    command='load.sh load',
    variables='',
)
