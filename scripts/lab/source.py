# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's source, and what is taken from it as it is.

KERNEL=lts	linux-source-6.12 of Debian 12 and 13
KERNEL=latest	the newest linux-source in Debian 13's backports
KERNEL=debian	as lts: its tests need headers and kselftest's makefiles
KERNEL=/path	a tree of the user's, which is never written to

What was fetched once stays in use until `make update` asks for a newer one.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time

from lab import links
from lab.apt import Apt
from lab.cache import Cache, hash_content, hash_text, link, read_or_nothing, remove, STAMP, stamped, used
from lab.host import Broken, jobs, say, succeeds, took
from lab.values import read

# Bump when the list below changes: the unpacked tree is then made anew.
LAYOUT = 2
# Two thirds of the tree are drivers' code that no kernel of ours builds.  The Kconfig and
# Makefile files stay, for they include each other.  So does what selftests/standins (xe)
# and the kernel's own VFIO selftests (igb) are built with.
SKIP = '''
*/Documentation/*/*
*/drivers/gpu/[!d]*.[chS]
*/drivers/gpu/drm/[!x]*.[chS]
*/drivers/accel/*.[ch]
*/drivers/media/*.[ch]
*/drivers/infiniband/*.[ch]
*/drivers/scsi/*.[ch]
*/drivers/staging/*.[ch]
*/drivers/net/ethernet/[!i]*.[ch]
*/drivers/net/ethernet/i[!n]*.[ch]
*/drivers/net/ethernet/intel/*.c
*/drivers/net/ethernet/intel/i[!g]*.h
*/drivers/net/ethernet/intel/[!i]*.h
*/drivers/net/wireless/*.[ch]
*/sound/*.[ch]
*/arch/arm/boot/dts/*
*/arch/arm64/boot/dts/*
*/tools/perf/*
'''.split()
UNPACK = '''set -o pipefail
dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$2.tar.xz" | xz -dc -T0 |
	tar -x -C "$3" --strip-components=1 "${@:4}"'''
TREE_HINT = "'make mrproper' there, or name another tree"
# As far as programs are built with them
FOR_PROGRAMS = ('include/uapi', 'arch/x86/include/uapi', 'Makefile', 'tools/testing/selftests/lib.mk')


def kernel_source(cache: Cache, kernel: str, update: bool = False) -> str:
    """The directory with the source of KERNEL=, in the cache if it is Debian's."""
    if '/' in kernel:
        return tree_source(cache, kernel)
    kernel = 'lts' if kernel == 'debian' else kernel
    current = f'{cache.path}/src/{kernel}'
    if not update and os.path.islink(current):
        name = os.readlink(current)
        if stamped(f'{cache.path}/src/{name}', f'{name} layout {LAYOUT}'):
            return f'{cache.path}/src/{name}'
    cache.be_alone()
    return fetch(cache, kernel, current, update)


def tree_source(cache: Cache, given: str) -> str:
    """A tree of the user's.

    One that is built in, or was, is no source that kbuild takes for a build elsewhere.
    Then what git knows of it is linked to from a place in the cache.
    """
    tree = os.path.realpath(given)
    version = tuple(int(number) for number in
                    re.findall(r'^(?:VERSION|PATCHLEVEL) = *(\d+)', read(f'{tree}/Makefile'), re.M))
    if version < (6, 2):
        raise Broken(f'the tree {tree} is too old: VFIO migration has no PRE_COPY before 6.2',
                     'the driver needs Linux 6.12 or newer')
    if version < (6, 12):
        raise Broken(f'the tree {tree} is too old: the driver needs Linux 6.12 or newer')
    unclean = [path for path in ('.config', 'include/config', 'arch/um/include/generated',
                                 'arch/x86/include/generated') if os.path.exists(f'{tree}/{path}')]
    if not unclean:
        return tree
    if not succeeds('git', '-C', tree, 'rev-parse', '--git-dir'):
        raise Broken(f'the tree {tree} is configured or built ({unclean[-1]}), and kbuild wants a clean one',
                     TREE_HINT)
    cache.be_alone()
    place = f'{cache.path}/src/tree-{hash_text(tree)}'
    files = subprocess.run(['git', '-C', tree, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                           stdout=subprocess.PIPE, check=True).stdout
    links.keep(tree, place, os.fsdecode(files).split('\0'))
    if not os.path.exists(f'{place}/Makefile'):
        raise Broken(f'the tree {tree} is configured or built ({unclean[-1]}), and its git does not '
                     'know its files', TREE_HINT)
    return place


def fetch(cache: Cache, kernel: str, current: str, update: bool) -> str:
    """Debian's, into the cache; current is the link to what is in use."""
    if kernel == 'lts':
        package = 'linux-source-6.12'
        apt = Apt(cache, kernel)
        if update or not apt.find(package):
            apt.update()
    else:
        apt = Apt(cache, kernel, 'trixie-backports')
        apt.update()
        package = apt.newest('linux-source-[0-9.]+') or 'linux-source'
    if not apt.find(package):
        raise apt.lacks(package)

    def where() -> str:
        return f'{package}-' + re.sub('[^A-Za-z0-9.+]', '-', apt.field('Version'))

    name = where()
    if not stamped(f'{cache.path}/src/{name}', f'{name} layout {LAYOUT}'):
        cache.need_space(1000, "the kernel's source")
        start = time.monotonic()
        apt.get(package)
        name = where()
        say(f'unpacking it (downloaded in {took(start)})')
        new = f'{cache.path}/tmp/src'
        remove(new)
        os.makedirs(new)
        cache.step('unpack', 'bash', '-c', UNPACK, 'unpack', apt.debs()[0], package, new,
                   *(f'--exclude={pattern}' for pattern in SKIP))
        if not os.path.isfile(f'{new}/Makefile') or not os.path.isfile(f'{new}/arch/um/Makefile'):
            raise Broken(f'{package} does not hold a kernel source as expected')
        remove(f'{cache.path}/src/{name}')
        remove(f'{cache.path}/tmp/deb')
        os.rename(new, f'{cache.path}/src/{name}')
        cache.stamp(f'{cache.path}/src/{name}', f'{name} layout {LAYOUT}')
    link(name, current)
    # Those in use, and what was in use before them
    for each in ('lts', 'latest'):
        if os.path.exists(f'{cache.path}/src/{each}'):
            used(f'{cache.path}/src/{each}')
    cache.prune(4, f'{cache.path}/src', 'linux-source-*')
    remove(f'{cache.path}/apt')
    return f'{cache.path}/src/{name}'


def tree_to_read(cache: Cache, given: str, kernel: str) -> str:
    """The kernel tree that was named, or the source of KERNEL=.  A source that is in the
    cache is complete, and nobody who sets up has to be waited for."""
    if not given and '/' in kernel:
        given = kernel
    if not given:
        given = f'{cache.path}/src/{"lts" if kernel == "debian" else kernel}'
        if not os.path.exists(f'{given}/{STAMP}'):
            cache.lock()
            given = kernel_source(cache, kernel)
            cache.unlock()
    if not os.path.isdir(given):
        raise Broken(f"there is no kernel tree in '{given}'",
                     'name one: make series TREE=/path/to/linux OUT=/path/for/patches')
    return os.path.realpath(given)


def tree_key(source: str) -> str:
    """What stands for the contents of a tree of the user's, as far as programs are built
    with it."""
    found = []
    for path in FOR_PROGRAMS:
        if os.path.isfile(f'{source}/{path}'):
            found.append(path)
        for folder, _, names in os.walk(f'{source}/{path}', followlinks=True):
            found += [os.path.relpath(f'{folder}/{name}', source) for name in names]
    selftests = 'tools/testing/selftests'
    found += [f'{selftests}/{name}' for name in os.listdir(f'{source}/{selftests}')
              if name.startswith('kselftest') and name.endswith('.h')]
    total = hashlib.sha256()
    for name in sorted(found):
        if os.path.isfile(f'{source}/{name}'):
            total.update(os.fsencode(f'{hash_content(f"{source}/{name}")}  {name}\n'))
    return f'{total.hexdigest()}  -'


def source_key(source: str) -> str:
    """What stands for the contents of a kernel's source."""
    return read_or_nothing(f'{source}/{STAMP}') or tree_key(source)


def headers(cache: Cache, source: str) -> str:
    """The kernel's headers for userspace: the directory that holds include/."""
    key = hash_text(source, source_key(source))
    out = f'{cache.path}/src/uapi-{key}'
    if not cache.finished(out, key):
        say("installing the kernel's headers for userspace")
        scratch = f'{cache.path}/tmp/uapi'
        remove(scratch)
        os.makedirs(scratch)
        cache.step('uapi', 'make', '-s', '-C', source, f'O={scratch}', 'ARCH=x86', f'-j{jobs()}', 'headers')
        remove(out)
        os.rename(f'{scratch}/usr', out)
        remove(scratch)
        cache.stamp(out, key)
        cache.prune(6, f'{cache.path}/src', 'uapi-*')
    return out
