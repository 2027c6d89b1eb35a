# SPDX-License-Identifier: GPL-2.0-only
"""QEMU processes, and the guests in them."""

import collections
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from typing import Any

import qmp
from device import Device

RAM = 48
# What the guest's kernel keeps out of, for DMA: see vm/vm.h
DMA_MEMORY = '4M$32M'
# Nothing is judged by time: this is how long something that should happen may take.
PATIENCE = 120


class Failure(Exception):
    """What was expected did not happen."""


def wait(true, what, seen=lambda: ''):
    """Until it is; seen() tells what is instead, if that never happens."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise Failure(f'never true in {PATIENCE} s: {what}{seen()}')
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
    """What the guest's only process tells (see vm/init.c), and is told.

    It is always listened to: a guest that nobody hears waits with its next line, and
    is not at work.
    """

    def __init__(self, connected, console=lambda: ''):
        """connected: a socket; console: gives the last words of its console."""
        self.last = None                # what it told last
        self._socket = connected
        self._console = console
        self._unread = collections.deque()
        self._gone = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _listen(self):
        rest = b''
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b''
            *lines, rest = (rest + data).split(b'\n')
            with self._news:
                # Of a line that a migration has cut in two only the end comes here
                for line in lines:
                    if line.startswith(b'{"number"'):
                        self.last = json.loads(line)
                        self._unread.append(self.last)
                self._gone = not data
                self._news.notify_all()
            if not data:
                return

    def told(self, true, what):
        """What it tells when it tells something that is true."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                while self._unread:
                    line = self._unread.popleft()
                    if true(line):
                        return line
                left = deadline - time.monotonic()
                if self._gone or left <= 0:
                    raise Failure(f'the guest {"is gone and " if self._gone else ""}does not tell '
                                  f'{what}; what it told last: {self.last}; its console: '
                                  f'{self._console()}')
                self._news.wait(left)

    def next(self):
        """What it tells next: so it lives."""
        with self._news:
            self._unread.clear()
        return self.told(lambda told: True, 'anything')

    def order(self, word: str) -> None:
        """Tell it something; see vm/init.c."""
        with contextlib.suppress(BrokenPipeError):
            self._socket.sendall(f'{word}\n'.encode())

    def check(self):
        """All that was under way has come to its end, and memory was compared."""
        self.order('check')
        return self.told(lambda told: told['checked'], 'what a check came to')

    def reset(self) -> dict[str, Any]:
        """The same, and then it has reset its devices and set them up again."""
        self.order('reset')
        return self.told(lambda told: told['checked'], 'that its devices were reset')

    def reboot(self) -> dict[str, Any]:
        """What it tells when it has, and is at work again: it counts from 0 on."""
        before = self.next()['number']
        self.order('reboot')
        return self.told(lambda told: 3 < told['number'] < before, 'that it has booted anew')


class Vmm:
    """One QEMU with mtty-mig devices."""

    def __init__(self, place, backend, logs, name, devices, incoming=False, work=None,
                 options=None, bus=None, more=()):
        """work: of the guest's process (vm/init.c); None: there is only the firmware.

        options: more for each vfio-pci device. bus: where they are, if not on the
        machine's own bus; more: words of the command line, by which there is one.
        """
        self.place = place
        self.name = name
        self.devices = devices
        self.guest = None
        self.qmp = None
        self._backend = backend
        self._options = options or []
        self._logs = logs
        self._log = open(f'{logs}/{name}.qmp', 'w', encoding='utf-8')
        self._output = f'{logs}/{name}.qemu'
        for socket_name in ('qmp', 'tell'):
            if os.path.exists(place.outside(f'{name}.{socket_name}')):
                os.unlink(place.outside(f'{name}.{socket_name}'))
        command = place.command() + [
            '-name', name, '-nodefaults', '-no-user-config', '-display', 'none',
            '-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', str(RAM),
            # A guest that panics is gone, and does not begin anew
            '-no-reboot',
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
        command += more
        for number, device in enumerate(devices):
            words = [f'{key}={value}' for key, value in self.properties(number, device, bus).items()]
            command += ['-device', ','.join(words + self._options)]
        if work is not None:
            command += ['-kernel', place.inside('bzImage'), '-initrd', place.inside('initramfs'),
                        '-append', f'console=ttyS0 panic=-1 memmap={DMA_MEMORY} WORK={work} '
                        f'LOST={PATIENCE // 3} '
                        # It counts ticks for a time that it knows from another clock, and
                        # a machine that is emulated on a busy one may have had too few
                        'no_timer_check '
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

    def properties(self, number: int, device: Device, bus: str | None = None) -> dict[str, str]:
        """What QEMU is told of a device, but for the options."""
        return ({'driver': 'vfio-pci', 'id': f'device{number}', 'sysfsdev': device.path} |
                ({'iommufd': 'iommufd0'} if self._backend == 'iommufd' else {}) |
                ({'bus': bus} if bus else {}))

    def plug(self, device: Device, bus: str, **more: Any) -> None:
        """One more device, while the machine runs. Raises QmpError if QEMU refuses it."""
        options: dict[str, Any] = dict(one.split('=', 1) for one in self._options)
        self.execute('device_add', **self.properties(len(self.devices), device, bus) | options |
                     more)
        self.devices.append(device)

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
            connected = socket.socket(socket.AF_UNIX)
            connected.connect(self.place.outside(f'{self.name}.tell'))
            self.guest = Guest(connected, self._console)

    def _console(self):
        """Its last lines."""
        with open(self.place.outside(f'{self.name}.console'), encoding='utf-8',
                  errors='replace') as file:
            return ' / '.join(file.read().split('\n')[-6:])

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
        except TimeoutError:
            raise Failure(f'{self.name} has not answered {command} for {PATIENCE} s') from None

    def yank(self):
        """Give up what the migration waits for; served even while QEMU is stuck in it."""
        try:
            self.qmp.execute('yank', {'instances': [{'type': 'migration'}]}, 'exec-oob')
        except TimeoutError:
            raise Failure(f'{self.name} has not answered yank for {PATIENCE} s') from None

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
                raise Failure(f'the migration is {info.get("status")} and in {PATIENCE} s never '
                              f'{what or " or ".join(wanted)}')
            time.sleep(0.02)

    def wait_sent(self, count):
        """Until so many bytes of its devices are on their way."""
        self.wait_migration(until=lambda told: told.get('vfio', {}).get('transferred', 0) >= count,
                            what=f'at {count} bytes of the device')

    def wait_status(self, wanted):
        wait(lambda: self.status() == wanted, f'{self.name} is {wanted}',
             lambda: f'; it is {self.status()}')

    def wait_state(self, wanted):
        """Of all its devices; what QEMU does with them may come after what it says."""
        for number, device in enumerate(self.devices):
            wait(lambda one=device: one.state == wanted,
                 f'device {number} of {self.name} is {wanted}',
                 lambda one=device: f'; it is {one.state}')

    def said(self, words):
        """On its error output, or as the reason why the migration has failed?"""
        return words in self.output() + self.migration().get('error-desc', '')

    def alive(self):
        return self.process.poll() is None

    def ended(self):
        """Its exit status, when it has ended by itself."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f'{self.name} (process {self.process.pid}) does not end') from None

    def pause(self):
        """As if its machine hung."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        self.process.kill()
        self.ended()

    def close(self):
        with contextlib.ExitStack() as rest:
            # In the end, whatever comes between; the last one first
            for kind in ('console', 'firmware'):
                rest.callback(self._keep, kind)
            rest.callback(self._log.close)
            if self.qmp:
                rest.callback(self.qmp.close)
            if self.guest:
                rest.callback(self.guest.close)
            if self.alive():
                self.kill()

    def _keep(self, kind):
        """It is in memory, and the logs are to be kept."""
        said = self.place.outside(f'{self.name}.{kind}')
        if os.path.exists(said):
            shutil.copy(said, f'{self._logs}/{self.name}.{kind}')
            os.unlink(said)
