# SPDX-License-Identifier: GPL-2.0-only
"""The programs of the checkout: selftests and tools."""

from __future__ import annotations

import glob
import re
from typing import Sequence

from lab.cache import build_on, Cache, hash_content, hash_files, hash_text, read_or_nothing, remove, write
from lab.host import first_line, jobs, say
from lab.source import source_key
from lab.values import read, REPO


def ourselves() -> str:
    """How it is built is part of what it is built from."""
    return hash_content(__file__)


def driver_files() -> list[str]:
    """What of the driver the programs are built of: its headers, and the sources of
    vfio-migctl.  An edit of anything else there builds nothing again."""
    names = re.findall(r'^MIGCTL_DRIVER := (.*)', read(f'{REPO}/tools/vfio-migctl/objects.mk'), re.M)
    headers = glob.glob('mtty-mig/*.h', root_dir=REPO)
    return sorted(headers) + [f'mtty-mig/{name}.c' for name in ' '.join(names).split()]


def programs(cache: Cache, part: str, source: str, uapi: str, out: str, only: Sequence[str] = ()) -> None:
    """Build the selftests or the tools with the kernel's own headers; only these of the
    selftests, if there are some."""
    how = (source, source_key(source), uapi, first_line('gcc', '--version'), ourselves())
    # vfio-migctl is in both: as a tool, and beside its tests.  The tools use what the
    # selftests have in common.
    key = hash_text(hash_files('tools', 'selftests', *driver_files(), 'scripts/rules.py',
                               'Documentation/rules.rst'), *how)
    if cache.finished(out, key):
        return
    say(f'building the {part}')
    # What a program is built from is known by the dependency files, but for what comes
    # from outside of the checkout and for how it is built.
    recipe = hash_text(hash_files(f'{part}/Makefile', 'selftests/Makefile', *glob.glob(
        'selftests/**/objects.mk', root_dir=REPO, recursive=True), 'tools/vfio-migctl/objects.mk'), *how)
    if read_or_nothing(f'{out}/.recipe') != recipe:
        remove(out)
    build_on(out)
    write(f'{out}/.recipe', f'{recipe}\n')
    # Inputs that the checkout no longer has must not stay.
    remove(f'{out}/fuzz')
    targets = [f'{out}/{name}' for name in only] + (['inputs'] if only else [])
    cache.step(part, 'make', '-C', f'{REPO}/{part}', f'-j{jobs()}', f'KSRC={source}',
               f'UAPI={uapi}/include', f'OUTPUT={out}', *targets)
    # What was not asked for may be old: that is no finished directory.
    if not only:
        cache.stamp(out, key)
