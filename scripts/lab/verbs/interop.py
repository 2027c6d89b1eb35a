# SPDX-License-Identifier: GPL-2.0-only
"""make interop"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from lab.config import TESTS, Verb
from lab.values import named, output, REPO, scenarios

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'interop',
    help='let QEMU migrate the device, with a guest that uses it: QEMU=, TEST=',
    variables=f'{TESTS} QEMU TEST BACKEND MUTANT SHARD',
    results=True,
    checks={'TEST': named('scenario', scenarios)},
    not_for={
        'ARGS': 'TEST= and QEMU= say what it does',
    },
    readme=(
        '`make interop`',
        'QEMU migrates the device, with a Linux guest that uses it meanwhile; `QEMU=` selects a QEMU '
        'of yours ([interop](Documentation/interop.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab import kernels, source, vmm  # pylint: disable=import-outside-toplevel
    from lab.host import jobs  # pylint: disable=import-outside-toplevel
    from lab.lab import ENGINES  # pylint: disable=import-outside-toplevel
    qemu = lab.get('QEMU', 'debian')
    ours = qemu in ('debian', 'latest')
    mutant = lab.get('MUTANT')
    lab.set_up_kernel(lab.san('1'), 'interop', *(['vmm'] if ours else []), *(['git'] if mutant else []))
    # What the migrated machine runs does not matter much: one kernel for all, but who names a
    # tree may have no other.
    vm_source = lab.source if '/' in lab.kernel_name else source.kernel_source(lab.cache, 'lts')
    vm_kernel = kernels.kernel(lab.cache, ENGINES['qemu'], vm_source, 'vm')
    root = vmm.vmm(lab.cache, qemu) if ours else ''
    if mutant:
        with_mistake(lab, mutant)
    else:
        lab.set_up_modules()
    lab.set_up_programs('selftests')
    lab.cache.be_alone_for(lab.programs)
    lab.cache.step('interop', 'make', '-C', f'{REPO}/selftests', f'-j{jobs()}', f'KSRC={lab.source}',
                   f'UAPI={lab.uapi}/include', f'OUTPUT={lab.programs}/selftests', 'interop')
    words = ['--kernel /run/lab/vm-bzImage --initramfs /run/lab/initramfs --logs /run/lab/interop',
             '--root /run/vmm' if ours else f'--qemu {qemu}',
             '--backend ' + lab.get('BACKEND', 'iommufd' if lab.engine_name == 'uml' else 'container')]
    # That kernel has no IOMMUFD_DRIVER, so the device has no DMA log, and QEMU wants to be told
    # that it may migrate it all the same.
    if lab.kernel_name == 'debian':
        words.append('--option enable-migration=on')
    defaults = {'MEM': '1024', 'TEST_TIMEOUT': '1500', 'TIMEOUT': '3600', 'SILENCE': '600', 'TEST': '*'}
    # A machine in a machine without KVM takes long: there only what UML cannot show, and there
    # is more patience.  What a mistake has broken for good is not waited for as long.
    if lab.engine_name == 'qemu':
        words.append('--patience 600')
        defaults = {**defaults, 'TEST_TIMEOUT': '3600', 'TIMEOUT': '7200', 'SILENCE': '1800',
                    'TEST': '@(type-full|type-base|intx)'}
    elif mutant:
        words.append('--patience 60')
    lab.values = {**defaults, **lab.values, 'ARGS': ' '.join(words)}
    units = wanted(lab)
    with lab.cache.new_run() as lab.run:
        lab.fill([f'{lab.modules}/mtty-mig/mtty_mig.ko'], ['selftests'])
        shutil.copy(f'{vm_kernel}/bzImage', f'{lab.run}/vm-bzImage')
        for name in ('root/dev', 'root/proc', 'root/sys', 'interop'):
            os.makedirs(f'{lab.run}/{name}')
        shutil.copy(f'{lab.programs}/selftests/interop/vm/init', f'{lab.run}/root/')
        kernels.pack(lab.cache, 'interop-initramfs', f'{lab.run}/root', f'{lab.run}/initramfs')
        lab.cache.unlock()
        lab.say(f'interop on {lab.about()}, {lab.flavour}' + (f', with the mistake {mutant}' if mutant else ''))
        return lab.program('interop_lab.py', *lab.options(), '--vmm', root, *units)


def with_mistake(lab: Lab, mutant: str) -> None:
    """One mistake in the driver, to see that the scenarios notice."""
    from lab import modules  # pylint: disable=import-outside-toplevel
    from lab.cache import remove  # pylint: disable=import-outside-toplevel
    from lab.host import Broken  # pylint: disable=import-outside-toplevel
    tree = f'{lab.work}/interop-mutant'
    lab.cache.be_alone_for(tree)
    remove(tree)
    for part in ('mtty-mig', 'kunit'):
        shutil.copytree(f'{REPO}/{part}', f'{tree}/{part}')
    if subprocess.run(['git', 'apply', '--whitespace=nowarn', f'{REPO}/selftests/mutants/{mutant}.patch'],
                      cwd=tree, env={**os.environ, 'GIT_CEILING_DIRECTORIES': lab.work}, check=False).returncode:
        raise Broken(f'{mutant} does not apply')
    lab.modules = f'{tree}-modules'
    modules.modules(lab.cache, lab.kernel, lab.modules, tree)


def wanted(lab: Lab) -> list[str]:
    """The scenarios that TEST= asks for, as units of the guests: a group is one."""
    units = []
    for line in output('python3', '-B', f'{lab.programs}/selftests/interop/interop.py', '--groups'):
        group, *names = line.split()
        names = lab.wanted_tests(names)
        if names:
            units.append('@'.join(['interop/interop.py', group, *names]))
    return units
