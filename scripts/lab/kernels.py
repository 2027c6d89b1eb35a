# SPDX-License-Identifier: GPL-2.0-only
"""What is booted: kernels, the initramfs for QEMU, the library for User Mode Linux.

All of it is in the cache, and called with the cache locked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from types import ModuleType

from lab.cache import (Cache, build_on, hash_content, hash_text, link, read_or_nothing, remove, STAMP, write)
from lab.host import answer, Broken, first_line, jobs, say, took
from lab.values import read, SCRIPTS


class Progress:
    """How far a kernel's build is: on one line that is written over if stderr is a
    terminal, else now and then."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.count = self.last = 0
        self.terminal = sys.stderr.isatty()

    def line(self, text: str) -> None:
        """One of the build's output."""
        if not re.match('  [A-Z]+ +', text):
            return
        self.count += 1
        percent = min(99, self.count * 100 // self.expected)
        if self.terminal and percent != self.last:
            print(f'\rlab: {percent:2d}%', end='', file=sys.stderr, flush=True)
        elif not self.terminal and percent >= self.last + 25:
            say(f'{percent}%')
        else:
            return
        self.last = percent

    def end(self) -> None:
        """Leave the line as it was."""
        if self.terminal and self.count:
            print('\r          \r', end='', file=sys.stderr, flush=True)


def fragments(engine: ModuleType, source: str, flavour: str) -> list[str]:
    """The files that make a guest's configuration.  They depend on what the source has,
    not on its version: a tree of the user's may have anything."""
    # What a VMM's guest has needs nothing of the lab's.
    if flavour == 'vm':
        return [f'{SCRIPTS}/config/vm']
    names = ['guest', 'uml' if engine.ARCH == 'um' else engine.ARCH]
    if os.path.exists(f'{source}/drivers/iommu/generic_pt/Kconfig'):
        names.append('generic_pt')
    names += engine.fragments(source, flavour)
    if flavour != 'plain':
        names.append(flavour)
    return [f'{SCRIPTS}/config/{name}' for name in names]


def fragment_text(engine: ModuleType, source: str, flavour: str) -> str:
    """What these files say."""
    return ''.join(read(path) for path in fragments(engine, source, flavour))


def check_configuration(build: str, text: str, version: str) -> None:
    """Has the configuration each line of the fragments, or one of what it names?"""
    config = set(read(f'{build}/.config').splitlines())
    wrong = [line.partition('=')[0] for line in text.splitlines()
             if line.startswith('CONFIG_') and not config.intersection(line.split(' | '))]
    if wrong:
        raise Broken(f'the configuration of Linux {version} does not take: {" ".join(wrong)}',
                     'a symbol was renamed, or one that it depends on is off; '
                     f'see scripts/config/ and {build}/.config')


def kernel(cache: Cache, engine: ModuleType, source: str, flavour: str) -> str:
    """A guest's kernel: its build directory, with the engine's image in it."""
    text = fragment_text(engine, source, flavour)
    # Bump when what is done below changes the result.
    recipe = '2'
    # Everything that the result depends on, and the place: a build directory knows its own
    # path and the source's.  What make finds in a user's tree is make's to judge, at each
    # call.  How much of a package is unpacked is no matter: what is left out no kernel of
    # ours is built of.
    stamp = read_or_nothing(f'{source}/{STAMP}')
    key = hash_text(recipe, engine.ARCH, source, stamp.partition(' layout ')[0], text.rstrip('\n'),
                    first_line('gcc', '--version'), first_line('ld', '--version'))
    build = f'{cache.path}/kernel/{flavour}-{engine.ARCH}-{key}'
    tree = not os.path.exists(f'{source}/{STAMP}')
    if tree:
        # Its stamp is of what came out.
        cache.be_alone()
    elif cache.finished(build, key):
        return build

    version = answer('make', '-s', '-C', source, 'kernelversion')
    if not tree or not os.path.exists(f'{build}/{engine.IMAGE}'):
        cache.need_space(700, f'building the {flavour} kernel')
        say(f'building Linux {version}, {engine.ARCH}, {flavour} (once; some minutes)')
    start = time.monotonic()
    build_on(build)
    write(f'{build}/fragment', ''.join(line.replace(' | ', '\n') if line.startswith('CONFIG_') else line
                                       for line in text.splitlines(keepends=True)))
    make = ('make', '-C', source, f'O={build}', f'ARCH={engine.ARCH}')
    cache.step(f'config-{flavour}-{engine.ARCH}', *make, '-s', f'KCONFIG_ALLCONFIG={build}/fragment',
               'allnoconfig')
    check_configuration(build, text, version)
    progress = Progress(engine.OBJECTS)
    try:
        cache.step(f'kernel-{flavour}-{engine.ARCH}', *make, f'-j{jobs()}', engine.IMAGE, 'modules',
                   each=progress.line)
    finally:
        progress.end()
    if engine.IMAGE != 'linux':
        link(f'arch/x86/boot/{engine.IMAGE}', f'{build}/{engine.IMAGE}')
    if not os.path.exists(f'{build}/{engine.IMAGE}'):
        raise Broken(f"the kernel's build left no kernel in {build}")
    if tree:
        # For whoever builds modules: did it change?
        both = hash_content(f'{build}/Module.symvers') + hash_content(f'{build}/{engine.IMAGE}')
        cache.stamp(build, hash_text(key, both))
    else:
        drop_objects(build)
        cache.stamp(build, key)
    cache.prune(12, f'{cache.path}/kernel', '*-*')
    if time.monotonic() - start >= 20:
        say(f'built Linux {version}, {engine.ARCH}, {flavour}, in {took(start)}')
    return build


def drop_objects(build: str) -> None:
    """Nothing links against these any more."""
    for folder, _, names in os.walk(build):
        kept = f'{folder}/'.startswith((f'{build}/scripts/', f'{build}/arch/'))
        for name in names:
            if name.endswith('.a') or name.endswith('.o') and not kept:
                os.unlink(f'{folder}/{name}')


INIT = '''#!/bin/busybox sh
die() {{ echo "initramfs: $1"; sleep 3; exec /bin/busybox poweroff -f; }}
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
for module in {modules}; do
	/bin/busybox insmod "/modules/$module.ko" || die "$module.ko did not load"
done
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose \\
	root /root || die "the host's files cannot be mounted"
/bin/busybox umount /proc
/bin/busybox umount /dev
exec /bin/busybox switch_root /root "$LAB/guest-init.sh"
die "there is no $LAB/guest-init.sh"
'''


def pack(cache: Cache, name: str, root: str, out: str) -> None:
    """An initramfs of all that is in a directory; name is the step's."""
    cache.step(name, 'sh', '-c', 'find . | busybox cpio -o -H newc >"$0"', out, cwd=root)


def initramfs(cache: Cache, built: str) -> str:
    """What QEMU's guest sees first: busybox, the modules that it needs to see the host's
    files, and a script that goes there."""
    out = f'{built}/.initramfs'
    busybox = shutil.which('busybox')
    assert busybox
    key = hash_text(INIT, read_or_nothing(f'{built}/{STAMP}'), hash_content(busybox))
    if cache.finished(out, key):
        return f'{out}/initramfs'
    root = f'{cache.path}/tmp/initramfs'
    remove(root)
    remove(out)
    for name in ('bin', 'dev', 'proc', 'root', 'modules'):
        os.makedirs(f'{root}/{name}')
    os.makedirs(out)
    shutil.copy(busybox, f'{root}/bin/busybox')
    # If it is not a static one: the loader and what it asks for.
    libraries = subprocess.run(['ldd', busybox], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, check=False).stdout
    for path in re.findall(r'^[^/\n]*(/[^ \n]*)', libraries, re.M):
        os.makedirs(f'{root}{os.path.dirname(path)}', exist_ok=True)
        shutil.copy(path, f'{root}{path}')
    modules_ = read_or_nothing(f'{built}/initramfs.modules').split()
    for name in modules_:
        shutil.copy(f'{built}/modules/{name}.ko', f'{root}/modules/')
    write(f'{root}/init', INIT.format(modules=' '.join(modules_)))
    os.chmod(f'{root}/init', 0o755)
    pack(cache, 'initramfs', root, f'{out}/initramfs')
    remove(root)
    cache.stamp(out, key)
    return f'{out}/initramfs'


def preload(cache: Cache, out: str) -> None:
    """The library that is preloaded into the UML process."""
    source = f'{SCRIPTS}/uml-xstate.c'
    key = hash_text(hash_content(source), first_line('gcc', '--version'))
    if not cache.finished(out, key):
        os.makedirs(out, exist_ok=True)
        cache.step('preload', 'gcc', '-O2', '-Wall', '-shared', '-fPIC', '-o', f'{out}/uml-xstate.so',
                   source, '-ldl')
        cache.stamp(out, key)
