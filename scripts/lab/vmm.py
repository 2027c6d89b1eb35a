# SPDX-License-Identifier: GPL-2.0-only
"""QEMU=debian or latest: Debian 13's QEMU, or the newest in its backports, with all that
it needs, unpacked in the cache.

Nothing is installed and no script of a package runs, so that this needs neither root nor
namespaces.
"""

from __future__ import annotations

import os
import shutil

from lab import apt
from lab.cache import Cache, hash_text, in_use, link, remove, stamped, write
from lab.host import Broken, say

# Bump when what is done below changes the result.
RECIPE = 2
UNPACK = '''set -e
new=$1 list=$2
mmdebstrap --quiet --mode=chrootless --variant=extract --format=directory \\
	"${@:3}" trixie "$new" - <"$list" || {
	echo "error: check the network and this machine's apt sources, then call again"
	exit 1
}
# What belongs to none of these packages: where the loader is looked for, and where things
# are mounted.
ln -sfn usr/lib "$new/lib"
ln -sfn usr/lib64 "$new/lib64"
mkdir -p "$new"/{dev,proc,run,sys,tmp}
rm -rf "${new:?}"/{usr/share/doc,usr/share/man,usr/share/locale,var}
# All its libraries are there, too.
"$new"/usr/lib64/ld-linux-x86-64.so.2 --library-path "$new/usr/lib/x86_64-linux-gnu" \\
	"$new/usr/bin/qemu-system-x86_64" --version
'''


def contents(root: str) -> str:
    """What stands for all that is in a directory."""
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = f'{folder}/{name}'
            if os.path.isfile(path) and not os.path.islink(path):
                status = os.stat(path)
                found.append(f'{path[len(root) + 1:]} {status.st_size} {status.st_mtime_ns}')
    return '\n'.join(sorted(found))


def vmm(cache: Cache, which: str, update: bool = False) -> str:
    """The directory with that QEMU."""
    current = f'{cache.path}/vmm/{which}'
    there = '' if update else in_use(current, RECIPE)
    if there:
        return there
    cache.be_alone()
    if not shutil.which('apt-get'):
        raise Broken(f"QEMU={which} comes from Debian's packages, and there is no apt-get here",
                     'name one that you have: QEMU=/path/to/qemu-system-x86_64')
    lines = apt.sources('trixie')
    cache.need_space(500, 'QEMU')
    new = f'{cache.path}/tmp/vmm'
    remove(new)
    os.makedirs(f'{cache.path}/vmm', exist_ok=True)
    options = [f'--keyring={apt.KEYRING}', '--include=qemu-system-x86', *apt.options()]
    if which == 'latest':
        lines.insert(1, lines[0].replace(' trixie ', ' trixie-backports '))
        options.append('--aptopt=APT::Default-Release "trixie-backports";')
    write(f'{cache.path}/tmp/vmm.list', '\n'.join(lines) + '\n')
    say("fetching Debian 13's QEMU" + (', the newest in its backports' if which == 'latest' else '')
        + ' (once)')
    cache.step(f'vmm-{which}', 'bash', '-c', UNPACK, 'unpack', new, f'{cache.path}/tmp/vmm.list', *options)
    # By its contents, for a run may be using another one, or this one.
    name = f'{which}-{hash_text(contents(new))}'
    root = f'{cache.path}/vmm/{name}'
    if stamped(root, f'{name} recipe {RECIPE}'):
        remove(new)
    else:
        remove(root)
        os.rename(new, root)
        cache.stamp(root, f'{name} recipe {RECIPE}')
    link(name, current)
    cache.prune(3, f'{cache.path}/vmm', '*-*')
    return root
