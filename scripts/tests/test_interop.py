# SPDX-License-Identifier: GPL-2.0-only
"""make interop: QMP, the tracepoints, the scenarios and their page, the table."""

import contextlib
import io
import json
import os
import re
import socket
import sys
import tempfile
import threading
import types
import unittest
from typing import Any, Callable
from unittest import mock

TOP = os.path.join(os.path.dirname(__file__), '..', '..')
sys.path.insert(0, os.path.join(TOP, 'scripts'))
sys.path.insert(0, os.path.join(TOP, 'selftests', 'interop'))
import device  # noqa: E402
import interop_lab  # noqa: E402
import progress  # noqa: E402
import qmp  # noqa: E402
import scenarios  # noqa: E402
import vmm  # noqa: E402


class FakeQemu:
    """Answers each command with the next of the given pieces."""

    def __init__(self, path, answers):
        self.heard = []
        self._answers = [b'{"QMP": {}}\n', *answers]
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        connection, _ = self._socket.accept()
        with connection, connection.makefile('rb') as lines:
            connection.sendall(self._answers.pop(0))
            for answer in self._answers:
                self.heard.append(json.loads(lines.readline()))
                connection.sendall(answer)

    def close(self):
        self._thread.join()
        self._socket.close()


class Qmp(unittest.TestCase):
    def session(self, *answers):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        fake = FakeQemu(f'{place.name}/s', [b'{"return": {}, "id": 1}\n', *answers])
        self.addCleanup(fake.close)
        log = io.StringIO()
        client = qmp.Qmp(f'{place.name}/s', log, timeout=10)
        self.addCleanup(client.close)
        return client, fake, log

    def test_returns_what_came_and_logs_all(self):
        client, fake, log = self.session(b'{"return": {"status": "running"}, "id": 2}\n')
        self.assertEqual(client.execute('query-status', {'a': 1}), {'status': 'running'})
        self.assertEqual(fake.heard[1],
                         {'execute': 'query-status', 'arguments': {'a': 1}, 'id': 2})
        self.assertIn('> {"execute": "query-status"', log.getvalue())
        self.assertIn('< {"return": {"status": "running"}', log.getvalue())

    def test_events_between_are_passed_over(self):
        client, _, _ = self.session(b'{"event": "STOP"}\n{"return": 5, "id": 2}\n')
        self.assertEqual(client.execute('stop'), 5)

    def test_answers_that_nobody_waits_for(self):
        client, _, _ = self.session(b'', b'{"return": 1, "id": 2}\n{"return": 2, "id": 3}\n')
        client.send('slow')
        self.assertEqual(client.execute('yank', None, 'exec-oob'), 2)

    def test_end_amid_a_message(self):
        client, _, _ = self.session(b'{"event": "STOP"}\n{"event": "RES')
        with self.assertRaises(qmp.Closed):
            client.execute('stop')

    def test_error_says_why(self):
        client, _, _ = self.session(
            b'{"error": {"class": "GenericError", "desc": "no such thing"}, "id": 2}\n')
        with self.assertRaises(qmp.QmpError) as caught:
            client.execute('device_del')
        self.assertEqual(caught.exception.description, 'no such thing')
        self.assertIn('device_del', str(caught.exception))

    def test_out_of_band(self):
        client, fake, _ = self.session(b'{"return": {}, "id": 2}\n')
        client.execute('yank', None, 'exec-oob')
        self.assertEqual(fake.heard[1], {'exec-oob': 'yank', 'id': 2})


class Tracepoints(unittest.TestCase):
    TEXT = '''\
# tracer: nop
 qemu-1 [000] 1.0: mtty_mig_arc: dev=vfio1 from=RUNNING to=PRE_COPY ret=0 ns=10
 qemu-1 [000] 1.1: mtty_mig_fd: dev=vfio1 event=read arg=0x100000 ret=1000
 qemu-1 [000] 1.1: mtty_mig_fd: dev=vfio1 event=read arg=0x100000 ret=-42
 qemu-1 [000] 1.2: mtty_mig_arc: dev=vfio1 from=PRE_COPY to=STOP_COPY ret=-5 ns=10
 qemu-1 [000] 1.2: mtty_mig_fd: dev=vfio1 event=read arg=0x100000 ret=10
 qemu-1 [000] 1.2: mtty_mig_arc: dev=vfio1 from=PRE_COPY to=STOP_COPY ret=0 ns=10
 qemu-1 [000] 1.3: mtty_mig_fd: dev=vfio1 event=read arg=0x100000 ret=7
 qemu-1 [000] 1.3: mtty_mig_fd: dev=vfio10 event=read arg=0x100000 ret=100000
 qemu-1 [000] 1.3: mtty_mig_fd: dev=vfio1 event=write arg=0x100000 ret=3
 qemu-1 [000] 1.3: mtty_mig_fd: dev=vfio1 event=write arg=0x100000 ret=-22
 qemu-1 [000] 1.3: mtty_mig_fd: dev=vfio10 event=write arg=0x100000 ret=-5
'''

    def setUp(self):
        self.trace = device.Trace.__new__(device.Trace)
        self.device = types.SimpleNamespace(name='vfio1')
        reader = mock.patch.object(device, 'read', lambda path: self.TEXT)
        reader.start()
        self.addCleanup(reader.stop)

    def test_arcs(self):
        self.assertEqual(self.trace.arcs(self.device), [
            ('RUNNING', 'PRE_COPY', 0), ('PRE_COPY', 'STOP_COPY', -5),
            ('PRE_COPY', 'STOP_COPY', 0)])

    def test_states(self):
        other = types.SimpleNamespace(name='vfio10')
        self.assertEqual(self.trace.states(other, self.device),
                         [(1, 'PRE_COPY'), (1, 'STOP_COPY')])

    def test_bytes(self):
        self.assertEqual(self.trace.bytes_read(self.device), 1017)
        self.assertEqual(self.trace.bytes_read(self.device, 'PRE_COPY'), 1010)
        self.assertEqual(self.trace.bytes_read(self.device, 'STOP_COPY'), 7)

    def test_refusals(self):
        self.assertEqual(self.trace.refusals(self.device), [-22])

    def test_failures(self):
        self.assertEqual(self.trace.failures(self.device, 'read'), [-42])
        self.assertEqual(self.trace.failures(self.device, 'write'), [-22])


class Scenarios(unittest.TestCase):
    def test_each_is_in_one_group(self):
        names = [name for group in scenarios.GROUPS.values() for name in group]
        self.assertEqual(sorted(names), sorted(scenarios.SCENARIOS))

    def test_each_was_seen_to_fail(self):
        """The page names for each a mistake, which is one that there is."""
        with open(f'{TOP}/Documentation/interop.rst', encoding='utf-8') as file:
            text = file.read().split('Seen to fail\n', 1)[1]
        seen = dict(re.findall(r'^``([a-z0-9-]+)`` +``([a-z0-9-]+)``', text, re.M))
        self.assertEqual(sorted(seen), sorted(scenarios.SCENARIOS))
        for mutant in seen.values():
            self.assertTrue(os.path.exists(f'{TOP}/selftests/mutants/{mutant}.patch'), mutant)

    def told(self, number=1, **counts):
        port = {'sent': 10, 'received': 10, 'bad': 0}
        dma = {'fills': 5, 'taken': 1, 'returned': 1, 'bad': 0}
        flood = {'bytes': 4096, 'bad': 0}
        irq = {'asked': [3, 2], 'came': [3, 2], 'bad': 0}
        for name, value in counts.items():
            group, _, name = name.partition('_')
            {'port': port, 'dma': dma, 'flood': flood, 'irq': irq}[group][name] = value
        return {'number': number, 'devices': [{'serial': [port], 'dma': dma}, {'flood': flood},
                                              {'irq': irq}]}

    def test_sound(self):
        scenarios.sound('it', self.told())
        for broken in ({'port_bad': 1}, {'port_received': 9}, {'port_received': 11},
                       {'port_sent': 0, 'port_received': 0}, {'dma_bad': 1}, {'dma_fills': 0},
                       {'dma_returned': 0}, {'flood_bad': 1}, {'flood_bytes': 0}, {'irq_bad': 1},
                       {'irq_came': [3, 1]}):
            with self.assertRaises(vmm.Failure, msg=broken):
                scenarios.sound('it', self.told(**broken))
        with self.assertRaises(vmm.Failure):
            scenarios.sound('it', {'devices': []})

    def test_goes_on_if_all_of_it_does(self):
        more = {'port_received': 20, 'dma_fills': 9, 'dma_taken': 9, 'flood_bytes': 9000,
                'irq_came': [9, 9]}

        class Guest:
            check = self.told

            def __init__(self, lines):
                self.next = lambda: lines.pop(0)
                self.lines = lines

            def told(self, true, what):
                if not any(true(line) for line in self.lines):
                    raise vmm.Failure(what)

        def machine(*lines):
            return types.SimpleNamespace(guest=Guest(list(lines)))
        scenarios.goes_on('it', machine(self.told(1), self.told(2), self.told(3, **more)))
        for name, value in (('port_received', 12), ('dma_fills', 7), ('dma_taken', 3),
                            ('irq_came', [9, 4])):
            with self.assertRaises(vmm.Failure, msg=name):
                scenarios.goes_on('it', machine(self.told(1), self.told(3, **more | {name: value})))

    def test_continues(self):
        scenarios.continues(self.told(1), self.told(2))
        scenarios.continues(self.told(1), self.told(2, port_received=11, dma_fills=6))
        for number, counts in ((1, {}), (0, {}), (2, {'port_received': 9}), (2, {'dma_taken': 0}),
                               (2, {'irq_came': [3, 1]})):
            with self.assertRaises(vmm.Failure, msg=(number, counts)):
                scenarios.continues(self.told(1), self.told(number, **counts))
        with self.assertRaises(vmm.Failure):
            scenarios.continues(self.told(1), {'number': 2, 'devices': self.told(1)['devices'][:1]})

    def test_owes_dma(self):
        def told(asked, came):
            return {'devices': [{'irq': {'asked': asked, 'came': came, 'bad': 0}}]}
        self.assertTrue(scenarios.owes_dma(told([3, 3, 3], [3, 3, 2])))
        self.assertFalse(scenarios.owes_dma(told([3, 3, 3], [3, 2, 3])))

    def test_refused(self):
        def call():
            raise qmp.QmpError('migrate', {'desc': 'multiple devices want P2P'})
        scenarios.refused('it', 'P2P', call)
        with self.assertRaises(vmm.Failure):
            scenarios.refused('it', 'something else', call)
        with self.assertRaises(vmm.Failure):
            scenarios.refused('it', 'P2P', lambda: None)


class Guest(unittest.TestCase):
    def setUp(self):
        self.there, here = socket.socketpair()
        self.guest = vmm.Guest(here, lambda: 'panic')
        self.addCleanup(self.guest.close)
        self.addCleanup(self.there.close)

    def say(self, *numbers):
        self.there.sendall(b''.join(
            b'{"number": %d, "checked": false}\n' % number for number in numbers))

    def test_a_line_cut_in_two_is_none(self):
        self.there.sendall(b'{"bdf": "0000:00:02.0"}]}\n{"number": 7, ')
        self.there.sendall(b'"devices": []}\n')
        self.assertEqual(self.guest.told(lambda told: True, 'it')['number'], 7)

    def test_told_looks_at_what_came_before_it_was_asked(self):
        self.say(1, 2, 3)
        self.assertEqual(self.guest.told(lambda told: told['number'] == 2, 'it')['number'], 2)
        self.assertEqual(self.guest.told(lambda told: True, 'it')['number'], 3)

    def test_next_does_not(self):
        self.say(1, 2)
        self.guest.told(lambda told: told['number'] == 1, 'it')
        vmm.wait(lambda: self.guest.last['number'] == 2, 'heard')
        threading.Timer(0.1, self.say, [3]).start()
        self.assertEqual(self.guest.next()['number'], 3)

    def ordered(self, call: Callable[[], dict[str, Any]], order: bytes,
                *answers: bytes) -> dict[str, Any]:
        """What the call returns, when that is what the guest answers to its order."""
        def answer() -> None:
            self.assertEqual(self.there.recv(100), order)
            for line in answers:
                self.there.sendall(line)
        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        return call()

    def test_check_and_reset(self) -> None:
        for call, order in ((self.guest.check, b'check\n'), (self.guest.reset, b'reset\n')):
            told = self.ordered(call, order, b'{"number": 6, "checked": false}\n',
                                b'{"number": 7, "checked": true}\n')
            self.assertEqual(told['number'], 7)

    def test_it_has_rebooted_when_it_counts_anew(self) -> None:
        threading.Timer(0.1, self.say, [50]).start()
        lines = [b'{"number": %d, "checked": false}\n' % number for number in (51, 1, 2, 3, 4)]
        self.assertEqual(self.ordered(self.guest.reboot, b'reboot\n', *lines)['number'], 4)

    def test_it_is_heard_though_nobody_asks(self):
        """More than a socket takes."""
        for first in range(0, 20000, 1000):
            self.say(*range(first, first + 1000))
        vmm.wait(lambda: self.guest.last and self.guest.last['number'] == 19999, 'heard')

    def test_the_end_is_told_at_once(self):
        self.say(5)
        self.there.close()
        with self.assertRaises(vmm.Failure) as caught:
            self.guest.told(lambda told: told['number'] == 6, 'six')
        self.assertIn('gone', str(caught.exception))
        self.assertIn('panic', str(caught.exception))
        self.assertIn("'number': 5", str(caught.exception))

    def test_silence(self):
        with mock.patch.object(vmm, 'PATIENCE', 0.1), self.assertRaises(vmm.Failure) as caught:
            self.guest.told(lambda told: True, 'anything')
        self.assertNotIn('gone', str(caught.exception))


class Plug(unittest.TestCase):
    def machine(self, backend: str, *options: str) -> vmm.Vmm:
        made = vmm.Vmm.__new__(vmm.Vmm)
        made.devices, made.executed = [], []
        made._backend, made._options = backend, list(options)
        made.execute = lambda command, **arguments: made.executed.append((command, arguments))
        return made

    def test_the_same_as_on_the_command_line(self) -> None:
        one = types.SimpleNamespace(path='/sys/one')
        self.assertEqual(self.machine('iommufd').properties(2, one), {
            'driver': 'vfio-pci', 'id': 'device2', 'sysfsdev': '/sys/one', 'iommufd': 'iommufd0'})
        made = self.machine('container', 'enable-migration=on')
        made.plug(one, 'plug', more='x')
        self.assertEqual(made.executed, [('device_add', {
            'driver': 'vfio-pci', 'id': 'device0', 'sysfsdev': '/sys/one', 'bus': 'plug',
            'enable-migration': 'on', 'more': 'x'})])
        self.assertEqual(made.devices, [one])

    def test_what_is_refused_is_not_there(self) -> None:
        made = self.machine('container')

        def refuse(command: str, **_: Any) -> None:
            raise qmp.QmpError(command, {'desc': 'no'})
        made.execute = refuse
        with self.assertRaises(qmp.QmpError):
            made.plug(types.SimpleNamespace(path='/sys/one'), 'plug')
        self.assertEqual(made.devices, [])


class Table(unittest.TestCase):
    def test_lines_for_it_are_taken_out(self):
        lab = interop_lab.Interop.__new__(interop_lab.Interop)
        lab.rows = []
        row = {'scenario': 'plain', 'result': 'ok', 'seconds': 1.5, 'total_ms': None,
               'downtime_ms': 7, 'device_bytes': 4096}
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            lab.screen = progress.Screen()
            lab.write(['    ok 1 plain', f'    {interop_lab.MARK}{json.dumps(row)}'])
            lab.table()
        self.assertEqual(lab.rows, [row])
        self.assertEqual(out.getvalue().splitlines()[0], '    ok 1 plain')
        self.assertEqual(out.getvalue().splitlines()[-1].split(),
                         ['plain', 'ok', '1.5', '7', '4096'])


if __name__ == '__main__':
    unittest.main()
