# SPDX-License-Identifier: GPL-2.0-only
"""make drivers"""

from lab.config import Verb
from lab.values import kernels, named, selftests

VERB = Verb(
    'drivers',
    help='the kernel\'s drivers, without their hardware, beside what is recorded of them',
    command='drivers.sh',
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
