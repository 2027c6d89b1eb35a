# SPDX-License-Identifier: GPL-2.0-only
"""make drivers"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import kernels, named, selftests

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'drivers',
    help='the kernel\'s drivers, without their hardware, beside what is recorded of them',
    variables='KERNEL CACHE DRIVER RECORD TEST SHARD',
    results=True,
    checks={'TEST': named('test', selftests), 'KERNEL': kernels('lts', 'latest', '/')},
    readme=(
        '`make conformance DRIVER=qat`, `drivers`',
        "the same for the kernel's drivers (qat, virtio, pds, xe, hisi_acc, mlx5), without their "
        'hardware: the driver is built from the kernel under test, which may be your tree, and bound '
        'to a VF on a bus in software. `make drivers` compares all of them with the recorded results '
        '([standins](Documentation/standins.rst), [drivers](Documentation/drivers/index.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.host import Broken  # pylint: disable=import-outside-toplevel
    lab.packages()
    lab.cache.make()
    record = lab.get('RECORD', '0')
    if lab.get('TEST') and record == '1':
        raise Broken('RECORD=1 wants all tests', 'leave TEST= out; RECORD=more adds the rules that are new')
    return lab.program('drivers.py', 'run', '--drivers', lab.get('DRIVER'), '--kernels', lab.kernel_given,
                       '--test', lab.get('TEST'), '--logs', lab.cache.log_name('drivers'),
                       *([] if record == '0' else ['--record', record]))
