# SPDX-License-Identifier: GPL-2.0-only
"""Units of a check that run on the host, beside the guests.

A host unit is a program that prints KTAP, as a selftest does: what it prints
is shown, its cases are counted, and it is ended when it takes too long. For
machine.watch() it is one more guest.
"""

import os
import shlex
import signal
import subprocess
import time

import ktap
import progress


class HostUnit:
    """check has .result(unit, cases), which gives the unit's result line."""

    def __init__(self, check, option, timeout):
        """option: NAME=COMMAND, what --host takes."""
        name, _, command = option.partition('=')
        self.name = f'host/{name}'
        self.command = shlex.split(command)
        if not name or not self.command:
            raise ValueError(f'--host {option}: not NAME=COMMAND')
        self.channels = {}
        self.job = self._Job(self)
        self._check = check
        self._timeout = timeout
        self._process = None
        self._status = None
        self._late = False
        self._begun = 0
        self._rest = b''
        self._lines = []
        self._parser = ktap.Parser(self.name)

    class _Job:
        """What machine.watch() tells that the unit has ended."""

        def __init__(self, unit):
            self._unit = unit

        def ended(self):
            self._unit.report()

    def start(self):
        self._begun = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as why:
            self._feed(f'# {why}'.encode())
            self._status = 127
            return
        # A descriptor of our own: the pipe's object would close it, too.
        self.channels = {os.dup(self._process.stdout.fileno()): 'out'}
        self._process.stdout.close()

    def read(self, descriptor):
        """Something is there; False at the end of the output."""
        data = os.read(descriptor, 65536)
        *lines, self._rest = (self._rest + data).split(b'\n')
        for line in lines:
            self._feed(line)
        return bool(data)

    def _feed(self, line):
        line = line.decode('utf-8', 'replace').rstrip('\r')
        self._parser.feed(line)
        self._lines.append('    ' + line)

    def ended(self, _idle):
        """Is it done, or has it taken too long?"""
        if not self._process:
            return True
        if self._process.poll() is None:
            self._late = 0 < self._timeout < time.monotonic() - self._begun
            return self._late
        # All of what it printed is in the pipe.  What it left behind may hold
        # that open for ever, but prints no results.
        for descriptor in self.channels:
            os.set_blocking(descriptor, False)
            try:
                while self.read(descriptor):
                    pass
            except BlockingIOError:
                pass
        return True

    def kill(self):
        """Once it has ended, or to end it."""
        if self._process:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._status = self._process.wait()
            self._process = None
        for descriptor in self.channels:
            os.close(descriptor)
        self.channels = {}

    def report(self):
        """Show what it printed, and count it."""
        if self._rest:
            self._feed(self._rest)
            self._rest = b''
        status = self._status
        if self._late:
            status = 124
        elif status is not None and status < 0:
            status = 128 - status
        took = time.monotonic() - self._begun
        cases = self._parser.finish(status, self._timeout).cases
        self._check.took.append({'name': self.name, 'seconds': round(took, 3)})
        line = self._check.result(self.name, cases)
        numbers = ktap.count(cases)
        if self._check.short and not numbers['failed']:
            lines = [progress.result_line(line, numbers['passed'], numbers['skipped'], took)]
        else:
            lines = [f'# on the host: {self.name}', *self._lines, f'# took {took:.1f} s', line]
        self._check.write(lines)
