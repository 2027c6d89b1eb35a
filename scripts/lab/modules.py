# SPDX-License-Identifier: GPL-2.0-only
"""The driver and its KUnit suites, as external modules against a prepared kernel."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Sequence

from lab.cache import (build_on, Cache, copy_changed, files_below, hash_content, hash_files, hash_text,
                       read_or_nothing, remove, STAMP, write)
from lab.host import Broken, jobs, say, took
from lab.values import read, REPO

TOO_OLD = 'the driver needs Linux 6.12 or newer'
KDIR_HINT = ('KDIR= has to name a configured and prepared kernel build, such as '
             '/lib/modules/VERSION/build from a linux-headers package')


def ourselves() -> str:
    """How it is built is part of what it is built from."""
    return hash_content(__file__)


class Configuration:
    """What a prepared kernel was configured with."""

    def __init__(self, kdir: str) -> None:
        self.path = f'{kdir}/include/config/auto.conf'
        self.on = set(re.findall('^CONFIG_([A-Z0-9_]+)=[ym]', read(self.path), re.M))
        self.release = read(f'{kdir}/include/config/kernel.release').strip()

    def has(self, option: str) -> bool:
        return option in self.on

    def state(self, kdir: str) -> str:
        """What stands for the kernel's contents."""
        return read_or_nothing(f'{kdir}/{STAMP}') or str(int(os.stat(self.path).st_mtime))


def prepared(kdir: str) -> Configuration:
    """Of a kernel that the driver can be built for, or say why it cannot."""
    if not os.path.isdir(kdir):
        raise Broken(f"there is no kernel in '{kdir}'", KDIR_HINT)
    for name in ('Makefile', 'include/config/auto.conf', 'include/config/kernel.release'):
        if not os.path.isfile(f'{kdir}/{name}'):
            raise Broken(f"'{kdir}' is not a prepared kernel", KDIR_HINT)
    config = Configuration(kdir)
    number = re.match(r'(\d+)\D(\d+)', config.release)
    version = (int(number[1]), int(number[2])) if number else (0, 0)
    if version < (6, 2):
        raise Broken(f'Linux {config.release} is too old: VFIO migration has no PRE_COPY before 6.2', TOO_OLD)
    if version < (6, 12):
        raise Broken(f'Linux {config.release} is too old: {TOO_OLD}')
    missing = [name for name in ('MODULES', 'VFIO', 'VFIO_MDEV', 'XXHASH') if not config.has(name)]
    if missing == ['VFIO_MDEV']:
        raise Broken(f'Linux {config.release} is built without VFIO_MDEV, which the device needs',
                     'nothing but a driver or sample can select it: SAMPLE_VFIO_MDEV_MTTY=m does')
    if missing:
        raise Broken(f'Linux {config.release} is built without what the driver needs: {" ".join(missing)}',
                     'configure them; VFIO_MDEV comes with SAMPLE_VFIO_MDEV_MTTY=m, XXHASH with KSM=y')
    return config


class Kbuild:
    """What the kernel's makefiles are called with: NAME=VALUE of the user's, and what
    follows from the kernel."""

    def __init__(self, config: Configuration) -> None:
        text = os.environ.get('KBUILD_WORDS', '')
        self.given = text.split('\n') if text else []
        said = {word.partition('=')[0] for word in self.given}
        self.cflags = ''.join(f' {word.partition("=")[2]}' for word in self.given if word.startswith('KCFLAGS='))
        self.words = [word for word in self.given if not word.startswith('KCFLAGS=') and word != 'V=0']
        # What it shows and what is looked at again does not depend on what was built.
        self.verbose = any(word.startswith('V=') for word in self.words)
        self.again = self.verbose or any(word.startswith(('C=', 'W=')) for word in self.words)
        if config.has('UML') and 'ARCH' not in said:
            self.words.append('ARCH=um')
        # With another compiler than its own the kernel's options do not fit.
        if config.has('CC_IS_CLANG') and not said & {'LLVM', 'CC'}:
            self.words.append('LLVM=1')
        if config.has('GCOV_KERNEL'):
            # Expanded by kbuild in each directory: the driver and not its suites.
            self.words.append('GCOV_PROFILE=$(if $(filter %mtty-mig,$(obj)),y)')
            # What is done to the code before the counters are put in makes several of one
            # branch: a copy for each caller, a copy for each way there.
            self.cflags += ' -fno-early-inlining -fno-partial-inlining -fno-thread-jumps'


def modules(cache: Cache, kdir: str, out: str, sources: str = '', lint: bool = False) -> None:
    """Build the driver, and the KUnit suites if the kernel has KUnit, as external modules
    against a prepared kernel.

    The sources, of the checkout or of another directory, are copied, so that no object
    ever lies there; all in one kbuild run, because the suites use what the driver exports.
    """
    config = prepared(kdir)
    kdir = os.path.realpath(kdir)
    parts = ['mtty-mig', 'kunit'] if config.has('KUNIT') else ['mtty-mig']
    kbuild = Kbuild(config)
    cflags = kbuild.cflags
    # A warning is an error with the lab's own kernels; a mutant may well have one
    if not sources and kdir.startswith(f'{cache.path}/kernel/'):
        cflags += ' -Werror'
    root = sources or REPO
    key = hash_text(hash_files(*parts, root=root), kdir, config.release, ourselves(),
                    ' '.join(kbuild.given), config.state(kdir))
    if cache.finished(out, key) and not kbuild.again:
        return
    cache.be_alone_for(out)

    say(f'building the modules for Linux {config.release}')
    start = time.monotonic()
    begin(out, f'{kdir} {config.release}')
    copy_sources(root, parts, out)
    write(f'{out}/Kbuild', ''.join(f'obj-m += {part}/\n' for part in parts))
    # __FILE__, which KUnit and WARN print, as a name in the checkout.
    command = ['make', '-C', kdir, f'M={out}', *(['W=1', 'C=1', 'CHECK=sparse'] if lint else []),
               *kbuild.words, f'KCFLAGS=-fmacro-prefix-map={out}/={cflags}', f'-j{jobs()}', 'modules']
    if kbuild.verbose:
        log = f'{cache.logs}/modules.log'
        if cache.follow(log, command, each=lambda line: print(line, end='', file=sys.stderr)):
            raise cache.broken_or_full('the modules could not be built', read(log))
    else:
        cache.step('modules', *command, copied_to=out)
    cache.stamp(out, key)
    say(f'built the modules in {took(start)}')


def begin(out: str, built_for: str) -> None:
    """To build in a directory.  What was built for another kernel may look up to date."""
    if read_or_nothing(f'{out}/.built-for') != built_for:
        remove(out)
    build_on(out)
    write(f'{out}/.built-for', f'{built_for}\n')


def copy_sources(root: str, parts: Sequence[str], out: str) -> None:
    """Copy what differs, and remove what is gone."""
    names = {name for name in files_below(*parts, root=root) if not os.path.basename(name).startswith('.')}
    for name in names:
        copy_changed(f'{root}/{name}', f'{out}/{name}')
    for name in files_below(*(part for part in parts if os.path.isdir(f'{out}/{part}')), root=out):
        if re.search(r'\.[chS]$|/(Kbuild|Makefile)$', name) and name not in names:
            remove(f'{out}/{name}')
            remove(re.sub(r'(\.c)?$', '.o', f'{out}/{name}', count=1))
