#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Let QEMU migrate mtty-mig devices from one QEMU to another, and see that
nothing is lost.  Prints KTAP; needs root, the driver, debugfs and tracefs.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import traceback

import device
import qmp
import scenarios
import vmm


class Lab:
    """What the scenarios work with; all that one has made ends with it."""

    def __init__(self, args, place):
        self.place = place
        self.trace = device.Trace()
        self._args = args
        self._vmms = []
        self._devices = []
        self._busy = None
        self._logs = None
        self._has = None

    def _folder(self, name):
        path = f'{self._args.logs}/{name}'
        os.makedirs(path, exist_ok=True)
        return path

    def begin(self, name):
        self._logs = self._folder(name)

    def device(self, *args):
        made = device.Device(*args)
        self._devices.append(made)
        return made

    def vmm(self, name, devices, options=None, **more):
        for other in self._vmms:
            if other.name == name:
                raise vmm.Failure(f'there is a machine called {name}')
        made = vmm.Vmm(self.place, self._args.backend, self._logs, name, devices,
                       options=self._args.option + (options or []), **more)
        self._vmms.append(made)
        return made

    def close(self, made):
        """A machine, and its devices."""
        made.close()
        if made in self._vmms:
            self._vmms.remove(made)
        for one in made.devices:
            self._devices.remove(one)
            one.remove()

    def busy_source(self, *args):
        """A machine whose guest is at work, and which outlives what goes wrong with it.

        What it says is in a folder of its own, for it is not of one scenario.
        """
        if not self._busy:
            logs = self._logs
            self._logs = self._folder(f'at-work-since-{os.path.basename(logs)}')
            try:
                self._busy = self.vmm('at-work', [self.device(*args)], work='serial,dma').booted()
            finally:
                self._logs = logs
        return self._busy

    def fresh_digest(self, *args):
        """Of a device that nobody has used."""
        fresh = self.device(*args)
        digest = fresh.digest
        self._devices.remove(fresh)
        fresh.remove()
        return digest

    def vfio_has(self, option):
        """Does this QEMU know it?"""
        if self._has is None:
            asked = self.vmm('asked', [])
            self._has = [one['name'] for one in asked.execute('device-list-properties',
                                                              typename='vfio-pci')]
            asked.close()
        return option in self._has

    def end(self, keep_busy):
        keep = [self._busy] if keep_busy and self._busy and self._busy.alive() else []
        if not keep:
            self._busy = None
        kept = [used for one in keep for used in one.devices]
        # All of them, whatever happens with one; the machines before the devices
        with contextlib.ExitStack() as rest:
            for one in self._devices:
                if one not in kept:
                    rest.callback(one.remove)
            for one in self._vmms:
                if one not in keep:
                    rest.callback(one.close)
            self._vmms, self._devices = keep, kept


def attempt(call):
    """(result, why, what it returned)"""
    try:
        return 'ok', '', call()
    except scenarios.Skip as why:
        return 'skip', str(why), None
    except (vmm.Failure, qmp.QmpError, qmp.Closed, TimeoutError) as why:
        return 'fail', str(why), None
    except Exception:               # pylint: disable=broad-exception-caught
        return 'fail', traceback.format_exc(), None


def run(lab, name):
    """The same, of a scenario and of what it leaves behind."""
    lab.begin(name)
    result = attempt(lambda: scenarios.SCENARIOS[name](lab))
    end = attempt(lambda: lab.end(keep_busy=result[0] != 'fail'))
    return end if end[0] == 'fail' and result[0] != 'fail' else result


def row(name, result, told, seconds):
    """For the table, and for programs."""
    told = told or {}
    return {'scenario': name, 'result': result, 'seconds': round(seconds, 1),
            'total_ms': told.get('total-time'), 'downtime_ms': told.get('downtime'),
            'device_bytes': told.get('vfio', {}).get('transferred')}


def run_all(lab, names):
    """How many failed."""
    failures = 0
    for number, name in enumerate(names, start=1):
        begun = time.monotonic()
        result, why, told = run(lab, name)
        print(f'# interop: {json.dumps(row(name, result, told, time.monotonic() - begun))}')
        for line in why.splitlines() if result == 'fail' else []:
            print(f'# {line}')
        print(f'{"not ok" if result == "fail" else "ok"} {number} {name}'
              + (f' # SKIP {why}' if result == 'skip' else ''), flush=True)
        failures += result == 'fail'
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n', maxsplit=1)[0])
    parser.add_argument('--list', action='store_true', help='only tell the scenarios')
    parser.add_argument('--groups', action='store_true',
                        help='only tell which of them share a machine that is at work')
    parser.add_argument('--root', default='', help='a directory that is to be QEMU\'s root')
    parser.add_argument('--qemu', default='/usr/bin/qemu-system-x86_64', help='its program')
    parser.add_argument('--backend', choices=('iommufd', 'container'), default='iommufd')
    parser.add_argument('--option', action='append', default=[],
                        help='one more of each vfio-pci device, such as enable-migration=on')
    parser.add_argument('--kernel', help='of the guest')
    parser.add_argument('--initramfs', help='of the guest, with vm/init in it')
    parser.add_argument('--logs', default='logs', help='a directory for what QEMU says')
    parser.add_argument('--patience', type=int, default=vmm.PATIENCE,
                        help='seconds for what should happen')
    parser.add_argument('scenario', nargs='*')
    args = parser.parse_args()
    if args.list:
        for name, function in scenarios.SCENARIOS.items():
            print(f'{name:26}{function.text}')
        return 0
    if args.groups:
        # The longest first, for whoever runs several at once
        for group in sorted(scenarios.GROUPS, key=lambda group: group != 'again'):
            print(group, *scenarios.GROUPS[group])
        return 0
    names = args.scenario or list(scenarios.SCENARIOS)
    for name in names:
        if name not in scenarios.SCENARIOS:
            parser.error(f'no scenario is called {name}')
    vmm.PATIENCE = args.patience
    # The way out is by finally: nothing that was started stays behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        place = vmm.Place(args.qemu, args.root)
        version = place.describe()
        for file, name in ((args.kernel, 'bzImage'), (args.initramfs, 'initramfs')):
            if file:
                shutil.copy(file, place.outside(name))
        lab = Lab(args, place)
    except vmm.Failure as why:
        sys.exit(f'interop.py: {why}')
    except OSError as why:
        sys.exit(f'interop.py: {why}\nThis needs root, the driver mtty_mig (make load), and '
                 'debugfs and tracefs mounted below /sys/kernel.')
    print(f'TAP version 13\n# {version}\n1..{len(names)}', flush=True)
    try:
        return 1 if run_all(lab, names) else 0
    finally:
        lab.end(keep_busy=False)


if __name__ == '__main__':
    sys.exit(main())
