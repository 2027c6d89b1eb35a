# SPDX-License-Identifier: GPL-2.0-only
"""A directory of links to some files of another one."""

from __future__ import annotations

import os
from typing import Iterable


def keep(source: str, target: str, wanted: Iterable[str]) -> None:
    """Make it, and keep it so: links in target to the files of source that are wanted,
    whose names are relative to that."""
    names = {name for name in wanted if name and os.path.lexists(os.path.join(source, name))}
    found = set()
    for directory, folders, files in os.walk(target, topdown=False):
        # A link to a directory is listed among the directories
        for file in files + folders:
            path = os.path.join(directory, file)
            if file in folders and not os.path.islink(path):
                continue
            name = os.path.relpath(path, target)
            if name in names:
                found.add(name)
            else:
                os.unlink(path)
        # What was a directory may be a file now
        if directory != target and not os.listdir(directory):
            os.rmdir(directory)
    for name in names - found:
        path = os.path.join(target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.join(source, name), path)
