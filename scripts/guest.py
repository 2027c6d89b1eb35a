#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boot the guest, watch it, do one job in it, and say how that ended.

The run's directory holds all that the guest needs (see guest-init.sh).  The
guest writes into two pipes: the kernel's log, which is kept in a file and
searched for reports, and the job's output, which goes to the user as it comes.
The guest is in a process group of its own, and that is killed in the end,
whatever happened: nothing in the guest needs a clean end.
"""

import argparse
import errno
import os
import pty
import re
import resource
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import termios
import time
import tty

import klog
import ktap

TAIL = 40


class Stop(Exception):
    """The guest has to be ended; the text says why."""


def executable_dir(path, megabytes):
    """Can UML keep that much memory in a file there, and map it executable?"""
    try:
        if shutil.disk_usage(path).free < megabytes << 20:
            return False
        test = os.path.join(path, f'.mtty-mig-{os.getpid()}')
        try:
            shutil.copy('/bin/true', test)
            os.chmod(test, 0o700)
            return subprocess.run([test], check=False).returncode == 0
        finally:
            if os.path.exists(test):
                os.unlink(test)
    except OSError:
        return False


class Guest:
    """One UML guest.  on_log and on_out get text; marks are taken out of out."""

    def __init__(self, args, token, on_log, on_out, on_mark):
        self.args = args
        self.mark = re.compile(rf'@{token} ([^\n]*)\n')
        self.mark_start = f'@{token} '
        self.on_log = on_log
        self.on_out = on_out
        self.on_mark = on_mark
        self.log = open(args.log, 'w', encoding='utf-8')
        self.held = {'log': '', 'out': ''}
        self.terminal = None
        self.typed = b''
        self.done = {}
        self.process = None

    def boot(self, out, keyboard):
        """out: the descriptor that the guest's tty1 writes to, and reads if it is a keyboard."""
        run = self.args.run
        megabytes = int(self.args.memory)
        # In memory if it can be: a file on a disk would be written back.
        for tmpdir in ('/dev/shm', os.environ.get('TMPDIR', '/tmp'), run):
            if executable_dir(tmpdir, megabytes + 64):
                break
        else:
            raise Stop(f'no place for the guest\'s memory: /dev/shm, TMPDIR and {run} have not '
                       f'{megabytes + 64} MB free or forbid to execute; set TMPDIR to one that does')
        read_log, write_log = os.pipe()
        command = [
            self.args.kernel, f'mem={megabytes}M', f'uml_dir={run}/uml', 'umid=guest',
            'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro',
            f'init={run}/guest-init.sh', f'LAB={run}',
            'con=null', f'con0=null,fd:{write_log}', f'con1={f"fd:{out}" if keyboard else "null"},fd:{out}',
            'ignore_loglevel', 'printk.devkmsg=on', 'kunit.enable=1',
            *self.args.append.split(),
        ]
        os.makedirs(f'{run}/uml')
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=write_log, stderr=write_log,
            pass_fds=(write_log, out), start_new_session=True, cwd='/',
            env={**os.environ, 'TMPDIR': tmpdir, 'LD_PRELOAD': self.args.preload},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        os.close(write_log)
        os.close(out)
        return read_log

    def kill(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        self.log.close()

    def take(self, channel, data):
        """Hand on what came, with the marks taken out and acted upon."""
        text = self.held[channel] + data.decode('utf-8', 'replace')
        self.held[channel] = ''
        emit = self.on_log if channel == 'log' else self.on_out
        while True:
            start = text.find(self.mark_start)
            found = self.mark.search(text)
            if not found:
                break
            emit(text[:start])
            text = text[found.end():]
            words = found.group(1).rstrip('\r')
            if words.startswith('done'):
                self.done[channel] = int(words.split()[1])
            self.on_mark(channel, words)
        # The beginning of a mark may be the end of this piece.
        keep = len(text)
        if start >= 0:
            keep = start
        else:
            for length in range(min(len(self.mark_start), len(text)), 0, -1):
                if text.endswith(self.mark_start[:length]):
                    keep = len(text) - length
                    break
        self.held[channel] = text[keep:]
        emit(text[:keep])

    def watch(self, channels, deadline, silence):
        """Until the guest is done, dead, or silent for too long."""
        selector = selectors.DefaultSelector()
        for descriptor, name in channels.items():
            selector.register(descriptor, selectors.EVENT_READ, name)
        heard = time.monotonic()
        grace = None
        while len(self.done) < 2:
            now = time.monotonic()
            if deadline and now > deadline:
                raise Stop(f'the guest was not done after {self.args.timeout} s (TIMEOUT=)')
            if silence and now - heard > silence:
                raise Stop(f'the guest said nothing for {silence} s (SILENCE=)')
            if self.done:
                grace = grace or now + 3
                if now > grace:
                    break
            events = selector.select(0.25)
            for key, _ in events:
                try:
                    data = os.read(key.fd, 65536)
                except OSError as error:
                    if error.errno != errno.EIO:
                        raise
                    data = b''
                if key.data == 'keys':
                    self.keys(data, selector, key.fd)
                elif data:
                    heard = time.monotonic()
                    self.take(key.data, data)
                else:
                    selector.unregister(key.fd)
            if not events and self.process.poll() is not None or len(selector.get_map()) == 0:
                break
        return self.done.get('out', self.done.get('log'))

    def keys(self, data, selector, descriptor):
        """The user's keyboard, in a shell: the terminal is the guest's."""
        if not data:
            selector.unregister(descriptor)
            data = b'\x04'
        if self.typed is None:
            os.write(self.terminal, data)
        elif b'\x03' in data:
            raise KeyboardInterrupt
        else:
            # Nobody listens yet, and what comes too early is lost.
            self.typed += data

    def listen(self):
        """The shell is there: give it what was typed until now."""
        data, self.typed = self.typed, None
        os.write(self.terminal, data)


class Job:
    """What is common to the jobs: the log, its reports, the end."""

    def __init__(self, args):
        self.args = args
        self.scanner = klog.Scanner()
        self.log_rest = ''
        self.tail = []
        self.broken = []
        self.guest = None

    def start(self, **job):
        token = secrets.token_hex(6)
        size = shutil.get_terminal_size()
        job = {'TOKEN': token, 'COLUMNS': size.columns, 'LINES': size.lines,
               'TERM': os.environ.get('TERM', 'dumb'), **job}
        with open(f'{self.args.run}/job', 'w', encoding='utf-8') as out:
            for name, value in job.items():
                quoted = str(value).replace("'", "'\\''")
                out.write(f"{name}='{quoted}'\n")
        self.guest = Guest(self.args, token, self.log, self.out, self.mark)

    def run(self, out_pipe=None):
        """Boot and wait; returns the job's status, None if there is none."""
        deadline = time.monotonic() + self.args.timeout if self.args.timeout else 0
        read_out, write_out = out_pipe or os.pipe()
        try:
            read_log = self.guest.boot(write_out, out_pipe is not None)
            status = self.guest.watch({read_log: 'log', read_out: 'out', **self.more_channels()},
                                      deadline, self.args.silence)
            if status is None:
                self.broken.append('the guest died')
        except Stop as why:
            status = None
            self.broken.append(str(why))
        finally:
            self.guest.kill()
        self.log('\n')
        self.out('')
        self.scanner.finish()
        return status

    def more_channels(self):
        return {}

    def log(self, text):
        self.guest.log.closed or self.guest.log.write(text)
        *lines, self.log_rest = (self.log_rest + text).split('\n')
        for line in lines:
            line = line.rstrip('\r')
            if not klog.UNSURE.match(line):
                self.tail = self.tail[1 - TAIL:] + [line]
            self.scanner.feed(line)
            self.log_line(line)

    def log_line(self, line):
        pass

    def mark(self, channel, words):
        if channel == 'log':
            self.log(f'--- {words}\n')
            word, _, rest = words.partition(' ')
            self.scanner.unit = {'begin': rest, 'leaks': 'the search for leaks'}.get(word)
        if channel == 'out' and words.startswith('broken '):
            self.broken.append(words[7:])

    def print_reports(self):
        for report in self.scanner.reports:
            print('\nlab: the kernel reported' + (f', during {report.unit}:' if report.unit else ':'))
            for line in report:
                print('     | ' + line)

    def print_broken(self, status):
        """Say what went wrong beside the tests; show the log's end if it may tell."""
        for why in self.broken:
            print(f'\nlab: {why}')
        if self.broken and (status is None or status):
            print('lab: the end of its log:')
            for line in self.tail:
                print('     | ' + line)

    def print_where(self):
        print(f'lab: the whole log: {self.args.log}')


class Run(Job):
    """make run: the demo's output, and nothing but."""

    def out(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()

    def main(self):
        self.start(JOB='run', LIVE=int(sys.stdout.isatty()), ARGS=self.args.args)
        status = self.run()
        self.print_reports()
        self.print_broken(status)
        reports = len(self.scanner.reports)
        if reports:
            print(f'lab: the run failed: the kernel reported {reports} problem(s), see above')
        if status != 0 or reports or self.broken:
            self.print_where()
            return 1
        return 0


class Shell(Job):
    """make shell: the user's terminal is the guest's."""

    def out(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()

    def mark(self, channel, words):
        super().mark(channel, words)
        if (channel, words) == ('out', 'begin shell'):
            self.guest.listen()

    def more_channels(self):
        return {0: 'keys'}

    def main(self):
        self.args.timeout = self.args.silence = 0
        self.start(JOB='shell', LIVE=int(os.isatty(0)))
        master, slave = pty.openpty()
        tty.setraw(slave)
        self.guest.terminal = master
        before = None
        if os.isatty(0):
            before = termios.tcgetattr(0)
            tty.setraw(0)
        try:
            status = self.run((master, slave))
        finally:
            if before:
                termios.tcsetattr(0, termios.TCSADRAIN, before)
        self.print_reports()
        self.print_broken(status)
        return 1 if status is None else status


class Check(Job):
    """make check: KUnit from the log, selftests from their own channel."""

    def __init__(self, args):
        super().__init__(args)
        self.cases = []
        self.parser = None
        self.number = 0
        self.unit = None
        self.begun = 0
        self.kunit_done = not args.kunit
        self.out_rest = ''
        self.pending = []
        self.why_cut_off = None

    def show(self, line):
        print(line, flush=True)

    def begin(self, name, plan_needed):
        self.unit = name
        self.parser = ktap.Parser(name, plan_needed)
        self.begun = time.monotonic()
        self.show(f'# {"suites" if name == "kunit" else "selftests"}: {name}')

    def end(self, status, cut_off=None):
        if self.out_rest:
            self.feed(self.out_rest)
            self.out_rest = ''
        timeout = None if self.unit == 'kunit' else self.args.test_timeout
        cases = self.parser.finish(status, timeout, cut_off).cases
        if self.unit == 'kunit' and not cases:
            cases.append(ktap.Case('kunit', 'failed', 'no suite ran'))
        self.cases += cases
        self.number += 1
        numbers = ktap.count(cases)
        verdict = 'not ok' if numbers['failed'] else 'ok'
        skip = ' # SKIP' if not numbers['failed'] and not numbers['passed'] else ''
        self.show(f'# took {time.monotonic() - self.begun:.1f} s')
        self.show(f'{verdict} {self.number} {self.unit}{skip}')
        self.parser = None
        self.unit = None

    def feed(self, line):
        line = ktap.PRINTK.sub('', line.rstrip('\r'), count=1)
        if self.parser.feed(line) or self.unit != 'kunit':
            self.show('    ' + line)

    # The two channels are read as they come.  KUnit ends, in the log, before
    # the first selftest begins in the other; what overtakes it waits.
    def mark(self, channel, words):
        super().mark(channel, words)
        word, _, rest = words.partition(' ')
        kunit = rest == 'kunit' if word == 'begin' else self.unit == 'kunit'
        if channel == 'log':
            if word == 'begin' and kunit:
                self.begin('kunit', plan_needed=False)
            elif word in ('end', 'done') and kunit:
                self.end(int(rest) if word == 'end' else None)
                self.kunit_done = True
                for what, value in self.pending:
                    (self.mark_out if what == 'mark' else self.text_out)(value)
                self.pending = []
        elif self.kunit_done:
            self.mark_out(words)
        else:
            self.pending.append(('mark', words))

    def log_line(self, line):
        if self.unit == 'kunit' and not line.startswith('--- '):
            self.feed(line)

    def out(self, text):
        if self.kunit_done:
            self.text_out(text)
        elif text:
            self.pending.append(('text', text))

    def text_out(self, text):
        *lines, self.out_rest = (self.out_rest + text).split('\n')
        for line in lines:
            if self.parser:
                self.feed(line)

    def mark_out(self, words):
        word, _, rest = words.partition(' ')
        if word == 'begin' and rest != 'kunit':
            self.begin(rest, plan_needed=True)
        elif word == 'end' and self.parser:
            self.end(int(rest))
        elif word == 'leaks':
            self.show('# looking for leaked memory')

    def main(self):
        self.start(JOB='check', KUNIT=int(self.args.kunit), TESTS=' '.join(self.args.tests),
                   TEST_TIMEOUT=self.args.test_timeout, ARGS=self.args.args,
                   LEAKS=int(self.args.leaks))
        self.show('KTAP version 1')
        self.show(f'1..{len(self.args.tests) + int(self.args.kunit)}')
        status = self.run()
        not_run = self.args.tests[max(self.number - int(self.args.kunit), 0):]
        if self.unit:
            unit = self.unit
            if unit != 'kunit':
                not_run = not_run[1:]
            why = self.broken.pop() if status is None and self.broken else 'the guest ended'
            self.end(None, why)
            self.why_cut_off = why
        elif not self.kunit_done:
            self.cases.append(ktap.Case('kunit', 'failed', 'did not run'))
        for test in not_run:
            self.cases.append(ktap.Case(test, 'failed', 'did not run'))
        for why in self.broken:
            self.cases.append(ktap.Case('guest', 'failed', why))
        return self.summary(status)

    def summary(self, status):
        reports = self.scanner.reports
        base = os.path.splitext(self.args.log)[0]
        ktap.write_json(base + '.json', self.cases, kernel_reports=reports)
        ktap.write_junit(base + '.xml', self.cases, reports)
        self.print_reports()
        if self.why_cut_off:
            self.broken.insert(0, self.why_cut_off)
        self.print_broken(status)
        failed = [case for case in self.cases if case.status == 'failed']
        if failed:
            print('\nlab: failed:')
        for case in failed:
            print(f'  {case.name}' + (f': {case.reason}' if case.reason else ''))
            for line in case.diagnostics[-12:]:
                print('     | ' + line)
        print(f'\nlab: log {self.args.log}, results {base}.json and .xml')
        numbers = ktap.count(self.cases)
        if reports:
            print(f'lab: the run failed: the kernel reported {len(reports)} problem(s), see above')
        if not failed and not numbers['passed']:
            print('lab: the run failed: no test passed')
        print(ktap.last_line(self.cases))
        return 1 if failed or reports or not numbers['passed'] else 0


def main():
    args = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    args.add_argument('--kernel', required=True)
    args.add_argument('--preload', default='', help='a library for the UML process')
    args.add_argument('--run', required=True, help="the run's directory")
    args.add_argument('--log', required=True)
    args.add_argument('--memory', required=True, help='in MB')
    args.add_argument('--timeout', type=int, default=600)
    args.add_argument('--silence', type=int, default=120)
    args.add_argument('--test-timeout', type=int, default=100)
    args.add_argument('--append', default='', help='more for the kernel\'s command line')
    args.add_argument('--args', default='', help='words for the program in the guest')
    args.add_argument('--kunit', action='store_true')
    args.add_argument('--leaks', type=int, default=1)
    args.add_argument('job', choices=('run', 'check', 'shell'))
    args.add_argument('tests', nargs='*')
    args = args.parse_args()

    # Ctrl-C, a closed terminal and kill all take the way through finally.
    # SIGINT too must be asked for: a shell starts what it does not wait for
    # with that signal ignored.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupted(number, _):
        # Once: the same signal often comes by way of make and the shell, too,
        # and must not interrupt the cleaning up.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)
    for number in signals:
        signal.signal(number, interrupted)
    job = {'run': Run, 'check': Check, 'shell': Shell}[args.job](args)
    try:
        return job.main()
    except KeyboardInterrupt:
        print(f'\nlab: interrupted; the guest is ended, its log is {args.log}', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Nobody reads any more: do not let Python try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


if __name__ == '__main__':
    sys.exit(main())
