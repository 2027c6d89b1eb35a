#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The engine qemu: a PC with two serial ports, and the host's files by 9P.

The initramfs (see lab/kernels.py) mounts them and goes on with guest-init.sh.
As a program it prints what QEMU can be accelerated with here: kvm or tcg.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import subprocess
import tempfile

ARCH = 'x86_64'
IMAGE = 'bzImage'
OBJECTS = 1300
PACKAGES = 'qemu'
# Without KVM everything takes ten times as long.
TIMEOUT = 3600
SILENCE = 600
TEST_TIMEOUT = 1500
# Of the machine that is probed and of those that are booted
PROCESSOR = ('-machine', 'q35', '-cpu', 'max')


def describe() -> str:
    return f'in QEMU ({accelerator()})'


def fragments(_source: str, _flavour: str) -> list[str]:
    return []


# At the end of this ROM, where a processor begins: tell the device at port 0xf4
# to exit.
#	mov $0x10, %al; mov $0xf4, %dx; out %al, %dx; hlt
PROBE = bytes([0xb0, 0x10, 0xba, 0xf4, 0x00, 0xee, 0xf4])
ROM_SIZE = 65536
# isa-debug-exit's way to say 0x10
PROBE_STATUS = 0x10 << 1 | 1


@functools.lru_cache(maxsize=None)
def accelerator() -> str:
    """'kvm' where a guest has been seen to run under it, else 'tcg'.

    That /dev/kvm is there and opens says nothing about that: a container may
    have the file, a virtual machine the device without the processor's help.
    Some of these run the probe, so the processor is asked first.
    """
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as cpuinfo:
        if not re.search(r'^flags\s*:.* (vmx|svm)\b', cpuinfo.read(), re.M):
            return 'tcg'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'tcg'
    with tempfile.NamedTemporaryFile() as rom:
        rom.write(bytes(ROM_SIZE - 16) + PROBE.ljust(16, b'\xf4'))
        rom.flush()
        try:
            status: int | None = subprocess.run(
                ['qemu-system-x86_64', '-accel', 'kvm', *PROCESSOR, '-smp', '2', '-m', '4',
                 '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
                 '-bios', rom.name,
                 '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=5, check=False).returncode
        except subprocess.TimeoutExpired:
            status = None
    return 'kvm' if status == PROBE_STATUS else 'tcg'


def prepare(_args: argparse.Namespace, _guests: int) -> dict[str, str]:
    return {}


def command(args: argparse.Namespace, name: str, words: list[str], log: int, out: int,
            keyboard: bool) -> list[str]:
    # A pipe may be opened by its name; a terminal has a kind of its own.
    serial = (f'serial,path={os.ttyname(out)}' if keyboard else f'file,path=/proc/self/fd/{out}')
    return [
        'qemu-system-x86_64', '-name', name, '-nodefaults', '-no-user-config',
        '-display', 'none', '-no-reboot', *PROCESSOR,
        '-accel', accelerator() + (',thread=multi' if accelerator() == 'tcg' else ''),
        '-smp', str(args.processors), '-m', str(args.memory),
        '-kernel', args.kernel, '-initrd', args.initramfs,
        '-append', ' '.join(['console=ttyS0', 'OUT=/dev/ttyS1', 'panic=-1', *words]),
        '-chardev', f'file,id=log,path=/proc/self/fd/{log}', '-serial', 'chardev:log',
        '-chardev', f'{serial},id=out', '-serial', 'chardev:out',
        '-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap',
        '-device', 'virtio-9p-pci,fsdev=root,mount_tag=root',
        '-fsdev', f'local,id=lab,path={args.run},security_model=none,multidevs=remap',
        '-device', 'virtio-9p-pci,fsdev=lab,mount_tag=lab',
    ]


if __name__ == '__main__':
    print(accelerator())
