# SPDX-License-Identifier: GPL-2.0-only
"""make series"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import REPO

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'series',
    help='write patches for a kernel tree: TREE=~/linux OUT=dir',
    variables='TREE OUT KERNEL CACHE',
    readme=(
        '`make series`, `series-check`',
        'write patches for a kernel tree (`TREE=~/linux OUT=dir`), and prove that they work there '
        '([series](Documentation/series.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import source  # pylint: disable=import-outside-toplevel
    from lab.host import Broken  # pylint: disable=import-outside-toplevel
    lab.packages('git')
    tree = lab.get('TREE')
    if not tree:
        lab.check_machine()
        lab.cache.make()
    tree = source.tree_to_read(lab.cache, tree, lab.kernel_name)
    out = lab.get('OUT', f'{REPO}/build/series')
    try:
        os.makedirs(out, exist_ok=True)
    except OSError:
        raise Broken(f"cannot make the folder '{out}' for the patches") from None
    return lab.program('series.py', tree, os.path.realpath(out))
