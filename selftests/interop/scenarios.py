# SPDX-License-Identifier: GPL-2.0-only
"""What a VMM does with the device, one scenario a function.

A scenario takes a lab (see interop.py), raises Failure or Skip, and may return
what QEMU told of the migration, for the table.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from typing import Any

import vmm as machines
from device import MIB, PAGE_SIZE, RECORD_HEADER, Device
from qmp import QmpError
from vmm import Failure, Vmm

# Of device memory the guest uses no more than that (vm/vm.h); the rest is free for knobs
VM_MEM_USED = 4 * MIB
# Of memory that it lets the device write to
DMA_PAGES = MIB // PAGE_SIZE
BUSY = ('full', 2 * VM_MEM_USED)

# Of the command line: where a device may be reset by its bus, where one may be plugged in
BRIDGE = ('-device', 'pci-bridge,id=bridge,chassis_nr=1')
PORT = ('-device', 'pcie-root-port,id=plug,chassis=2,slot=2')

# By name; and which of them go together, in one guest of the lab, one after the other
SCENARIOS = {}
GROUPS = {}


class Skip(Exception):
    """There is something that this scenario needs and this place has not."""


def scenario(group, text):
    """text: what it shows, for people."""
    def add(function):
        name = function.__name__.replace('_', '-')
        function.text = text
        SCENARIOS[name] = function
        GROUPS.setdefault(group, []).append(name)
        return function
    return add


def equal(what, seen, wanted):
    if seen != wanted:
        raise Failure(f'{what}: {seen}, and not {wanted}')


def true(what, seen):
    if not seen:
        raise Failure(f'not true: {what}')


def refused(what, word, call):
    """The call fails, and why is told: with that word."""
    try:
        call()
    except QmpError as error:
        true(f'{what} is refused with a word of "{word}": {error}', word in error.description)
    else:
        raise Failure(f'{what} is not refused')


# What each migration begins with, whatever the one before it had: by default so much
# downtime that it is no matter of speed whether QEMU comes to stop the machine.
CAPABILITIES = {'return_path': False, 'pause_before_switchover': False, 'multifd': False,
                'switchover_ack': False, 'postcopy_ram': False}
PARAMETERS = {'downtime_limit': 20000, 'max_bandwidth': 128 * MIB}


def connect(lab, source, destination, **options):
    """Both know how to migrate; the destination listens.  Returns where.

    options: of CAPABILITIES and PARAMETERS.
    """
    capabilities = {name: options.get(name, value) for name, value in CAPABILITIES.items()}
    parameters = {name: options.get(name, value) for name, value in PARAMETERS.items()}
    for vmm in (source, destination):
        vmm.capabilities(**capabilities)
        vmm.execute('migrate-set-parameters', **parameters)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lab.place.outside('migration'))
    uri = f'unix:{lab.place.inside("migration")}'
    destination.execute('migrate-incoming', uri=uri)
    return uri


def begin(lab, source, destination, **options):
    source.execute('migrate', uri=connect(lab, source, destination, **options))


def arrived(source, destination):
    """What QEMU told of a migration that has come to its end."""
    told = source.wait_migration('completed')
    source.wait_status('postmigrate')
    destination.wait_status('running')
    equal("the destination's word", destination.migration()['status'], 'completed')
    source.wait_state('STOP')
    destination.wait_state('RUNNING')
    if source.guest:
        continues(source.guest.last, destination.guest.next())
    return told


def continues(before, after):
    """The guest is the one that it was, with all that it had counted."""
    true(f'{after} comes after {before}', after['number'] > before['number'])
    equal('devices of the guest', len(after['devices']), len(before['devices']))
    for old, new in zip(before['devices'], after['devices'], strict=True):
        true(f'what is counted in {after} has not become less than in {before}',
             all(late >= early for early, late in zip(counts(old), counts(new), strict=True)))


def migrate(lab, source, destination, **options):
    begin(lab, source, destination, **options)
    return arrived(source, destination)


class Dirtying:
    """A device that changes pages of its memory from one on, so many each 20 ms."""

    def __init__(self, device, pages, first=0):
        self.changed = 0
        self._device = device
        self._pages = pages
        self._first = first
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error = None

    def _run(self):
        count = self._device.mem_size // PAGE_SIZE - self._first
        while not self._enough.wait(0.02):
            try:
                self._device.dirty(self._first + self.changed % count, self._pages)
            except OSError as why:
                # EBUSY: it is being stopped, there is nothing to change any more
                self._error = None if why.errno == errno.EBUSY else why
                return
            self.changed += self._pages

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join()
        if self._error:
            raise self._error


@contextlib.contextmanager
def in_pre_copy(lab, source, destination, **options):
    """A migration that is amid the stream, and goes on there for as long as one likes.

    The device changes faster than it is sent: QEMU goes on and on, and not so fast that
    the guest has no time to work.
    """
    with Dirtying(source.devices[0], 512, VM_MEM_USED // PAGE_SIZE):
        begin(lab, source, destination, downtime_limit=1, max_bandwidth=8 * MIB, **options)
        source.wait_sent(MIB)
        yield


def fills(told):
    return [device['dma']['fills'] for device in told['devices']]


def through_all_memory(source: Vmm) -> None:
    source.wait_migration(until=lambda told: told.get('ram', {}).get('dirty-sync-count', 0) > 1,
                          what='through all memory')


def much_is_written(source: Vmm) -> None:
    """The engine writes half of the guest's pages anew, and the migration still goes on."""
    begun = source.guest.next()
    source.guest.told(lambda told: all(
        late > early + DMA_PAGES // 2 for early, late in zip(fills(begun), fills(told), strict=True)),
        f'that pages were written since {begun}')
    equal('the migration', source.migration()['status'], 'active')


def migrate_at_work(lab, source, destination, **options):
    """The same, but the engine writes half of the guest's pages anew after they were
    first sent: what the DMA log is for.
    """
    with in_pre_copy(lab, source, destination, **options):
        through_all_memory(source)
        much_is_written(source)
    source.execute('migrate-set-parameters', **PARAMETERS)
    return arrived(source, destination)


def failed(source):
    """The migration has, and the machine is to go on at the source."""
    source.wait_migration('failed')
    source.wait_status('running')
    source.wait_state('RUNNING')


def sound(what, told):
    """What the guest told when it had checked everything."""
    true(f'{what}: the guest has devices', told['devices'])
    for device in told['devices']:
        for port in device.get('serial', ()):
            equal(f'{what}: bytes that came wrong', port['bad'], 0)
            equal(f'{what}: bytes that came', port['received'], port['sent'])
            true(f'{what}: there was a conversation', port['sent'])
        if 'dma' in device:
            equal(f'{what}: pages that were wrong', device['dma']['bad'], 0)
            true(f'{what}: there was DMA', device['dma']['fills'])
            true(f'{what}: device memory was read again', device['dma']['returned'])
        if 'flood' in device:
            equal(f'{what}: what was wrong in memory', device['flood']['bad'], 0)
            true(f'{what}: there was DMA', device['flood']['bytes'])
        if 'irq' in device:
            equal(f'{what}: interrupts that were wrong', device['irq']['bad'], 0)
            equal(f'{what}: interrupts that came', device['irq']['came'], device['irq']['asked'])


def counts(device):
    """All of them that only grow while the device is at work."""
    return ([port['received'] for port in device.get('serial', ())] +
            ([device['dma'][name] for name in ('fills', 'taken')] if 'dma' in device else []) +
            ([device['flood']['bytes']] if 'flood' in device else []) +
            device.get('irq', {}).get('came', []))


def works_on(before, told, least):
    """Has each part of its work come forward by more than that?"""
    return all(late > early + least
               for old, new in zip(before['devices'], told['devices'], strict=True)
               for early, late in zip(counts(old), counts(new), strict=True))


def goes_on(what, vmm):
    """Each part of the guest's work comes forward, and nothing is wrong."""
    before = vmm.guest.next()
    true(f'{what}: the guest has devices', before['devices'])
    vmm.guest.told(lambda told: works_on(before, told, 2),
                   f'that all of its work goes on since {before}')
    sound(what, vmm.guest.check())


def busy_pair(lab):
    """The machine at work that scenarios share, and one where it may go."""
    return (lab.busy_source(*BUSY),
            lab.vmm('destination', [lab.device(*BUSY)], incoming=True))


def unharmed(what, source):
    """After a migration that failed: the guest, with its device as it was."""
    failed(source)
    goes_on(what, source)


def one_device(lab, kind, mem_size):
    """A guest that is busy with nothing, and a device whose memory is all in use."""
    source = lab.vmm('source', [lab.device(kind, mem_size)]).booted()
    if mem_size:
        source.devices[0].dirty_all()
    digest = source.devices[0].digest
    destination = lab.vmm('destination', [lab.device(kind, mem_size)], incoming=True)
    lab.trace.clear()
    told = migrate(lab, source, destination)
    equal('the digest at the destination', destination.devices[0].digest, digest)
    equal('the digest at the source', source.devices[0].digest, digest)
    moved = told['vfio']['transferred']
    equal("QEMU's bytes, to those that were read", moved, lab.trace.bytes_read(source.devices[0]))
    true(f'{moved} bytes are all of device memory', moved >= mem_size)
    true(f'{moved} bytes are device memory and little else', moved < mem_size * 1.02 + 4096)
    return told


@scenario('types', 'a device with 64 MiB: QEMU moves its bytes and nothing else, the digests '
          'are equal')
def plain(lab):
    return one_device(lab, 'full', 64 * MIB)


@scenario('types', 'a device that can do all, with less memory')
def type_full(lab):
    return one_device(lab, 'full', 4 * MIB)


@scenario('types', 'a device that can STOP_COPY alone')
def type_base(lab):
    return one_device(lab, 'base', 4 * MIB)


@scenario('types', 'a device without PRE_COPY')
def type_p2p(lab):
    return one_device(lab, 'p2p', 4 * MIB)


@scenario('types', 'a device without P2P')
def type_precopy(lab):
    return one_device(lab, 'precopy', 4 * MIB)


@scenario('types', 'a device without memory')
def no_memory(lab):
    return one_device(lab, 'full', 0)


@scenario('types', 'a device without migration: QEMU refuses, and the guest runs on')
def type_none(lab):
    source = lab.vmm('source', [lab.device('none')])
    refused('migrate', 'migration is not supported',
            lambda: source.execute('migrate', uri=f'unix:{lab.place.inside("nobody")}'))
    equal('QEMU', source.status(), 'running')


def pair(lab, work, *kinds, **how):
    """Two machines with such devices; the guest of the first one is at work.

    how: more of what a machine is made with.
    """
    size = 2 * VM_MEM_USED
    source = lab.vmm('source', [lab.device(kind, size) for kind in kinds], work=work,
                     **how).booted()
    destination = lab.vmm('destination', [lab.device(kind, size) for kind in kinds], work=work,
                          incoming=True, **how)
    return source, destination


@scenario('guest', 'a guest that talks on both ports and lets both channels of the engine write '
          'while it is migrated: nothing is lost, doubled or changed')
def guest(lab):
    source, destination = pair(lab, 'serial,dma', 'full')
    told = migrate_at_work(lab, source, destination)
    goes_on('after the migration', destination)
    goes_on('later', destination)
    return told


def owes_dma(told):
    """Is the guest waiting for the interrupt of a transfer?"""
    irq = told['devices'][0]['irq']
    return irq['asked'][-1] > irq['came'][-1]


def interrupts(lab, kind):
    source, destination = pair(lab, kind, 'full')
    goes_on('before', source)
    # Of MSI the guest has the one of port 0 alone, which nothing can hold up
    if kind != 'msi':
        source.devices[0].knob('engine_hold', '1')
        source.guest.next()
        source.guest.told(owes_dma, 'that the engine owes it an interrupt')
    told = migrate(lab, source, destination)
    if kind != 'msi':
        true('an interrupt was owed when the machine was stopped', owes_dma(source.guest.last))
    goes_on('after the migration', destination)
    return told


@scenario('interrupts', 'MSI-X that the guest has set up: each interrupt comes, here and there')
def msix(lab):
    return interrupts(lab, 'msix')


@scenario('interrupts', 'the same with MSI')
def msi(lab):
    return interrupts(lab, 'msi')


@scenario('interrupts', 'the same with INTx')
def intx(lab):
    return interrupts(lab, 'intx')


@scenario('precopy', 'a device whose memory changes, more slowly than it is sent: it converges')
def precopy_converges(lab):
    source = lab.vmm('source', [lab.device('full', 16 * MIB)]).booted()
    device = source.devices[0]
    device.dirty_all()
    destination = lab.vmm('destination', [lab.device('full', 16 * MIB)], incoming=True)
    lab.trace.clear()
    # With the acknowledgement, for all of it could be sent in the downtime
    uri = connect(lab, source, destination, downtime_limit=1000, return_path=True,
                  switchover_ack=True)
    with Dirtying(device, 2) as dirtying:
        source.execute('migrate', uri=uri)
        told = source.wait_migration('completed')
    true('memory changed meanwhile', dirtying.changed)
    arrived(source, destination)
    equal('the digest at the destination', destination.devices[0].digest, device.digest)
    equal('the states of the source', [state for _, state in lab.trace.states(device)],
          ['PRE_COPY', 'PRE_COPY_P2P', 'STOP_COPY', 'STOP'])
    before = (lab.trace.bytes_read(device, 'PRE_COPY') +
              lab.trace.bytes_read(device, 'PRE_COPY_P2P'))
    after = lab.trace.bytes_read(device, 'STOP_COPY')
    once = device.mem_size // PAGE_SIZE * (PAGE_SIZE + RECORD_HEADER)
    true(f'of {before} bytes before it was stopped some were sent again', before > once + PAGE_SIZE)
    true(f'{after} bytes were left for then', after < once / 2)
    return told


@scenario('precopy', 'one whose memory changes faster: it never converges, is cancelled, and '
          'then it does')
def precopy_cancelled(lab):
    source = lab.vmm('source', [lab.device('full', 16 * MIB)]).booted()
    device = source.devices[0]
    device.dirty_all()
    destination = lab.vmm('destination', [lab.device('full', 16 * MIB)], incoming=True)
    uri = connect(lab, source, destination, max_bandwidth=8 * MIB, downtime_limit=20)
    with Dirtying(device, 512):
        source.execute('migrate', uri=uri)
        # Twice of all that there is, and still not done
        source.wait_sent(2 * device.mem_size)
        equal('the migration', source.migration()['status'], 'active')
        source.execute('migrate_cancel')
        source.wait_migration('cancelled')
        source.wait_state('RUNNING')
        equal('QEMU', source.status(), 'running')
    destination.close()
    destination = lab.vmm('destination2', [lab.device('full', 16 * MIB)], incoming=True)
    told = migrate(lab, source, destination)
    equal('the digest at the destination', destination.devices[0].digest, device.digest)
    return told


def switchover(lab, ack):
    """How many bytes were read in pre-copy, though there was no need to wait for them."""
    name = 'ack' if ack else 'none'
    source = lab.vmm(f'source-{name}', [lab.device('full', 8 * MIB)]).booted()
    source.devices[0].dirty_all()
    destination = lab.vmm(f'destination-{name}', [lab.device('full', 8 * MIB)], incoming=True)
    lab.trace.clear()
    # All of it would fit into the downtime: whoever may switch over at once does
    told = migrate(lab, source, destination, max_bandwidth=16 * MIB, downtime_limit=60000,
                   return_path=True, switchover_ack=ack)
    equal('the digest at the destination', destination.devices[0].digest, source.devices[0].digest)
    return told, lab.trace.bytes_read(source.devices[0], 'PRE_COPY')


@scenario('precopy', 'switchover-ack: the device is not stopped before all initial bytes are there')
def switchover_ack(lab):
    _, without = switchover(lab, False)
    true(f'without it the device is stopped earlier, {without} bytes', without < 8 * MIB)
    told, acked = switchover(lab, True)
    true(f'with it all initial bytes come first, {acked} bytes', acked >= 8 * MIB)
    return told


@scenario('failures', 'STOP to STOP_COPY fails at the source, in a device without PRE_COPY: QEMU '
          'asks for STOP, and the guest goes on')
def arc_fails(lab):
    source, destination = pair(lab, 'serial,dma', 'p2p')
    device = source.devices[0]
    device.fault(f'STOP-STOP_COPY-before {errno.EIO}')
    lab.trace.clear()
    begin(lab, source, destination)
    failed(source)
    # To ask for the state in which the device is already is no arc
    true(f'QEMU asks for STOP: {source.output()}', source.said('in recover state STOP'))
    # QEMU 11 goes to RUNNING_P2P and back once more
    equal('the arcs of the source', lab.trace.arcs(device)[:5], [
        ('RUNNING', 'RUNNING_P2P', 0), ('RUNNING_P2P', 'STOP', 0),
        ('STOP', 'STOP_COPY', -errno.EIO),
        ('STOP', 'RUNNING_P2P', 0), ('RUNNING_P2P', 'RUNNING', 0)])
    goes_on('after the arc failed', source)


@scenario('failures', 'RUNNING to PRE_COPY fails at the source: the guest has not noticed')
def precopy_arc_fails(lab):
    source, destination = busy_pair(lab)
    source.devices[0].fault(f'RUNNING-PRE_COPY-before {errno.EIO}')
    begin(lab, source, destination)
    unharmed('after the arc failed', source)
    equal('times that the arc failed', source.devices[0].fired('RUNNING-PRE_COPY-before'), 1)


def reset_by_qemu(lab, arc, how='', kind='full', words='Recover state is ERROR'):
    """An arc after whose failure QEMU resets the device, and the words with which it does."""
    source = lab.vmm('source', [lab.device(kind, MIB)]).booted()
    device = source.devices[0]
    device.dirty_all()
    fresh = lab.fresh_digest(kind, MIB)
    true('there is something to lose', device.digest != fresh)
    destination = lab.vmm('destination', [lab.device(kind, MIB)], incoming=True)
    device.fault(f'{arc}-before {errno.EIO} {how}')
    begin(lab, source, destination)
    failed(source)
    equal('times that the arc failed', device.fired(f'{arc}-before'), 1)
    true(f'"{words}" is what QEMU says: {source.output()}', source.said(words))
    equal('the digest, to that after a reset', device.digest, fresh)


@scenario('failures', 'PRE_COPY to PRE_COPY_P2P fails: QEMU resets the device, and runs on')
def p2p_arc_fails(lab):
    reset_by_qemu(lab, 'PRE_COPY-PRE_COPY_P2P')


@scenario('failures', 'PRE_COPY_P2P to STOP_COPY fails: the same')
def stop_copy_arc_fails(lab):
    reset_by_qemu(lab, 'PRE_COPY_P2P-STOP_COPY')


@scenario('failures', 'it fails, and the device is in ERROR then: the same')
def arc_fails_in_error(lab):
    reset_by_qemu(lab, 'PRE_COPY_P2P-STOP_COPY', 'error')


@scenario('failures', 'STOP to STOP_COPY fails and the device is in ERROR then, where it cannot '
          'be asked for STOP: QEMU tries, and resets it')
def recovery_fails(lab):
    reset_by_qemu(lab, 'STOP-STOP_COPY', 'error', 'p2p', 'Failed setting device in recover state')


def refuses(destination, *words):
    """The destination ends, in order, and says why."""
    equal("the destination's exit status", destination.ended(), 1)
    for word in words:
        true(f'it says {word}: {destination.output()}', word in destination.output())


@scenario('failures', 'the destination cannot enter RESUMING: the guest goes on at the source')
def resuming_arc_fails(lab):
    source, destination = busy_pair(lab)
    destination.devices[0].fault(f'STOP-RESUMING-before {errno.EIO}')
    begin(lab, source, destination, return_path=True)
    refuses(destination, 'RESUMING')
    unharmed('after the destination refused', source)


@scenario('failures', 'RESUMING to STOP fails at the destination, when it is too late to go back: '
          'QEMU says that the migration is completed, resets the device, and runs on')
def load_arc_fails(lab):
    source = lab.vmm('source', [lab.device('full', MIB)]).booted()
    source.devices[0].dirty_all()
    destination = lab.vmm('destination', [lab.device('full', MIB)], incoming=True)
    device = destination.devices[0]
    device.fault(f'RESUMING-STOP-before {errno.EIO}')
    told = migrate(lab, source, destination)
    equal('times that the arc failed', device.fired('RESUMING-STOP-before'), 1)
    equal('the digest, to that after a reset', device.digest, lab.fresh_digest('full', MIB))
    return told


@scenario('failures', 'write() fails at the destination amid the stream: the same')
def write_fails(lab):
    source, destination = busy_pair(lab)
    with in_pre_copy(lab, source, destination, return_path=True):
        destination.devices[0].fault(f'write {errno.EIO}')
        refuses(destination, 'Input/output error')
        failed(source)
    unharmed('after the destination refused', source)


@scenario('failures', 'a destination with another size of memory refuses the stream: the same')
def other_size(lab):
    source = lab.busy_source(*BUSY)
    destination = lab.vmm('destination', [lab.device('full', VM_MEM_USED)], incoming=True)
    lab.trace.clear()
    begin(lab, source, destination, return_path=True)
    refuses(destination)
    equal('what its device answered', lab.trace.refusals(destination.devices[0]),
          [-errno.EMSGSIZE])
    unharmed('after the destination refused', source)


@scenario('failures', 'the destination dies amid the stream: the same')
def destination_dies(lab):
    source, destination = busy_pair(lab)
    with in_pre_copy(lab, source, destination):
        destination.kill()
        failed(source)
    unharmed('after the destination died', source)


@scenario('failures', 'read() fails at the source amid the pre-copy: the guest goes on')
def read_fails(lab):
    source, destination = busy_pair(lab)
    with in_pre_copy(lab, source, destination):
        source.devices[0].fault(f'read {errno.EIO}')
        failed(source)
    unharmed('after read() failed', source)


@scenario('failures', 'read() fails in STOP_COPY: the same')
def read_fails_in_stop_copy(lab):
    source, destination = busy_pair(lab)
    begin(lab, source, destination, pause_before_switchover=True)
    source.wait_migration('pre-switchover')
    source.wait_state('STOP_COPY')
    source.devices[0].fault(f'read {errno.EIO}')
    source.execute('migrate-continue', state='pre-switchover')
    unharmed('after read() failed', source)


def cancel(source):
    source.execute('migrate_cancel')
    source.wait_migration('cancelled')
    source.wait_status('running')
    source.wait_state('RUNNING')


def cancelled(when, source):
    cancel(source)
    goes_on(f'after it was cancelled {when}', source)


# Without return-path: with it QEMU shuts its socket down before it notes that it is
# cancelling, and what it was just writing may fail first
@scenario('cancel', 'cancelled while the destination does not read')
def cancel_unread(lab):
    source, destination = busy_pair(lab)
    uri = connect(lab, source, destination)
    destination.pause()
    source.execute('migrate', uri=uri)
    source.wait_state('PRE_COPY')
    cancelled('unread', source)


@scenario('cancel', 'cancelled in pre-copy')
def cancel_in_precopy(lab):
    source, destination = busy_pair(lab)
    with in_pre_copy(lab, source, destination):
        source.wait_state('PRE_COPY')
        cancel(source)
    goes_on('after it was cancelled in pre-copy', source)


@scenario('cancel', 'cancelled in STOP_COPY, before anything is read')
def cancel_before_switchover(lab):
    source, destination = busy_pair(lab)
    begin(lab, source, destination, pause_before_switchover=True)
    source.wait_migration('pre-switchover')
    source.wait_state('STOP_COPY')
    cancelled('before the switchover', source)


@scenario('cancel', 'given up (yank) in STOP_COPY, with a destination that hangs')
def yank_in_stop_copy(lab):
    source, destination = busy_pair(lab)
    # More than a socket takes is left for then: there is no need to hurry
    source.devices[0].dirty(VM_MEM_USED // PAGE_SIZE, VM_MEM_USED // PAGE_SIZE)
    begin(lab, source, destination, pause_before_switchover=True, max_bandwidth=16 * MIB,
          downtime_limit=60000)
    source.wait_migration('pre-switchover')
    source.wait_state('STOP_COPY')
    destination.pause()
    # QEMU gets stuck, maybe before it has answered, and serves nothing else any more
    source.qmp.send('migrate-continue', {'state': 'pre-switchover'})
    source.yank()
    unharmed('after it was given up', source)


@scenario('several', 'two devices in one machine, both at work: no one is stopped while the other '
          'one may still write to it')
def two_devices(lab):
    source, destination = pair(lab, 'serial,dma', 'full', 'p2p')
    equal('devices that the guest has found', len(source.guest.next()['devices']), 2)
    lab.trace.clear()
    told = migrate(lab, source, destination)
    for machine in source, destination:
        states = lab.trace.states(*machine.devices)
        quiet = [max(number for number, (one, state) in enumerate(states)
                     if one == which and state in ('RUNNING_P2P', 'PRE_COPY_P2P'))
                 for which in (0, 1)]
        stop = {'source': ('STOP', 'STOP_COPY'), 'destination': ('RUNNING',)}[machine.name]
        other = [number for number, (_, state) in enumerate(states)
                 if state in stop and number > min(quiet)]
        true(f'all are quiet before one goes on to {stop}: {states}', min(other) > max(quiet))
    goes_on('after the migration', destination)
    return told


@scenario('several', 'two devices, one of them without P2P: QEMU refuses and says why')
def two_devices_without_p2p(lab):
    source = lab.vmm('source', [lab.device('full'), lab.device('base')])
    refused('migrate', 'P2P', lambda: source.execute(
        'migrate', uri=f'unix:{lab.place.inside("nobody")}'))
    equal('QEMU', source.status(), 'running')


@scenario('several', 'open page requests: the device cannot be stopped (EBUSY), and QEMU, which '
          'takes that as it takes any failed arc, resets it; answered in time, it works')
def page_requests(lab):
    source = lab.vmm('source', [lab.device('vpri', MIB)]).booted()
    device = source.devices[0]
    fresh = lab.fresh_digest('vpri', MIB)
    device.dirty_all()
    device.knob('page_requests', 'open 0x1000')
    destination = lab.vmm('destination', [lab.device('vpri', MIB)], incoming=True)
    lab.trace.clear()
    begin(lab, source, destination)
    failed(source)
    true('the device could not be stopped',
         ('PRE_COPY_P2P', 'STOP_COPY', -errno.EBUSY) in lab.trace.arcs(device))
    equal('the digest, to that after a reset', device.digest, fresh)
    device.dirty_all()
    device.knob('page_requests', 'open 0x1000')
    device.knob('page_requests', 'answer 1')
    destination.close()
    destination = lab.vmm('destination2', [lab.device('vpri', MIB)], incoming=True)
    told = migrate(lab, source, destination)
    equal('the digest at the destination', destination.devices[0].digest, device.digest)
    return told


@scenario('file', 'into a file, and from it, twice')
def file(lab):
    here = lab.vmm('saved-0', [lab.device('full')], work='serial,dma').booted()
    uri = f'file:{lab.place.inside("saved")}'
    told = None
    for number in (1, 2):
        here.execute('migrate-set-parameters', **PARAMETERS)
        here.execute('migrate', uri=uri)
        told = here.wait_migration('completed')
        lab.close(here)
        here = lab.vmm(f'saved-{number}', [lab.device('full')], incoming=True, work='serial,dma')
        here.execute('migrate-incoming', uri=uri)
        here.wait_status('running')
        os.unlink(lab.place.outside('saved'))
        goes_on('from the file', here)
    return told


@scenario('again', 'there and back again, ten times')
def there_and_back(lab):
    here = lab.vmm('there-0', [lab.device('full')], work='serial,dma').booted()
    told = None
    for number in range(1, 21):
        there = lab.vmm(f'there-{number}', [lab.device('full')], incoming=True, work='serial,dma')
        begun = here.guest.next()
        here.guest.told(lambda told, begun=begun: works_on(begun, told, 0),
                        f'that all of its work goes on since {begun}')
        told = migrate(lab, here, there)
        lab.close(here)
        here = there
    goes_on('after twenty migrations', here)
    return told


@scenario('file', "the device's bytes beside the main channel (multifd)")
def multifd(lab):
    if not lab.vfio_has('x-migration-multifd-transfer'):
        raise Skip('this QEMU has no multifd for VFIO')
    source, destination = pair(lab, 'serial,dma', 'full',
                               options=['x-migration-multifd-transfer=on'])
    told = migrate(lab, source, destination, multifd=True, return_path=True)
    true('they came there beside the main channel',
         destination.traced('vfio_load_state_device_buffer_load_start'))
    goes_on('after the migration', destination)
    return told


@scenario('refused', 'post-copy, which no VFIO device can do: QEMU refuses before it asks the device '
          'for anything; without it the same two machines migrate')
def postcopy(lab: Any) -> dict[str, Any]:
    source, destination = pair(lab, 'serial,dma', 'full')
    lab.trace.clear()
    refused('migrate', 'postcopy',
            lambda: begin(lab, source, destination, postcopy_ram=True))
    equal('QEMU', source.status(), 'running')
    equal('the arcs of the source', lab.trace.arcs(source.devices[0]), [])
    goes_on('after it was refused', source)
    destination.close()
    destination = lab.vmm('destination2', [lab.device(*BUSY)], incoming=True, work='serial,dma')
    told = migrate_at_work(lab, source, destination)
    goes_on('after the migration', destination)
    return told


@scenario('refused', 'a device without migration plugged into a machine that has to be migratable '
          '(-only-migratable): QEMU refuses it and lets it go, takes another one under the same '
          'name, and migrates that')
def failed_realize(lab: Any) -> dict[str, Any]:
    source = lab.vmm('source', [], more=('-only-migratable',) + PORT).booted()
    bad, good = lab.device('none'), lab.device('full')
    for options in ({}, {'enable-migration': 'on'}):
        refused(f'device_add with {options}', 'migrat',
                lambda more=options: source.plug(bad, 'plug', **more))
        true('QEMU has closed what it refused', bad.closed())
    true('nobody has the other device open', good.closed())
    source.plug(good, 'plug')
    true('QEMU has the other device open', not good.closed())
    good.dirty_all()
    destination = lab.vmm('destination', [lab.device('full')], incoming=True, bus='plug', more=PORT)
    told = migrate(lab, source, destination)
    equal('the digest at the destination', destination.devices[0].digest, good.digest)
    return told


def dirty_rate(source: Vmm) -> int:
    """How many MiB get dirty in a second, whole ones, by QEMU's dirty log."""
    source.execute('calc-dirty-rate', calc_time=1, mode='dirty-bitmap')
    machines.wait(lambda: source.execute('query-dirty-rate')['status'] == 'measured',
                  'the rate is measured')
    return source.execute('query-dirty-rate')['dirty-rate']


@scenario('rate', 'calc-dirty-rate while the engine writes sees its pages, and sees none while the '
          'engine is held up; it leaves the log off, so that a migration can switch it on')
def calc_dirty_rate(lab: Any) -> dict[str, Any]:
    source, destination = pair(lab, 'flood', 'full')
    device = source.devices[0]
    # An emulator's own log does not count what the processors write: what is counted is the
    # device's. Whether it comes to a MiB in a second is a matter of this machine's speed.
    machines.wait(lambda: dirty_rate(source) > 0, 'the engine makes memory dirty')
    device.knob('engine_hold', '1')
    # The pages of before may come with the first one
    dirty_rate(source)
    equal('MiB a second, with the engine held up', dirty_rate(source), 0)
    device.knob('engine_hold', '0')
    machines.wait(lambda: dirty_rate(source) > 0, 'the engine makes memory dirty again')
    told = migrate(lab, source, destination)
    goes_on('after the migration', destination)
    return told


@scenario('stop', 'stop and cont, without a migration, while an arc fails: the machine is stopped '
          'or runs all the same, with a device that QEMU has reset')
def stop_arc_fails(lab: Any) -> dict[str, Any]:
    source = lab.vmm('source', [lab.device('full', MIB)]).booted()
    device = source.devices[0]
    fresh = lab.fresh_digest('full', MIB)
    for command, arc, how, ends in (('stop', 'RUNNING-RUNNING_P2P', '', 'STOP'),
                                    ('stop', 'RUNNING_P2P-STOP', '', 'RUNNING'),
                                    ('cont', 'STOP-RUNNING_P2P', 'error', 'RUNNING'),
                                    ('cont', 'RUNNING_P2P-RUNNING', '', 'RUNNING')):
        what = f'{command} while {arc} fails {how}'
        device.dirty_all()
        true(f'{what}: there is something to lose', device.digest != fresh)
        if command == 'cont':
            source.execute('stop')
            equal(f'{what}: the state of the device before', device.state, 'STOP')
        device.fault(f'{arc}-before {errno.EIO} {how}')
        source.execute(command)
        source.wait_status({'stop': 'paused', 'cont': 'running'}[command])
        equal(f'{what}: times that the arc failed', device.fired(f'{arc}-before'), 1)
        equal(f'{what}: the state of the device', device.state, ends)
        equal(f'{what}: the digest, to that after a reset', device.digest, fresh)
        if command == 'stop':
            source.execute('cont')
            source.wait_state('RUNNING')
    device.dirty_all()
    destination = lab.vmm('destination', [lab.device('full', MIB)], incoming=True)
    told = migrate(lab, source, destination)
    equal('the digest at the destination', destination.devices[0].digest, device.digest)
    return told


# A device that was reset has little to send, and a guest that boots changes little: what keeps
# the migration open is not how much is left. QEMU believes that it can send a byte in the
# downtime; a device has more than that.
ENDLESS = {'avail_switchover_bandwidth': 1000}
ENDING = {'avail_switchover_bandwidth': 0}


@contextlib.contextmanager
def memory_is_sent(lab: Any, source: Vmm, destination: Vmm) -> Iterator[None]:
    """A migration that is amid the machine's memory, of a device that says nothing meanwhile."""
    source.execute('migrate-set-parameters', **ENDLESS)
    begin(lab, source, destination, downtime_limit=1, max_bandwidth=8 * MIB)
    through_all_memory(source)
    yield
    equal('the migration', source.migration()['status'], 'active')
    source.execute('migrate-set-parameters', **PARAMETERS | ENDING)


def resettable(lab: Any, kind: str) -> tuple[Vmm, Vmm]:
    """A machine whose guest can reset the device, and may reboot, and one where it may go."""
    source, destination = pair(lab, 'serial,dma', kind, bus='bridge', more=BRIDGE)
    source.execute('set-action', reboot='reset')
    return source, destination


@scenario('reset', 'the guest resets its device while memory is sent, without PRE_COPY: the DMA log '
          'goes on, and the migration comes to its end')
def reset_without_precopy(lab: Any) -> dict[str, Any]:
    source, destination = resettable(lab, 'p2p')
    with memory_is_sent(lab, source, destination):
        source.guest.reset()
        much_is_written(source)
    told = arrived(source, destination)
    goes_on('after the migration', destination)
    return told


@scenario('reset', 'it reboots: the same')
def reboot_without_precopy(lab: Any) -> dict[str, Any]:
    source, destination = resettable(lab, 'p2p')
    with memory_is_sent(lab, source, destination):
        source.guest.reboot()
        much_is_written(source)
    told = arrived(source, destination)
    goes_on('after the migration', destination)
    return told


def ends_with_session(lab: Any, act: str) -> dict[str, Any]:
    """The guest does that in PRE_COPY; QEMU's data fd is dead then."""
    source, destination = resettable(lab, 'full')
    device = source.devices[0]
    source.execute('migrate-set-parameters', **ENDLESS)
    lab.trace.clear()
    with in_pre_copy(lab, source, destination):
        through_all_memory(source)
        getattr(source.guest, act)()
        failed(source)
    true(f'the data fd was dead: {lab.trace.failures(device, "read")}',
         -errno.ENODEV in lab.trace.failures(device, 'read'))
    goes_on(f'after the {act}', source)
    source.execute('migrate-set-parameters', **ENDING)
    destination.close()
    destination = lab.vmm('destination2', [lab.device(*BUSY)], incoming=True, work='serial,dma',
                          bus='bridge', more=BRIDGE)
    told = migrate_at_work(lab, source, destination)
    goes_on('after the migration', destination)
    return told


@scenario('reset', 'the guest resets its device in PRE_COPY, which ends the session: the migration '
          'fails, the guest goes on, and the next migration does not fail')
def reset_in_precopy(lab: Any) -> dict[str, Any]:
    return ends_with_session(lab, 'reset')


@scenario('reset', 'it reboots: the same')
def reboot_in_precopy(lab: Any) -> dict[str, Any]:
    return ends_with_session(lab, 'reboot')


@scenario('several', 'two devices, one of which changes faster than it is sent: the other one is '
          'sent all the same, once')
def one_never_rests(lab: Any) -> dict[str, Any]:
    sizes = (8 * MIB, 4 * MIB)
    source = lab.vmm('source', [lab.device('full', size) for size in sizes]).booted()
    restless, other = source.devices
    destination = lab.vmm('destination', [lab.device('full', size) for size in sizes],
                          incoming=True)
    for device in source.devices:
        device.dirty_all()
    once = other.mem_size // PAGE_SIZE * (PAGE_SIZE + RECORD_HEADER)
    lab.trace.clear()

    def sent(device: Device) -> int:
        return lab.trace.bytes_read(device, 'PRE_COPY')
    with Dirtying(restless, 512):
        begin(lab, source, destination, downtime_limit=1, max_bandwidth=64 * MIB)
        machines.wait(lambda: sent(other) >= once, 'the other device is sent',
                      lambda: f'; {sent(other)} bytes of {once} are')
        before = sent(restless)
        machines.wait(lambda: sent(restless) > before + restless.mem_size,
                      'the restless device is sent again and again')
        equal('the migration', source.migration()['status'], 'active')
        true(f'the other device is sent once: {sent(other)} bytes', sent(other) < once * 1.1)
    source.execute('migrate-set-parameters', **PARAMETERS)
    told = arrived(source, destination)
    for here, there in zip(source.devices, destination.devices, strict=True):
        equal('the digest at the destination', there.digest, here.digest)
    return told
