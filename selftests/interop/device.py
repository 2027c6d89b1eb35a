# SPDX-License-Identifier: GPL-2.0-only
"""mtty-mig devices: made, set, told to fail, looked at, and removed."""

import errno
import os
import re
import uuid

TYPES = '/sys/devices/virtual/mtty_mig/mtty_mig/mdev_supported_types'
DEBUGFS = '/sys/kernel/debug/mtty_mig'
TRACE = '/sys/kernel/tracing/instances/interop'

PAGE_SIZE = 4096
# Before each page in the stream: see Documentation/stream.rst
RECORD_HEADER = 16
MIB = 1 << 20


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read()


class Device:
    """One device, of a type without its prefix: full, base, ..."""

    def __init__(self, kind, mem_size=4 * MIB):
        self.kind = kind
        self.mem_size = mem_size
        self.uuid = str(uuid.uuid4())
        write(f'{TYPES}/mtty_mig-{kind}/create', self.uuid)
        self.path = f'/sys/bus/mdev/devices/{self.uuid}'
        try:
            write(f'{self.path}/mtty_mig/mem_size', str(mem_size))
            self.name = os.listdir(f'{self.path}/vfio-dev')[0]
        except OSError:
            self.remove()
            raise

    def remove(self):
        write(f'{self.path}/remove', '1')

    def _attribute(self, name):
        return read(f'{self.path}/mtty_mig/{name}').strip()

    @property
    def state(self):
        return self._attribute('state')

    @property
    def digest(self):
        return self._attribute('digest')

    def knob(self, name, text):
        write(f'{DEBUGFS}/{self.uuid}/{name}', text)

    def dirty(self, first, count):
        """Let the device change so many pages of its memory by itself."""
        self.knob('dirty', f'{first} {count}')

    def dirty_all(self):
        self.dirty(0, self.mem_size // PAGE_SIZE)

    def closed(self) -> bool:
        """Does nobody have it open? Only then its size can be set."""
        try:
            write(f'{self.path}/mtty_mig/mem_size', str(self.mem_size))
        except OSError as why:
            if why.errno != errno.EBUSY:
                raise
            return False
        return True

    def fault(self, line):
        self.knob('fault', line)

    def fired(self, point):
        """How often the point has failed because it was asked to."""
        return int(re.search(rf'^{re.escape(point)}\s.*\bfired=(\d+)',
                             read(f'{DEBUGFS}/{self.uuid}/fault'), re.M).group(1))


class Trace:
    """What the driver's tracepoints told since the last clear()."""

    def __init__(self):
        os.makedirs(TRACE, exist_ok=True)
        write(f'{TRACE}/buffer_size_kb', '8192')
        for event in ('arc', 'fd'):
            write(f'{TRACE}/events/mtty_mig/mtty_mig_{event}/enable', '1')
        self.clear()

    def clear(self):
        write(f'{TRACE}/trace', '')

    def lines(self):
        return re.findall(r': (mtty_mig_.*)', read(f'{TRACE}/trace'))

    def arcs(self, device):
        """[(from, to, return value)]"""
        return [(*found.groups()[:2], int(found.group(3))) for found in (
            re.match(rf'mtty_mig_arc: dev={device.name} from=(\w+) to=(\w+) ret=(-?\d+)', line)
            for line in self.lines()) if found]

    def states(self, *devices):
        """[(which of them, the state that it has come to)], in order."""
        names = [device.name for device in devices]
        return [(names.index(found.group(1)), found.group(2)) for found in (
            re.match(r'mtty_mig_arc: dev=(\w+) from=\w+ to=(\w+) ret=0\b', line)
            for line in self.lines()) if found and found.group(1) in names]

    def failures(self, device: Device, event: str) -> list[int]:
        """What calls of that kind on a data fd of the device have failed with."""
        return [int(found.group(1)) for found in (
            re.match(rf'mtty_mig_fd: dev={device.name} event={event} .*\bret=(-\d+)', line)
            for line in self.lines()) if found]

    def refusals(self, device):
        """What writes to a data fd of the device have failed with."""
        return self.failures(device, 'write')

    def bytes_read(self, device, state=None):
        """From data fds of the device; in one state, or in all."""
        now, total = None, 0
        for line in self.lines():
            arc = re.match(rf'mtty_mig_arc: dev={device.name} from=\w+ to=(\w+) ret=0\b', line)
            if arc:
                now = arc.group(1)
            read_ = re.match(rf'mtty_mig_fd: dev={device.name} event=read .*\bret=(\d+)', line)
            if read_ and state in (None, now):
                total += int(read_.group(1))
        return total
