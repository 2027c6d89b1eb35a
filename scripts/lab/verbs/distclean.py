# SPDX-License-Identifier: GPL-2.0-only
"""make distclean"""

from __future__ import annotations

import contextlib
import glob
import os
from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import REPO, SCRIPTS

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'distclean',
    help='remove the cache, too',
    variables='CACHE',
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.cache import remove  # pylint: disable=import-outside-toplevel
    from lab.host import Broken, run as run_command  # pylint: disable=import-outside-toplevel
    remove(f'{REPO}/build')
    if not os.path.isdir(lab.cache.path):
        return 0
    lab.cache.make()
    if not lab.cache.last_user():
        raise Broken(f'another run uses the cache {lab.cache.path}',
                     'wait until it has ended, or end it, and call again')
    lab.say(f'removing the cache in {lab.cache.path}')
    for root in glob.glob(f'{glob.escape(lab.cache.path)}/roots/*/'):
        run_command('bash', '-c', f'. {SCRIPTS}/lib.sh; . {SCRIPTS}/root.sh; root_remove "$1"', 'bash', root)
    # Only what the lab itself puts there: CACHE= may point to a directory that holds other
    # things.
    for name in ('src', 'kernel', 'vmm', 'work', 'run', 'logs', 'tmp', 'apt', 'roots', 'lock', 'lock-turn', 'in-use'):
        remove(f'{lab.cache.path}/{name}')
    with contextlib.suppress(OSError):
        os.rmdir(lab.cache.path)
    return 0
