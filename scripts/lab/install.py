# SPDX-License-Identifier: GPL-2.0-only
"""make install, make uninstall: the modules for a kernel of this machine and, if PREFIX is
set, the selftests and tools."""

from __future__ import annotations

import contextlib
import os
import re
import shutil

from lab import host
from lab.cache import remove
from lab.host import Broken, say
from lab.lab import Lab
from lab.values import default_kdir, read, REPO, SCRIPTS
from lab.verbs.modules import build

# What kbuild installs of ours, below /lib/modules/RELEASE/updates
OURS = ('mtty-mig/mtty_mig.ko', 'kunit/mtty_mig_kunit.ko')
PROGRAMS = ('vfio-migration-conformance', 'vfio-migctl', 'migrate-demo')
# What the user may give to kbuild as it is; the rest is quoted
PLAIN = re.compile('[A-Za-z0-9_.,:/=-]*')


class Target:
    """Where something is installed, and for which kernel."""

    def __init__(self, lab: Lab) -> None:
        self.verb = lab.verb
        self.kdir = lab.get('KDIR', default_kdir())
        self.dest = lab.get('DESTDIR')
        self.prefix = lab.get('PREFIX')
        self.libexec = f'{self.prefix}/libexec/mtty-mig-selftests'
        self.release = self.kernel_release()
        self.updates = f'{self.dest}/lib/modules/{self.release}/updates'

    def kernel_release(self) -> str:
        """Of the kernel in KDIR=; the headers may be gone, and what was installed still
        there."""
        file = f'{self.kdir}/include/config/kernel.release'
        if os.access(file, os.R_OK):
            return read(file).strip()
        found = re.fullmatch('/lib/modules/([^/]+)/build/?', self.kdir)
        if not found:
            raise Broken(f"there is no kernel in '{self.kdir}'",
                         f'name a kernel build: make {self.verb} KDIR=/path')
        return found[1]

    def may_write(self, folder: str) -> None:
        """Or say who can."""
        while not os.path.exists(folder):
            folder = os.path.dirname(folder) or '.'
        if os.access(folder, os.W_OK):
            return
        words = [self.verb]
        if self.kdir != f'/lib/modules/{os.uname().release}/build':
            words.append(f'KDIR={self.kdir}')
        words += [f'{name}={text}' for name, text in (('PREFIX', self.prefix), ('DESTDIR', self.dest)) if text]
        for word in os.environ.get('KBUILD_WORDS', '').splitlines():
            name, _, text = word.partition('=')
            words.append(word if PLAIN.fullmatch(text) else f"{name}='{text}'")
        raise Broken(f'only root can write to {folder}',
                     f'sudo make {" ".join(words)}; or name another place: DESTDIR=DIR')

    def depmod(self) -> None:
        """The kernel that is there has to learn of it; in an image that has no kernel,
        whoever installs one calls depmod."""
        folder = f'{self.dest}/lib/modules/{self.release}'
        if not any(os.path.exists(f'{folder}/{name}') for name in ('modules.order', 'modules.builtin')):
            say(f'depmod was not called: no kernel {self.release} is installed in {self.dest or "/"}')
            return
        try:
            host.run('depmod', '-b', self.dest or '/', self.release)
        except Broken:
            raise Broken(f'depmod failed for {self.release}') from None

    def modules(self) -> list[str]:
        """What is installed of ours, or may be: kbuild compresses as the kernel is
        configured to."""
        return [f'{self.updates}/{name}{ending}' for name in OURS for ending in ('', '.xz', '.gz', '.zst')]


def install(lab: Lab) -> int:
    """make install"""
    target = Target(lab)
    target.may_write(target.updates)
    if target.prefix:
        target.may_write(f'{target.dest}{target.prefix}')
    build(lab, target.kdir)
    out = f'{REPO}/build/modules'
    # kbuild's own way: it strips, compresses and signs as that kernel is configured to.
    # depmod is ours to call.
    lab.cache.step('install-modules', 'make', '-C', target.kdir, f'M={out}',
                   f'INSTALL_MOD_PATH={target.dest}', 'INSTALL_MOD_DIR=updates', 'DEPMOD=true',
                   *os.environ.get('KBUILD_WORDS', '').splitlines(), 'modules_install', copied_to=out)
    for path in target.modules():
        if os.path.exists(path):
            say(f'installed: {path}')
    target.depmod()
    give_back()
    lab.cache.unlock()
    if target.prefix:
        install_programs(lab, target)
    return 0


def give_back() -> None:
    """What root built in somebody's checkout is that person's."""
    if os.getuid() == 0 and os.path.exists(f'{REPO}/build'):
        host.run('chown', '-R', f'--reference={REPO}', f'{REPO}/build')


def install_programs(lab: Lab, target: Target) -> None:
    """Selftests and tools."""
    lab.set_up_source()
    lab.set_up_programs('selftests', 'tools')
    host.run(f'{SCRIPTS}/install-selftests.sh', lab.source, f'{lab.programs}/selftests', f'{lab.programs}/tools',
             target.dest, target.prefix, target.libexec)
    lab.cache.unlock()
    place = f'{target.dest}{target.prefix}'
    os.makedirs(f'{place}/share/man/man4', exist_ok=True)
    shutil.copyfile(f'{REPO}/Documentation/man/mtty_mig.4', f'{place}/share/man/man4/mtty_mig.4')
    say(f'installed: {target.dest}{target.libexec}, and in {place}/bin: {", ".join(PROGRAMS)}')


def uninstall(lab: Lab) -> int:
    """make uninstall"""
    target = Target(lab)
    removed = take_away(target, target.modules())
    for name in OURS:
        with contextlib.suppress(OSError):
            os.rmdir(f'{target.updates}/{os.path.dirname(name)}')
    with contextlib.suppress(OSError):
        os.rmdir(target.updates)
    if removed:
        target.depmod()
    if target.prefix:
        place = f'{target.dest}{target.prefix}'
        removed += take_away(target, [
            f'{target.dest}{target.libexec}', *(f'{place}/bin/{name}' for name in PROGRAMS),
            f'{place}/share/bash-completion/completions/vfio-migctl',
            *(f'{place}/share/man/man1/{name}.1' for name in PROGRAMS),
            f'{place}/share/man/man4/mtty_mig.4', f'{place}/share/man/man7/mtty-mig-selftests.7'])
    if not removed:
        say(f'nothing of ours is installed for Linux {target.release}'
            + (f' or in {target.dest}{target.prefix}' if target.prefix else ''))
    return 0


def take_away(target: Target, paths: list[str]) -> int:
    """Remove what there is of these, and say so; how many that were."""
    count = 0
    for path in paths:
        if os.path.lexists(path):
            target.may_write(os.path.dirname(path))
            remove(path)
            say(f'removed: {path}')
            count += 1
    return count
