# SPDX-License-Identifier: GPL-2.0-only
"""make vfio-selftests"""

from __future__ import annotations

import glob
import os
import shutil
from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import free, kernels

if TYPE_CHECKING:
    from lab.lab import Lab

# What plain.c plugs in: the first one has SR-IOV.
WITH_VFS = '0000:80:00.0'
CARDS = ('0000:80:01.0', '0000:80:02.0')

VERB = Verb(
    'vfio-selftests',
    help='the kernel\'s own VFIO selftests, on cards in software',
    variables='KERNEL CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS SAN TEST',
    checks={'TEST': free, 'KERNEL': kernels('latest', '/')},
    readme=(
        '`make vfio-selftests`',
        "the kernel's own `tools/testing/selftests/vfio`, on cards in software",
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.host import Broken, jobs  # pylint: disable=import-outside-toplevel
    lab.values = {'KERNEL': 'latest', **lab.values}
    lab.set_up_kernel(lab.san('1'), 'vfio-selftests')
    suite = f'{lab.source}/tools/testing/selftests/vfio'
    if not os.path.isdir(suite):
        raise Broken(f'the source of Linux {lab.release()} has no tools/testing/selftests/vfio',
                     'it is there since 6.18: KERNEL=latest, or a tree of yours')
    module, bind = lab.set_up_standin('plain')
    # By its own Makefile.  It keeps objects by the name of the source; the headers are the
    # source's, too.
    built = f'{lab.work}/vfio-selftests-{os.path.basename(lab.kernel)}'
    lab.cache.be_alone_for(built)
    os.makedirs(built, exist_ok=True)
    lab.cache.step('vfio-selftests', 'make', '-C', suite, f'OUTPUT={built}', 'ARCH=x86_64',
                   f'KHDR_INCLUDES=-D_GNU_SOURCE= -isystem {lab.uapi}/include', f'-j{jobs()}')
    wanted = lab.wanted_tests(sorted(glob.glob('vfio_*_test', root_dir=built)))
    if not wanted:
        raise Broken(f'no program of the suite is called {lab.get("TEST")}')
    # The test of SR-IOV lets vfio-pci have a PF with VFs.
    lab.append('vfio_pci.enable_sriov=1')
    with lab.cache.new_run() as lab.run:
        lab.fill([module])
        os.makedirs(f'{lab.run}/selftests/vfio')
        for name in wanted:
            shutil.copy(f'{built}/{name}', f'{lab.run}/selftests/vfio/')
        lab.cache.unlock()
        lab.say(f"the kernel's own VFIO selftests on {lab.about()}")
        return lab.program('guest.py', *lab.options(os.path.basename(module).removesuffix('.ko')),
                           '--bind', bind, 'check', *map(unit, wanted))



def unit(name: str) -> str:
    """How the guest runs a program of the suite."""
    if 'sriov' in name:
        cards = [WITH_VFS]
    elif 'perf' in name:
        # Several devices at once
        cards = list(CARDS)
    elif 'mmio' in name:
        # Through iommufd's compatibility container no BAR can be mapped for DMA, and User Mode
        # Linux has no other container: iommufd_vfio_map_dma() gives EFAULT.
        cards = ['-V', 'vfio_type1_iommu', '-V', 'vfio_type1v2_iommu', CARDS[0]]
    else:
        cards = [CARDS[0]]
    return '@'.join([f'vfio/{name}', 'plain', *cards])
