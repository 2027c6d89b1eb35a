# SPDX-License-Identifier: GPL-2.0-only
"""A guest that falls silent, or goes in circles: when it is given up, and what is told of it."""

import os
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import machine  # noqa: E402

BURN = '''
import os
while os.times().user < 0.3:
    pass
print(flush=True)
input()
'''


class ProcessorTime(unittest.TestCase):
    def test_a_group_with_any_name(self):
        with tempfile.TemporaryDirectory() as place:
            program = f'{place}/a) R 1 1 ('
            os.symlink(sys.executable, program)
            with subprocess.Popen([program, '-c', BURN], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, start_new_session=True) as child:
                child.stdout.readline()
                self.assertGreaterEqual(machine.processor_time(child.pid), 0.3)
                child.communicate(b'\n')

    def test_of_nobody(self):
        self.assertEqual(machine.processor_time(-1), 0)


# As UML does: what does not fit into the pipe is lost
CONSOLE = """
import os
os.set_blocking(1, False)
for number in range(10000):
    try:
        os.write(1, b'%d: so much that nobody reads it all at once\\n' % number)
    except BlockingIOError:
        pass
"""


class Console(unittest.TestCase):
    def test_nothing_is_lost_while_nobody_reads(self):
        said = []
        guest = machine.Guest(types.SimpleNamespace(log=said.append), None, 0, 0)
        engine = types.SimpleNamespace(
            command=lambda *words, **more: [sys.executable, '-c', CONSOLE])
        args = types.SimpleNamespace(append='', run='', engine='console')
        with mock.patch.dict(machine.ENGINES, console=engine):
            guest.boot(args, 'name', {})
        self.addCleanup(guest.kill)
        guest.process.wait()
        log = next(end for end, channel in guest.channels.items() if channel == 'log')
        while guest.read(log):
            pass
        self.assertEqual([line.split(':')[0] for line in ''.join(said).splitlines()],
                         [str(number) for number in range(10000)])


class Silence(unittest.TestCase):
    def guest(self, silence):
        guest = machine.Guest(None, None, 0, silence)
        guest.process = types.SimpleNamespace(pid=-1, poll=lambda: None)
        guest.channels = {-1: 'log'}
        return guest

    def ended(self, guest, now, used):
        with mock.patch('time.monotonic', lambda: now), \
                mock.patch('machine.processor_time', lambda group: used):
            return guest.ended(False)

    def test_given_up_after_that_long(self):
        guest = self.guest(120)
        for now, used in ((10, 5), (60, 20), (70, 25), (100, 35), (120, 40)):
            self.assertFalse(self.ended(guest, now, used), now)
        self.assertTrue(self.ended(guest, 121, 41))
        self.assertEqual(guest.why, 'the guest said nothing for 120 s (SILENCE=); '
                         'of the last 51 it worked for 16')

    def test_what_it_says_begins_it_anew(self):
        guest = self.guest(100)
        self.assertFalse(self.ended(guest, 90, 80))
        with mock.patch('os.read', lambda *_: b'word'), \
                mock.patch('time.monotonic', lambda: 95):
            guest.job = types.SimpleNamespace(log=lambda text: None)
            guest.read(-1)
        self.assertFalse(self.ended(guest, 110, 90))
        self.assertFalse(self.ended(guest, 150, 90))
        self.assertFalse(self.ended(guest, 190, 91))
        self.assertTrue(self.ended(guest, 200, 92))
        self.assertIn('of the last 50 it worked for 2', guest.why)

    def test_a_process_that_has_gone(self):
        guest = self.guest(10)
        self.assertFalse(self.ended(guest, 9, 7))
        self.assertTrue(self.ended(guest, 11, 0))
        self.assertIn('of the last 2 it worked for 0', guest.why)

    def test_a_beat_is_no_word(self):
        guest = self.guest(100)
        guest.job = types.SimpleNamespace(log=self.fail, mark=self.fail)
        for now in (30, 60, 90):
            beat(guest, now, 0)
            self.assertFalse(self.ended(guest, now, 0))
        beat(guest, 101, 0)
        self.assertTrue(self.ended(guest, 101, 0))
        self.assertIn('said nothing for 100 s', guest.why)

    def test_never(self):
        guest = self.guest(0)
        self.assertFalse(self.ended(guest, 100000, 0))


def beat(guest, now, used):
    """The guest tells that processes run."""
    text = f'@{guest.token} beat\n'.encode()
    # It may come in two pieces.
    for part in (text[:9], text[9:]):
        with mock.patch('os.read', lambda *_, part=part: part), \
                mock.patch('machine.processor_time', lambda group: used), \
                mock.patch('time.monotonic', lambda: now):
            guest.read(-1)


class Stuck(unittest.TestCase):
    def guest(self):
        guest = machine.Guest(types.SimpleNamespace(out=self.fail, mark=self.fail), None, 0, 120)
        guest.process = types.SimpleNamespace(pid=-1, poll=lambda: None)
        guest.channels = {-1: 'out'}
        return guest

    def ended(self, guest, now, used, idle=True):
        with mock.patch('time.monotonic', lambda: now), \
                mock.patch('machine.processor_time', lambda group: used):
            return guest.ended(idle)

    def test_works_and_lets_nobody_run(self):
        guest = self.guest()
        beat(guest, 10, 4)
        for now, used in ((15, 9), (29, 23), (34, 24)):
            self.assertFalse(self.ended(guest, now, used), now)
        self.assertTrue(self.ended(guest, 35, 25))
        self.assertEqual(guest.why, "the guest's kernel worked for 21 s and let no process run")

    def test_beats(self):
        guest = self.guest()
        for now in range(5, 100, 5):
            beat(guest, now, now)
            self.assertFalse(self.ended(guest, now + 4, now + 4))

    def test_waits_for_the_processor(self):
        guest = self.guest()
        beat(guest, 5, 5)
        self.assertFalse(self.ended(guest, 100, 24))

    def test_on_several_processors(self):
        guest = self.guest()
        beat(guest, 5, 5)
        self.assertFalse(self.ended(guest, 20, 60))

    def test_not_while_there_is_more_to_read(self):
        guest = self.guest()
        beat(guest, 5, 5)
        self.assertFalse(self.ended(guest, 50, 50, idle=False))

    def test_a_guest_that_tells_no_beats(self):
        guest = self.guest()
        self.assertFalse(self.ended(guest, 50, 50))

    def test_waits(self):
        guest = self.guest()
        for now in range(5, 90, 5):
            beat(guest, now, now / 30)
            self.assertFalse(self.ended(guest, now, now / 30), now)
        # What the kernel says is nothing that its job does.
        guest.channels[-1] = 'log'
        guest.job.log = lambda text: None
        self.say(guest, 88, 'INFO: task migrate:12 blocked for more than 60 seconds.\n')
        guest.channels[-1] = 'out'
        beat(guest, 90, 3)
        self.assertFalse(self.ended(guest, 90, 3, idle=False))
        self.assertTrue(self.ended(guest, 90, 3))
        self.assertEqual(guest.why, 'the guest only waited for 85 s (SILENCE=): processes ran, '
                         'but for no more than a beat')

    def test_works_and_says_nothing(self):
        guest = self.guest()
        for now in range(5, 120, 5):
            beat(guest, now, now / 10)
            self.assertFalse(self.ended(guest, now, now / 10), now)

    def test_a_word_ends_the_wait(self):
        guest = self.guest()
        guest.job.out = lambda text: None
        for now in range(5, 80, 5):
            beat(guest, now, 0)
        self.say(guest, 80, 'ok 1\n')
        for now in range(81, 160, 5):
            beat(guest, now, 0)
            self.assertFalse(self.ended(guest, now, 0), now)

    def test_waits_and_may(self):
        guest = self.guest()
        guest.silence = 0
        for now in range(5, 1000, 5):
            beat(guest, now, 0)
            self.assertFalse(self.ended(guest, now, 0), now)

    def say(self, guest, now, text):
        with mock.patch('os.read', lambda *_: text.encode()), \
                mock.patch('time.monotonic', lambda: now):
            guest.read(-1)

    def test_what_is_said_around_a_beat(self):
        guest = self.guest()
        said = []
        guest.job = types.SimpleNamespace(out=said.append)
        self.say(guest, 7, f'ok 1 a@{guest.token} beat\nbc\n')
        self.assertEqual(''.join(said), 'ok 1 abc\n')
        self.assertFalse(self.ended(guest, 127, 0))


if __name__ == '__main__':
    unittest.main()
