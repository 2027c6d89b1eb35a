# SPDX-License-Identifier: GPL-2.0-only
"""Boot guests, take what they say, see to it that they end.

A guest writes into two channels: 'log' is the kernel's console, 'out' what its
job prints.  In both there are marks (see guest-init.sh), by which the host
knows what comes from what.  Each guest is in a process group of its own, and
that is killed in the end, whatever happened: nothing in a guest needs a clean
end.

What runs it is an engine, uml or qemu: a module with prepare(args, guests), which
gives the environment for so many guests' processes, and command(args, name,
words, log, out, keyboard), which gives the command that boots one, with these
words for its kernel and these descriptors for its two channels.
"""

import errno
import fcntl
import os
import re
import resource
import secrets
import selectors
import signal
import subprocess
import time

from lab.engines import qemu, uml

ENGINES = {'uml': uml, 'qemu': qemu}
# What the kernel may say while nobody reads.  UML's console never waits: what finds no
# room in the pipe is lost.  This is the most that an ordinary user's pipe can have.
UNREAD = 1 << 20
# A kernel that works for so long without letting any process run will not come back: it
# goes in circles, or might as well.  That is what the kernel's own watchdog takes, too.
STUCK = 20
# One that lets processes run and does nothing but this share of the time waits for what
# does not come.
IDLE = 0.05


def prepare(args, guests=1):
    """What boot() wants, for so many guests at once."""
    return ENGINES[args.engine].prepare(args, guests)


def processor_time(group):
    """Seconds of processor that a process group's live processes have used."""
    ticks = 0
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat', encoding='utf-8', errors='replace') as file:
                # Behind the program's name, which may have anything in it: see proc(5)
                fields = file.read().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf('SC_CLK_TCK')


def log_pipe():
    """A pipe with room for UNREAD bytes, or for as many as the host lets it have."""
    ends = os.pipe()
    room = UNREAD
    while room > fcntl.fcntl(ends[1], fcntl.F_GETPIPE_SZ):
        try:
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, room)
        except OSError:
            room //= 2
    return ends


class Guest:
    """One guest.  job has .log(text), .out(text) and .mark(channel, words)."""

    def __init__(self, job, log, timeout, silence):
        self.job = job
        self.log = log
        self.token = secrets.token_hex(6)
        self._mark = re.compile(rf'@{self.token} ([^\n]*)\n')
        self._mark_start = f'@{self.token} '
        self._held = {'log': '', 'out': ''}
        self.channels = {}
        self.process = None
        self.timeout = timeout
        self.silence = silence
        self._deadline = self._heard = 0
        # Beats, each with how much processor it had used by then: the last one, and the first
        # one since a word of the job
        self._beat = self._waits_since = None
        self._quiet_since = None    # and how much processor it had used by then
        self._done = {}
        self._grace = None
        self.status = None      # of the job, if it came to its end
        self.why = None         # if it did not, why

    def boot(self, args, name, environment, out_pipe=None):
        """Start the guest.  out_pipe: a terminal for the job, if it has a keyboard, too.

        environment: from the engine's prepare().
        """
        read_log, write_log = log_pipe()
        read_out, write_out = out_pipe or os.pipe()
        words = [f'LAB={args.run}', f'TOKEN={self.token}', 'ignore_loglevel',
                 'printk.devkmsg=on', 'kunit.enable=1', 'kunit.autorun=1',
                 *args.append.split()]
        command = ENGINES[args.engine].command(args, name, words, write_log, write_out,
                                               keyboard=bool(out_pipe))
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=write_log, stderr=write_log,
            pass_fds=(write_log, write_out), start_new_session=True, cwd='/',
            env={**os.environ, **environment},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        os.close(write_log)
        os.close(write_out)
        self.channels = {read_log: 'log', read_out: 'out'}
        self._heard = time.monotonic()
        self._deadline = self._heard + self.timeout

    def kill(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        for descriptor in self.channels:
            os.close(descriptor)
        self.channels = {}
        self.process = None

    def read(self, descriptor):
        """Something is there; False at the channel's end."""
        try:
            data = os.read(descriptor, 65536)
        except OSError as error:
            if error.errno != errno.EIO:    # a terminal's way to say "closed"
                raise
            data = b''
        channel = self.channels[descriptor]
        if data and self._take(channel, data):
            self._heard = time.monotonic()
            # The kernel tells of a task that is stuck again and again: that is no word of the job.
            if channel == 'out':
                self._waits_since = None
        return bool(data)

    def _take(self, channel, data):
        """Hand on what came, with the marks taken out and acted upon.

        Was there more than a beat?
        """
        text = self._held[channel] + data.decode('utf-8', 'replace')
        emit = self.job.log if channel == 'log' else self.job.out
        more = False
        while True:
            found = self._mark.search(text)
            if not found:
                break
            before, text = text[:found.start()], text[found.end():]
            if before:
                emit(before)
            words = found.group(1).rstrip('\r')
            more |= bool(before) or words != 'beat'
            if words == 'beat':
                self._beat = time.monotonic(), processor_time(self.process.pid)
                self._waits_since = self._waits_since or self._beat
                continue
            if words.startswith('done'):
                self._done[channel] = int(words.split()[1])
            self.job.mark(channel, words)
        # The beginning of a mark may be the end of this piece.
        keep = text.find(self._mark_start)
        if keep < 0:
            keep = len(text)
            for length in range(min(len(self._mark_start), len(text)), 0, -1):
                if text.endswith(self._mark_start[:length]):
                    keep = len(text) - length
                    break
        self._held[channel] = text[keep:]
        if keep:
            emit(text[:keep])
        return more or keep > 0

    def _stuck(self, now):
        """Has its kernel worked for too long since a process could run?  Then words for that.

        Not the time counts but the work: a host that is busy itself may keep it waiting.  Ask
        when all that it said is read: there may be a beat in it.
        """
        if not self._beat or now - self._beat[0] <= STUCK:
            return None
        used = processor_time(self.process.pid) - self._beat[1]
        if used <= STUCK:
            return None
        return f"the guest's kernel worked for {used:.0f} s and let no process run"

    def _waiting(self):
        """Has its job waited for too long?  Then words for that.

        A kernel that has a task stuck tells of it at half the limit of silence, which is to be
        in the log (see start_file() of guest.py).
        """
        if not self.silence or not self._waits_since:
            return None
        waited = self._beat[0] - self._waits_since[0]
        worked = max(0, self._beat[1] - self._waits_since[1])
        if waited <= self.silence / 2 + 20 or worked > IDLE * waited:
            return None
        return (f'the guest only waited for {waited:.0f} s (SILENCE=): processes ran, '
                'but for no more than a beat')

    def _silent(self, now):
        """For too long?  Then the words for that, with whether it waits or goes in circles."""
        quiet = now - self._heard
        if quiet <= self.silence / 2:
            self._quiet_since = None
        elif not self._quiet_since:
            self._quiet_since = now, processor_time(self.process.pid)
        if not self.silence or quiet <= self.silence:
            return None
        since, used = self._quiet_since
        used = max(0, processor_time(self.process.pid) - used)
        return (f'the guest said nothing for {self.silence} s (SILENCE=); '
                f'of the last {now - since:.0f} it worked for {used:.0f}')

    def ended(self, idle):
        """Is it done, dead, or silent for too long?  Then .status or .why tells."""
        now = time.monotonic()
        if self._done:
            # Both channels have the mark, or the other one never will.
            self._grace = self._grace or now + 3
            if len(self._done) == 2 or now > self._grace:
                self.status = self._done.get('out', self._done.get('log'))
                return True
        elif self.timeout and now > self._deadline:
            self.why = f'the guest was not done after {self.timeout} s (TIMEOUT=)'
        elif lost := idle and (self._stuck(now) or self._waiting()) or self._silent(now):
            self.why = lost
        elif not self.channels or idle and self.process.poll() is not None:
            self.why = 'the guest died'
        return self.why is not None


def watch(guests, others=None, more=None):
    """Until all guests have ended.

    A guest is what has a Guest's .channels, .read(), .ended(), .kill() and .job.
    others: {descriptor: what to call}.  more(guest): called when one has ended,
    may give another one, booted, that goes on in its place.
    """
    selector = selectors.DefaultSelector()
    running = list(guests)

    def listen(guest):
        for descriptor in guest.channels:
            selector.register(descriptor, selectors.EVENT_READ, (guest, guest.read))

    try:
        for guest in running:
            listen(guest)
        for descriptor, call in (others or {}).items():
            selector.register(descriptor, selectors.EVENT_READ, (None, call))
        while running:
            events = selector.select(0.25)
            for key, _ in events:
                guest, call = key.data
                if guest:
                    if not call(key.fd):
                        selector.unregister(key.fd)
                        del guest.channels[key.fd]
                        os.close(key.fd)
                elif not call():
                    selector.unregister(key.fd)
            for guest in list(running):
                if guest.ended(not events):
                    running.remove(guest)
                    for descriptor in guest.channels:
                        selector.unregister(descriptor)
                    guest.kill()
                    guest.job.ended()
                    another = more(guest) if more else None
                    if another:
                        running.append(another)
                        listen(another)
    finally:
        for guest in running:
            guest.kill()
