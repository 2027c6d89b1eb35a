#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Do one job in a guest, or in several, and say how it ended.

The run's directory holds all that a guest needs (see guest-init.sh).  The
kernel's log goes to a file and is searched for reports; what the job prints
goes to the user as it comes.
"""

import argparse
import errno
import os
import pty
import selectors
import shutil
import signal
import sys
import termios
import time
import tty

import details
import exits
import hostunit
import klog
import ktap
import machine
import progress
import results
import shard
from lab import values
from lab.engines import uml

TAIL = 40
# What make run runs of tools/
DEMO = 'migrate-demo'
# Variables that programs in the guest look for
ENVIRONMENT = ('SEED', 'STEPS', 'MINUTES', 'CALLS', 'NO_COLOR')


class Job:
    """One guest's job: the log, its reports, the end."""

    def __init__(self, args, log):
        self.args = args
        self.log_name = log
        self.log_file = open(log, 'w', encoding='utf-8')
        self.scanner = klog.Scanner()
        self.guest = machine.Guest(self, log, args.timeout, args.silence)
        self.broken = []
        self._rest = ''
        self._tail = []

    def log(self, text):
        self.log_file.write(text)
        *lines, self._rest = (self._rest + text).split('\n')
        for line in lines:
            line = line.rstrip('\r')
            if not klog.UNSURE.match(line):
                self._tail = self._tail[1 - TAIL:] + [line]
            self.scanner.feed(line)
            self.log_line(line)

    def log_line(self, line):
        pass

    def out(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()

    def mark(self, channel, words):
        word, _, rest = words.partition(' ')
        if channel == 'log':
            self.scanner.unit = {'begin': rest, 'leaks': 'the search for leaks'}.get(word)
            self.log(f'--- {words}\n')
        elif word == 'broken':
            self.broken.append(rest)

    def ended(self):
        self.log('\n')
        self.log_file.close()
        self.scanner.finish()
        if self.guest.why:
            self.broken.append(self.guest.why)

    def print_problems(self):
        """What went wrong beside the tests; the log's end if it may tell more."""
        for report in self.scanner.reports:
            print('\nlab: the kernel reported' +
                  (f', during {report.unit}:' if report.unit else ':'))
            for line in report:
                print('     | ' + line)
        for why in self.broken:
            print(f'\nlab: {why}')
        if self.broken and self.guest.status != 0:
            print('lab: the end of its log:')
            for line in self._tail:
                print('     | ' + line)


def start_file(args, **job):
    """The variables that guest-init.sh reads."""
    size = shutil.get_terminal_size()
    job = {'COLUMNS': size.columns, 'LINES': size.lines,
           'TERM': os.environ.get('TERM', 'dumb'), 'MODULES': args.modules,
           'VMM': args.vmm, 'BIND': args.bind,
           # Seconds after which a task is stuck: before the guest is given up
           'HUNG': max(30, args.silence // 2) if args.silence else 0, **job}
    job.update((name, os.environ.get(name, '')) for name in ENVIRONMENT)
    with open(f'{args.run}/job', 'w', encoding='utf-8') as out:
        for name, value in job.items():
            quoted = str(value).replace("'", "'\\''")
            out.write(f"{name}='{quoted}'\n")


def run(args):
    """make run: a program's output, and nothing but; the demo's account goes to where the user is."""
    words, account = args.args.split(), ''
    if args.program == DEMO:
        words, account = values.account(words)
    start_file(args, JOB='run', PROGRAM=args.program, LIVE=int(sys.stdout.isatty()), ARGS=' '.join(words))
    job = Job(args, args.log + '.log')
    job.guest.boot(args, 'run', machine.prepare(args))
    machine.watch([job.guest])
    job.print_problems()
    if account and os.path.exists(f'{args.run}/account'):
        shutil.copyfile(f'{args.run}/account', account)
        print(f'lab: the account: {account}', file=sys.stderr)
    reports = len(job.scanner.reports)
    if job.guest.status == exits.REFUSED and not reports:
        return exits.REFUSED
    if reports:
        print(f'lab: the run failed: the kernel reported {reports} problem(s), see above')
    if job.guest.status != 0 or reports or job.broken:
        print(f'lab: the whole log: {job.log_name}')
        return 1
    return 0


def can_wait(descriptor):
    """For input?  A file has all of its own at once, and epoll does not take it."""
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(descriptor, selectors.EVENT_READ)
        except PermissionError:
            return False
    return True


class Shell(Job):
    """make shell: the user's terminal is the guest's."""

    def __init__(self, args):
        super().__init__(args, args.log + '.log')
        self._terminal = None
        self._typed = b''
        self._line_ended = True

    def mark(self, channel, words):
        super().mark(channel, words)
        if (channel, words) == ('out', 'begin shell'):
            # It listens: give it what was typed until now.
            data, self._typed = self._typed, None
            self._type(data)

    def _type(self, data):
        while data:
            data = data[os.write(self._terminal, data):]

    def keys(self):
        data = os.read(0, 4096)
        more = bool(data)
        if not data:
            # It ends a line that has no end, and only then the input.
            data = b'\x04' if self._line_ended else b'\x04\x04'
        self._line_ended = data.endswith(b'\n')
        if self._typed is None:
            self._type(data)
        elif b'\x03' in data:
            raise KeyboardInterrupt
        else:
            self._typed += data     # nobody listens yet
        return more

    def main(self):
        script = not os.isatty(0) and not can_wait(0)
        start_file(self.args, JOB='shell', LIVE=int(os.isatty(0)), SCRIPT=int(script))
        if script:
            with open(f'{self.args.run}/script', 'wb') as file, open(0, 'rb', closefd=False) as text:
                shutil.copyfileobj(text, file)
        master, slave = pty.openpty()
        tty.setraw(slave)
        self._terminal = os.dup(master)
        self.guest.timeout = self.guest.silence = 0
        before = None
        if os.isatty(0):
            before = termios.tcgetattr(0)
            tty.setraw(0)
        try:
            environment = machine.prepare(self.args)
            self.guest.boot(self.args, 'shell', environment, (master, slave))
            machine.watch([self.guest], None if script else {0: self.keys})
        finally:
            if before:
                termios.tcsetattr(0, termios.TCSADRAIN, before)
        self.print_problems()
        return exits.BROKEN if self.guest.status is None else self.guest.status


def split_seed(unit):
    """(unit, seed or '') of UNIT[%SEED]"""
    unit, _, seed = unit.partition('%')
    return unit, seed


def label(unit):
    """PROGRAM[@TYPE[@WORD...]][%SEED] for people: what is run, and for what."""
    unit, seed = split_seed(unit)
    program, *rest = unit.split('@')
    return (f'{program}({rest[0]})' if rest else program) + (f' SEED={seed}' if seed else '')


class Tester(Job):
    """A guest that runs tests: KUnit in its log, selftests in 'out'."""

    def __init__(self, args, log, check):
        super().__init__(args, log)
        self.check = check
        self.unit = None
        self.failed = False
        self._shown = 0         # results
        self._parser = None
        self._begun = 0
        self._lines = []
        self._rest_out = ''
        # The two channels are read as they come.  KUnit ends, in the log,
        # before the first selftest begins in the other; what overtakes it waits.
        self._kunit_ended = False
        self._waiting = None

    def show(self, line):
        """Now, or when the unit is complete if others run, too, or if little is to be shown."""
        if self.check.live and not self.check.short:
            self.check.write([line])
        else:
            self._lines.append(line)

    def begin(self, unit):
        self.unit = unit
        self._shown = 0
        self._parser = ktap.Parser(label(unit), plan_needed=unit != 'kunit', clock=time.monotonic)
        self._begun = time.monotonic()
        self.show(f'# {"suites" if unit == "kunit" else "selftests"}: {label(unit)}')

    def end(self, status, cut_off=None):
        if self._rest_out:
            self.feed(self._rest_out)
            self._rest_out = ''
        timeout = None if self.unit == 'kunit' else self.args.test_timeout
        cases = self._parser.finish(status, timeout, cut_off).cases
        if self.args.bind and status in ktap.CUT_OFF:
            self.check.lost[self.unit] = ''
        if self.unit == 'kunit' and not cases:
            cases.append(ktap.Case('kunit', 'failed', 'no suite ran'))
        if any(case.status == 'failed' for case in cases):
            self.failed = True
            if self.unit != 'kunit':
                # Of KUnit the log has the results themselves.
                self.check.failed_in.setdefault(self.log_name, []).append(self.unit)
        seconds = time.monotonic() - self._begun
        self.check.took.append({'name': label(self.unit), 'seconds': round(seconds, 3)})
        line = self.check.result(self.unit, cases)
        numbers = ktap.count(cases)
        if self.check.short and not numbers['failed']:
            self._lines = [progress.result_line(line, numbers['passed'], numbers['skipped'], seconds)]
        else:
            self.show(f'# took {seconds:.1f} s')
            self.show(line)
        if self._lines:
            self.check.write(self._lines)
            self._lines = []
        self.unit = self._parser = None

    def feed(self, line):
        line = ktap.PRINTK.sub('', line.rstrip('\r'), count=1)
        if self._parser.feed(line) or self.unit != 'kunit':
            self.show('    ' + line)
        if ktap.RESULT.match(line.lstrip(' ')):
            self._shown += 1
            self.check.progress(f'# {label(self.unit)}: {self._shown} results')

    def log_line(self, line):
        if self.unit == 'kunit' and not line.startswith('--- '):
            self.feed(line)

    def mark(self, channel, words):
        super().mark(channel, words)
        if channel == 'log' and words.startswith('begin ') and self.scanner.unit not in self.check.units:
            # The log has no more than the beginning of a long one.
            self.scanner.unit = next((unit for unit in self.check.units
                                      if unit.startswith(self.scanner.unit)), self.scanner.unit)
        if channel == 'out':
            self._do_or_wait(self._mark_out, words)
        elif words == 'begin kunit':
            self.begin('kunit')
        elif self.unit == 'kunit' and words.startswith('end '):
            self.end(int(words[4:]))
            self._kunit_ended = True
            waiting, self._waiting = self._waiting or [], None
            for call, value in waiting:
                call(value)

    def out(self, text):
        self._do_or_wait(self._text_out, text)

    def _do_or_wait(self, call, value):
        if self._waiting is None:
            call(value)
        else:
            self._waiting.append((call, value))

    def _text_out(self, text):
        *lines, self._rest_out = (self._rest_out + text).split('\n')
        for line in lines:
            if self._parser:
                self.feed(line)

    def _mark_out(self, words):
        word, _, rest = words.partition(' ')
        if words == 'begin kunit':
            if not self._kunit_ended:
                self._waiting = []
        elif word == 'begin':
            self.begin(rest)
        elif word == 'end' and self._parser:
            self.end(int(rest))
        elif word == 'leaks' and self.check.live:
            if self.check.short:
                self.check.progress('looking for leaked memory')
            else:
                self.show('# looking for leaked memory')

    def ended(self):
        super().ended()
        if self.unit:
            why = self.guest.why or 'the guest ended'
            self.check.lost[self.unit] = why
            self.check.told.add(why)
            self.end(None, why)


class Check:
    """make check: all units, on as many guests as there are processors.

    A guest that dies costs the unit that it ran; another one goes on with the
    rest.  With isolate each test has a boot of its own.
    """

    isolate = False

    def __init__(self, args):
        self.args = args
        self.units = (['kunit'] if args.kunit else []) + args.tests
        self.hosts = [hostunit.HostUnit(self, option, args.test_timeout) for option in args.host]
        self.wanted = min(args.guests, len(self.units))
        self.live = self.wanted == 1 and not self.hosts
        # Of a program that passed one line is enough, unless V=1 says otherwise.
        self.short = not progress.verbose()
        self.screen = progress.Screen()
        self.cases = []
        self.finished = []
        self.took = []
        # (unit, its cases), and for each log the units that failed
        self.results = []
        self.failed_in = {}
        self._begun = time.monotonic()
        # Units that came to no end, with why their guest died, if it did
        self.lost = {}
        self.told = set()
        os.mkdir(f'{args.run}/claims')
        self.guests = []
        self._environment = None

    def result(self, unit, cases):
        """A unit is complete: its result line."""
        self.cases += cases
        self.results.append((unit, cases))
        self.finished.append(unit)
        numbers = ktap.count(cases)
        verdict = 'not ok' if numbers['failed'] else 'ok'
        skip = ' # SKIP' if not numbers['failed'] and not numbers['passed'] else ''
        return f'{verdict} {len(self.finished)} {label(unit)}{skip}'

    def write(self, lines):
        """Output of the tests."""
        self.screen.write(lines)

    def progress(self, text):
        """How far a program is."""
        if self.short:
            done = f'{len(self.finished)} of {len(self.units) + len(self.hosts)} done; '
            self.screen.progress(done + text.removeprefix('# '))

    def claimed(self):
        """How many units some guest has taken."""
        return len(os.listdir(f'{self.args.run}/claims'))

    def new_tester(self, log):
        return Tester(self.args, log, self)

    def boot(self):
        number = len(self.guests) + 1
        name = '' if self.live and not self.isolate else f'-guest{number}'
        tester = self.new_tester(f'{self.args.log}{name}.log')
        tester.claimed_before = self.claimed()
        self.guests.append(tester)
        tester.guest.boot(self.args, f'check{number}', self._environment)
        return tester.guest

    def another(self, guest):
        """A guest ended: are there units left that it should have run?"""
        if not isinstance(guest, machine.Guest):
            return None
        claimed = self.claimed()
        if claimed >= len(self.units) or claimed == guest.job.claimed_before:
            return None
        return self.boot()

    def run_guests(self):
        """Boot as many as are wanted, until all units have run."""
        args = self.args
        start_file(args, JOB='check', UNITS=' '.join(self.units), ARGS=args.args,
                   TEST_TIMEOUT=args.test_timeout, LEAKS=args.leaks,
                   ISOLATE=int(self.isolate))
        self._environment = machine.prepare(args, self.wanted)
        try:
            for _ in range(self.wanted):
                self.boot()
            for host in self.hosts:
                host.start()
            machine.watch([tester.guest for tester in self.guests] + self.hosts, more=self.another)
        finally:
            for process in [tester.guest for tester in self.guests] + self.hosts:
                process.kill()

    def run_all(self):
        units = self.units + [host.name for host in self.hosts]
        self.write(['KTAP version 1', f'1..{len(units)}'])
        self.run_guests()
        self.screen.clear()
        for unit in units:
            if unit not in self.finished:
                self.cases.append(ktap.Case(label(unit), 'failed', 'did not run'))
        for tester in self.guests:
            for why in tester.broken:
                if why not in self.told:
                    self.cases.append(ktap.Case('guest', 'failed', why))

    def main(self):
        self.run_all()
        return self.summary()

    def details(self):
        """For the report: how long, which arcs and rules, and what the kernel said."""
        return {'units': self.took, 'arcs': details.arcs(self.results),
                'rules': details.by_device(self.results),
                'words': {label(unit): lines for unit, lines in details.words(self.failed_in).items()}}

    def summary(self):
        reports = [report for tester in self.guests for report in tester.scanner.reports]
        base = self.args.log
        results.leave(ktap.write_json(
            base + '.json', self.cases, kernel_reports=reports, **self.details(),
            report_units=[label(report.unit or '') for report in reports]), time.monotonic() - self._begun)
        ktap.write_junit(base + '.xml', self.cases, reports)
        for tester in self.guests:
            tester.print_problems()
        failed = [case for case in self.cases if case.status == 'failed']
        if failed:
            print('\nlab: failed:')
        for case in failed:
            print(f'  {case.name}' + (f': {case.reason}' if case.reason else ''))
            for line in details.rule_lines(case):
                print('     ' + line)
            for line in case.diagnostics[-12:]:
                print('     | ' + line)
        print('\nlab: logs: ' + ' '.join(tester.log_name for tester in self.guests))
        print(f'lab: results: {base}.json and .xml')
        numbers = ktap.count(self.cases)
        if reports:
            print(f'lab: the run failed: the kernel reported {len(reports)} problem(s), see above')
        if not failed and not numbers['passed']:
            print('lab: the run failed: no test passed')
        good = not failed and not reports and numbers['passed'] > 0
        print(results.closing(ktap.last_line(self.cases), good), flush=True)
        return 0 if good else 1


def check(args):
    """make check, kunit and selftests, or the part of it that SHARD= is."""
    part = shard.take()
    mine = shard.share([*(['kunit'] if args.kunit else []), *args.tests, *args.host], part)
    if part and not mine:
        return no_share(part)
    args.kunit = args.kunit and 'kunit' in mine
    args.tests = [unit for unit in args.tests if unit in mine]
    args.host = [option for option in args.host if option in mine]
    return Check(args).main()


def no_share(part):
    """A part that is empty is done."""
    print(shard.nothing(part))
    print(results.closing(ktap.last_line([]), True), flush=True)
    return 0


def arguments(description):
    """What all jobs need to be told."""
    args = argparse.ArgumentParser(description=description)
    args.add_argument('--kernel', required=True)
    args.add_argument('--engine', required=True, choices=sorted(machine.ENGINES))
    args.add_argument('--processors', type=int, default=1, help='of each guest')
    args.add_argument('--preload', default='', help='a library for the UML process')
    args.add_argument('--initramfs', default='', help='for QEMU')
    args.add_argument('--run', required=True, help="the run's directory")
    args.add_argument('--log', required=True, help='the name of logs, without an ending')
    args.add_argument('--memory', type=int, required=True, help='in MB')
    args.add_argument('--timeout', type=int, default=600)
    args.add_argument('--silence', type=int, default=120)
    args.add_argument('--test-timeout', type=int, default=100)
    args.add_argument('--guests', type=int, default=1, help='how many at once')
    args.add_argument('--append', default='', help='more for the kernel\'s command line')
    args.add_argument('--args', default='', help='words for the program in the guest')
    args.add_argument('--modules', default='mdev mtty_mig',
                      help='what is loaded, the driver last')
    args.add_argument('--bind', default='',
                      help='the PCI driver that the VFs of a card without hardware go to')
    args.add_argument('--vmm', default='', help="a VMM's root, which the guest has as /run/vmm")
    args.add_argument('--kunit', action='store_true')
    args.add_argument('--leaks', type=int, default=1)
    args.add_argument('--host', action='append', default=[], metavar='NAME=COMMAND',
                      help='run this on the host, too; it prints KTAP')
    return args


def run_job(args, job):
    """Call job(args), and end in order whatever comes between."""
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
    try:
        return job(args)
    except KeyboardInterrupt:
        print(f'\nlab: interrupted; the guest is ended, its log is {args.log}*.log',
              file=sys.stderr)
        return 130
    except uml.NoPlace as why:
        print(f'lab: error: {why}', file=sys.stderr)
        return exits.BROKEN
    except BrokenPipeError:
        # Nobody reads any more: do not let Python try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return exits.unexpected()
        print(f'\nlab: error: the disk of {args.log} is full\n     make room and call again, '
              'or move the cache: make ... CACHE=/path/with/room', file=sys.stderr)
        return exits.BROKEN
    except Exception:  # pylint: disable=broad-exception-caught
        return exits.unexpected()


def main():
    args = arguments(__doc__.split('\n', maxsplit=1)[0])
    args.add_argument('--program', default=DEMO, help='what the job run runs of tools/')
    args.add_argument('job', choices=('run', 'check', 'shell'))
    args.add_argument('tests', nargs='*')
    args = args.parse_args()
    return run_job(args, {
        'run': run,
        'check': check,
        'shell': lambda args: Shell(args).main(),
    }[args.job])


if __name__ == '__main__':
    sys.exit(main())
