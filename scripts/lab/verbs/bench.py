# SPDX-License-Identifier: GPL-2.0-only
"""make bench"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from lab.config import RUN, Verb
from lab.values import REPO

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'bench',
    help='how fast the device is, beside its limits and a peer: ROWS=, RUNS=, BASELINE=',
    variables=f'{RUN} RUNS ROWS BASELINE',
    results=True,
    failure='it could not measure, or a ratio is far beyond its goal',
    readme=(
        '`make bench`',
        "how fast the device is, beside what the machine can do and beside the kernel's mtty; "
        '`BASELINE=` compares with an earlier run ([bench](Documentation/bench.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    # 512 MiB of device memory, and a stream of 64 MiB twice.  A row takes minutes where the
    # engine is slow, and says nothing meanwhile.
    lab.values = {'MEM': '1400', 'TIMEOUT': '3600', 'SILENCE': '600', **lab.values}
    # In the guest, which sees this run's directory there
    lab.values['ARGS'] = f'-r {lab.get("RUNS", "5")} -o /run/lab/samples {lab.get("ROWS")}'
    lab.set_up_kernel(lab.san('0'))
    lab.set_up_modules()
    lab.set_up_programs('tools')
    # The peer of the arcs; Debian's kernel has no samples.
    peer = f'{lab.kernel}/samples/vfio-mdev/mtty.ko'
    if os.path.exists(peer):
        lab.guest_modules.append(peer)
    out = f'{REPO}/build/bench'
    samples = f'{out}/{lab.release()}-{lab.engine_name}.samples'
    with lab.guest([f'{lab.modules}/mtty-mig/mtty_mig.ko'], ['tools']):
        lab.say(f'measuring on {lab.about()}, {lab.flavour}')
        status = lab.program('guest.py', *lab.options(), '--program', 'mig-bench', 'run')
        if status:
            return status
        os.makedirs(out, exist_ok=True)
        shutil.copyfile(f'{lab.run}/samples', samples)
    return lab.program('bench.py', '--release', lab.release(), '--engine', lab.engine_name,
                       '--flavour', lab.flavour, '--out', out, '--baseline', lab.get('BASELINE'), samples)
