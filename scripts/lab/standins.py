# SPDX-License-Identifier: GPL-2.0-only
"""Cards in software, and the kernel's own drivers for them: see Documentation/standins.rst."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from typing import Sequence

from lab.cache import Cache, copy_changed, hash_content, hash_files, hash_text, quote, remove, write
from lab.host import Broken, jobs, say, took
from lab.modules import begin, Configuration
from lab.values import read, REPO

STANDINS = 'selftests/standins'


def ourselves() -> str:
    """How it is built is part of what it is built from."""
    return hash_content(__file__)


class Description:
    """Of a stand-in: its file "standin", KEY = VALUE a line."""

    def __init__(self, name: str) -> None:
        self.text = read(f'{REPO}/{STANDINS}/{name}/standin')

    def values(self, key: str) -> list[str]:
        return re.findall(f'^{key} = (.*)', self.text, re.M)

    def value(self, key: str) -> str:
        return ''.join(self.values(key)[:1])


def numbers(version: str) -> list[int]:
    """Of a kernel's release, to compare."""
    found = re.match(r'[0-9.]+', version)
    return [int(number) for number in found[0].strip('.').split('.')] if found else []


def standin(cache: Cache, name: str, kdir: str, source: str, out: str, patch: str = '') -> None:
    """Build a stand-in and, if it has one, the VFIO driver that it is for, as external
    modules against a prepared kernel: the bus, the IOMMU, the library, the stand-in, and
    the driver's own folder of the kernel's source, by its own Makefile.  See
    Documentation/standins.rst.

    patch is one of the driver's folder, with paths as in the kernel's tree, applied to the
    copy.  The directory gets modules in the order in which they are loaded, a name a line,
    as "modules", and the driver's name as "driver-name".
    """
    description = Description(name)
    module, folder, since = (description.value(key) for key in ('module', 'source', 'since'))
    config = Configuration(kdir)
    if since and numbers(since) > numbers(config.release):
        raise Broken(f'Linux {config.release} has no {module} that can migrate: {folder} has it since {since}',
                     'choose a newer one: KERNEL=latest, or a tree of yours')
    # A driver that is not in the kernel's source says where it is: a path that begins with /.
    if not os.path.isdir(os.path.join(source, folder)):
        raise Broken(f'the source of Linux {config.release} has no {folder}')
    kept = [path for path in description.values('kernel_sources') if os.path.exists(f'{source}/{path}')]
    drivers = [f'{folder}/{each}' for each in sorted(os.listdir(os.path.join(source, folder)))
               if os.path.isfile(os.path.join(source, folder, each))] if folder else []
    of_kernel = hashlib.sha256()
    for path in drivers + kept:
        of_kernel.update(f'{hash_content(os.path.join(source, path))}  {path}\n'.encode())
    key = hash_text(hash_files(*(f'{STANDINS}/{each}' for each in ('bus', 'lib', name, 'compat.h'))), name,
                    kdir, config.release, ourselves(), hash_content(patch) if patch else '',
                    of_kernel.hexdigest(), config.state(kdir))
    if cache.finished(out, key):
        return
    say(f'building {module + " and what stands in for its parent" if module else "cards in software"}, '
        f'for Linux {config.release}')
    start = time.monotonic()
    begin(out, f'{kdir} {config.release}')
    for part in ('bus', 'lib', name):
        for each in os.listdir(f'{REPO}/{STANDINS}/{part}'):
            if os.path.isfile(f'{REPO}/{STANDINS}/{part}/{each}'):
                copy_changed(f'{REPO}/{STANDINS}/{part}/{each}', f'{out}/{part}/{each}')
    copy_changed(f'{REPO}/{STANDINS}/compat.h', f'{out}/compat.h')
    for path in kept:
        copy_changed(f'{source}/{path}', f'{out}/{name}/kernel/{os.path.basename(path)}')
    place = patched(source, drivers, folder, patch, out, config.release) if patch else ''
    for path in drivers:
        copy_changed(f'{place}/{path}' if patch else os.path.join(source, path),
                     f'{out}/driver/{os.path.basename(path)}')
    write(f'{out}/Kbuild', ''.join(f'obj-m += {part}/\n' for part in
                                   ['bus', 'lib', name, *(['driver'] if folder else [])]))
    # As if it were configured: for its Makefile, and for its sources.
    options = ' '.join(description.values('config')).split()
    words = [f'CONFIG_{option}=m' for option in options] + (['ARCH=um'] if config.has('UML') else [])
    cflags = ''.join(f' -DCONFIG_{option}_MODULE=1' for option in options)
    cache.step(f'standin-{name}', 'make', '-C', kdir, f'M={out}', *words,
               f'KCFLAGS=-fmacro-prefix-map={out}/driver/={folder}/ '
               f'-fmacro-prefix-map={out}/={STANDINS}/{cflags}', f'-j{jobs()}', 'modules')
    write(f'{out}/modules', '\n'.join(['bus/swpci', 'bus/swiommu', 'lib/standin', f'{name}/standin_{name}',
                                       *([f'driver/{module}'] if module else [])]) + '\n')
    write(f'{out}/driver-name', ''.join(f'{each}\n' for each in description.values('driver')))
    cache.stamp(out, key)
    say(f'built them in {took(start)}')


def patched(source: str, drivers: Sequence[str], folder: str, patch: str, out: str, release: str) -> str:
    """A copy of the driver's folder with the patch: the directory that stands for the
    source."""
    place = f'{out}/patched'
    remove(place)
    os.makedirs(f'{place}/{folder}')
    for path in drivers:
        shutil.copyfile(os.path.join(source, path), f'{place}/{path}')
    with open(patch, 'rb') as file:
        done = subprocess.run(['patch', '-s', '-f', '-p1', '-d', place], stdin=file, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        quote(done.stdout.splitlines())
        raise Broken(f'{patch} does not apply to {folder} of Linux {release}')
    return place
