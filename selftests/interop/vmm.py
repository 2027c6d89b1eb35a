# SPDX-License-Identifier: GPL-2.0-only
"""QEMU processes, and the guests in them."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time

import qmp

RAM = 48
# What the guest's kernel keeps out of, for DMA: see vm/vm.h
DMA_MEMORY = '1M$32M'
# Nothing is judged by time: this is how long something that should happen may take.
PATIENCE = 120


class Failure(Exception):
    """What was expected did not happen."""


def wait(true, what):
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise Failure(f'never true: {what}')
        time.sleep(0.02)


class Place:
    """Where QEMU is, and the directory that it shares with us.

    root: a directory that is QEMU's root, or ''; program: its path in there.
    """

    def __init__(self, program, root=''):
        self.program = program
        self.root = root
        self.shared = '/run/interop'
        os.makedirs(self.outside('.'), exist_ok=True)

    def command(self):
        return (['chroot', self.root] if self.root else []) + [self.program]

    def inside(self, name):
        return f'{self.shared}/{name}'

    def outside(self, name):
        return f'{self.root}{self.shared}/{name}'

    def describe(self):
        """Its version; raises Failure if it does not even tell that."""
        try:
            told = subprocess.run(self.command() + ['--version'], capture_output=True, text=True,
                                  check=False)
        except OSError as why:
            raise Failure(f'{self.program} does not start: {why}') from None
        if told.returncode:
            raise Failure(f'{self.program} does not start: {told.stderr.strip()}')
        return told.stdout.splitlines()[0]


class Guest:
    """What the guest's only process tells (see vm/init.c), and is told."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._rest = b''
        self.last = None                # what it told last

    def close(self):
        self._socket.close()

    def _next(self, deadline):
        """The next line: what it tells, {} if it is none, None if none comes."""
        while b'\n' not in self._rest:
            ready, _, _ = select.select([self._socket], [], [], max(0, deadline - time.monotonic()))
            data = self._socket.recv(65536) if ready else b''
            if not data:
                return None
            self._rest += data
        line, self._rest = self._rest.split(b'\n', 1)
        # Of a line that a migration has cut in two only the end comes here
        if not line.startswith(b'{"number"'):
            return {}
        self.last = json.loads(line)
        return self.last

    def told(self, true, what):
        """What it tells when it tells something that is true."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._next(deadline)
            if line is None:
                raise Failure(f'the guest does not tell {what}; what it told last: {self.last}')
            if line and true(line):
                return line

    def latest(self):
        """What it told last, of all that it has told until now."""
        while b'\n' in self._rest or select.select([self._socket], [], [], 0)[0]:
            if self._next(time.monotonic() + 5) is None:
                break
        return self.last

    def next(self):
        """What it tells next: so it lives."""
        self.latest()
        return self.told(lambda told: True, 'anything')

    def check(self):
        """All that was under way has come to its end, and memory was compared."""
        self._socket.sendall(b'check\n')
        return self.told(lambda told: told['checked'], 'what a check came to')


class Vmm:
    """One QEMU with mtty-mig devices."""

    def __init__(self, place, backend, logs, name, devices, incoming=False, work=None,
                 options=None):
        """work: of the guest's process (vm/init.c); None: there is only the firmware.

        options: more for each vfio-pci device.
        """
        self.place = place
        self.name = name
        self.devices = devices
        self.guest = None
        self.qmp = None
        self._logs = logs
        self._log = open(f'{logs}/{name}.qmp', 'w', encoding='utf-8')
        self._output = f'{logs}/{name}.qemu'
        for socket_name in ('qmp', 'tell'):
            if os.path.exists(place.outside(f'{name}.{socket_name}')):
                os.unlink(place.outside(f'{name}.{socket_name}'))
        command = place.command() + [
            '-name', name, '-nodefaults', '-no-user-config', '-display', 'none',
            '-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', str(RAM),
            '-qmp', f'unix:{place.inside(name)}.qmp,server=on,wait=off',
            '-chardev', f'file,id=console,path={place.inside(name)}.console',
            '-device', 'isa-serial,chardev=console',
            '-chardev', f'socket,id=tell,path={place.inside(name)}.tell,server=on,wait=off',
            '-device', 'isa-serial,chardev=tell',
            # What the firmware says, by which one knows that it is done
            '-chardev', f'file,id=firmware,path={place.inside(name)}.firmware',
            '-device', 'isa-debugcon,iobase=0x402,chardev=firmware',
            '-trace', 'vfio_*migration*', '-trace', 'vfio_save*', '-trace', 'vfio_load*',
        ]
        if backend == 'iommufd':
            command += ['-object', 'iommufd,id=iommufd0']
        for number, device in enumerate(devices):
            words = ['vfio-pci', f'id=device{number}', f'sysfsdev={device.path}']
            if backend == 'iommufd':
                words.append('iommufd=iommufd0')
            command += ['-device', ','.join(words + (options or []))]
        if work is not None:
            command += ['-kernel', place.inside('bzImage'), '-initrd', place.inside('initramfs'),
                        '-append', f'console=ttyS0 panic=-1 memmap={DMA_MEMORY} WORK={work} '
                        'vfio.enable_unsafe_noiommu_mode=1']
        if incoming:
            command += ['-incoming', 'defer']
        self._work = work
        with open(self._output, 'wb') as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self):
        deadline = time.monotonic() + PATIENCE
        path = self.place.outside(f'{self.name}.qmp')
        while not self.qmp:
            try:
                self.qmp = qmp.Qmp(path, self._log, PATIENCE)
            except (FileNotFoundError, ConnectionRefusedError, qmp.Closed):
                if self.process.poll() is not None:
                    raise Failure(f'QEMU ended: {self.output()}') from None
                if time.monotonic() > deadline:
                    raise Failure('QEMU does not answer') from None
                time.sleep(0.02)
        if self._work is not None:
            self.guest = Guest(self.place.outside(f'{self.name}.tell'))

    def output(self):
        """What it said beside its traces."""
        with open(self._output, encoding='utf-8', errors='replace') as file:
            return '\n'.join(line for line in file.read().splitlines()
                             if not line.startswith('vfio_'))

    def traced(self, event):
        """Did QEMU come there?"""
        with open(self._output, encoding='utf-8', errors='replace') as file:
            return any(line.startswith(event) for line in file)

    def booted(self):
        """Until the guest is at work or, without one, the firmware has given up.

        Until then the firmware writes to the device's configuration space.
        """
        if self.guest:
            self.guest.told(lambda told: told['number'] > 3, 'that it works')
            return self
        path = self.place.outside(f'{self.name}.firmware')

        def given_up():
            with open(path, encoding='utf-8', errors='replace') as file:
                return 'No bootable device' in file.read()
        wait(given_up, f'the firmware of {self.name} has come to its end')
        return self

    def execute(self, command, **arguments):
        try:
            return self.qmp.execute(command, {name.replace('_', '-'): value
                                              for name, value in arguments.items()})
        except qmp.Closed:
            raise Failure(f'{self.name} ended: {self.output()}') from None

    def yank(self):
        """Give up what the migration waits for; served even while QEMU is stuck in it."""
        self.qmp.execute('yank', {'instances': [{'type': 'migration'}]}, 'exec-oob')

    def capabilities(self, **values):
        self.execute('migrate-set-capabilities', capabilities=[
            {'capability': name.replace('_', '-'), 'state': state}
            for name, state in values.items()])

    def status(self):
        return self.execute('query-status')['status']

    def migration(self):
        return self.execute('query-migrate')

    def wait_migration(self, *wanted, until=None, what=''):
        """Until its status is one of these, or something (what) is true of it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            info = self.migration()
            if info.get('status') in wanted or until and until(info):
                return info
            if info.get('status') in ('completed', 'failed', 'cancelled'):
                raise Failure(f'the migration is {info["status"]} and not '
                              f'{what or " or ".join(wanted)}: '
                              f'{info.get("error-desc", "no reason told")}; {self.output()}')
            if time.monotonic() > deadline:
                raise Failure(f'the migration is {info.get("status")} and never '
                              f'{what or " or ".join(wanted)}')
            time.sleep(0.02)

    def wait_sent(self, count):
        """Until so many bytes of its devices are on their way."""
        self.wait_migration(until=lambda told: told.get('vfio', {}).get('transferred', 0) >= count,
                            what=f'at {count} bytes of the device')

    def wait_status(self, wanted):
        wait(lambda: self.status() == wanted, f'{self.name} is {wanted}')

    def wait_state(self, wanted):
        """Of all its devices; what QEMU does with them may come after what it says."""
        for number, device in enumerate(self.devices):
            wait(lambda one=device: one.state == wanted,
                 f'device {number} of {self.name} is {wanted}')

    def alive(self):
        return self.process.poll() is None

    def ended(self):
        """Its exit status, when it has ended by itself."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f'{self.name} does not end') from None

    def pause(self):
        """As if its machine hung."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.alive():
            self.kill()
        if self.guest:
            self.guest.close()
        if self.qmp:
            self.qmp.close()
        self._log.close()
        # These are in memory, and the logs are to be kept
        for kind in ('console', 'firmware'):
            said = self.place.outside(f'{self.name}.{kind}')
            if os.path.exists(said):
                shutil.copy(said, f'{self._logs}/{self.name}.{kind}')
                os.unlink(said)
