#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold the migration of a VFIO device against the rules of the uAPI.

Runs the test programs beside it on one device and reports rule by rule.  The
device has to be bound to its VFIO driver, and nobody may use it; it is reset,
stopped and loaded with broken states, so it must be one that may be lost.

    conformance.py --device 0000:3b:00.1
    conformance.py --device UUID --second UUID
    conformance.py --device /dev/vfio/devices/vfio0
    conformance.py --type mtty-1        makes mediated devices of that type

Exit status: 0 if no rule that is a must was violated, 1 if one was or a test
could not be brought to its end, 2 for a call that cannot be understood.
"""

import argparse
import collections
import contextlib
import fnmatch
import glob
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

# The command's name may be a link to this file.
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
# Leave nothing beside the programs, which may be those of a package.
sys.dont_write_bytecode = True

import ktap  # pylint: disable=wrong-import-position

VIOLATED = re.compile(r'^# \S+?:\d+:[^:]+:(?P<rule>MIG-[A-Z0-9]+-\d\d) violated: '
                      r'expected (?P<what>.*)$')
JUDGED = re.compile(r'^# judged: (?P<rules>.*)$')
WAYS = {'cdev': 'cdev', 'group-type1': 'group_type1', 'group-iommufd': 'group_iommufd'}
# /proc/sys/kernel/tainted: what the kernel noticed about itself
TAINTS = {1 << 5: 'the kernel found memory misused (KASAN, or a bad page)',
          1 << 7: 'the kernel died (Oops or BUG)', 1 << 9: 'the kernel warned',
          1 << 14: 'a soft lockup occurred'}


class Rows(list):
    """The rows of a report."""

    def count(self, verdict):   # pylint: disable=arguments-renamed
        return sum(row['verdict'] == verdict for row in self)


class Report:
    """What tests saw of a device, rule by rule.

    A rule that a test names is violated if the test says so; kept if some test
    judged it and none found it violated.  If a test that should have judged it
    came to no end (it crashed, hung, or took the kernel with it), that counts
    as a violation: a rule about which nothing is known is not one that is kept.
    """

    def __init__(self, catalogue):
        self.rules = catalogue['rules']
        self.tests = catalogue['tests']
        self.violations = collections.defaultdict(list)
        self.unjudged = collections.defaultdict(list)
        self.perhaps_unjudged = collections.defaultdict(list)
        self.judged = collections.Counter()
        self.skipped = collections.defaultdict(collections.Counter)
        self.not_run = []
        self.programs = set()   # those that something is known of
        self.nameless = []      # failures that no rule explains
        self.traces = []

    def named_by(self, program, test):
        """The rules that a test names; test is FIXTURE.[VARIANT.]NAME."""
        words = test.split('.')
        return self.tests.get(program, {}).get('.'.join(words[:1] + words[-1:]), [])

    def wanted(self, program, test, rule='', pattern=''):
        """Is it one that judges this rule, or one of this kind, and has such a name?"""
        words = test.split('.')
        return (not rule or any(is_of(each, rule) for each in self.named_by(program, test))) and (
            not pattern or fnmatch.fnmatch(test, pattern) or fnmatch.fnmatch(words[-1], pattern) or
            fnmatch.fnmatch('.'.join(words[:1] + words[-1:]), pattern))

    def add(self, program, test, case, trace=()):
        """A test's result; trace is what the kernel reported meanwhile."""
        where = f'{program} {test}'.strip()
        self.programs.add(program)
        named = self.named_by(program, test) if test else sorted(
            {rule for rules in self.tests.get(program, {}).values() for rule in rules})
        if case.status == 'skipped':
            for rule in named:
                self.skipped[rule][case.reason] += 1
            return
        judged = set()
        violated = set()
        for line in case.diagnostics:
            match = JUDGED.match(line)
            if match:
                judged |= set(match.group('rules').split())
            match = VIOLATED.match(line)
            if match:
                violated.add(match.group('rule'))
                what, _, seen = match.group('what').partition(', seen ')
                self.violations[match.group('rule')].append((where, what, seen))
        self.judged.update(judged)
        if trace:
            self.traces.append((where, list(trace)))
            for rule in named:
                self.violations[rule].append((where, 'nothing for the kernel to report',
                                              trace[0].strip()))
        if case.status != 'failed':
            return
        why = case.reason or self._last_words(case)
        missed = [rule for rule in named if rule not in judged | violated]
        # What broke one rule may have kept the test from judging the others,
        # or they were no matter there.
        unjudged = self.perhaps_unjudged if violated else self.unjudged
        for rule in missed:
            unjudged[rule].append((where, why))
        if not missed and not violated and not trace:
            self.nameless.append((where, why))

    @staticmethod
    def _last_words(case):
        words = [line for line in case.diagnostics
                 if not line.startswith(('#  RUN', '#          OK', '#        FAIL', '# judged:', '# arcs:'))]
        return words[-1].lstrip('# ') if words else 'failed'

    def rows(self):
        """[{rule, level, verdict, summary, details, tests}], in the catalogue's order.

        tests: those that found the rule violated, or could not judge it.

        Without the rules whose tests were not run; these are .not_run then.
        """
        rows = Rows()
        self.not_run = []
        for name, rule in self.rules.items():
            details = []
            if self.violations[name] or self.unjudged[name]:
                verdict = 'FAIL'
                details = self._violations(name)
            elif self.judged[name]:
                verdict = 'pass'
            elif self.perhaps_unjudged[name]:
                verdict = 'FAIL'
                self.unjudged[name] = self.perhaps_unjudged[name]
                details = self._violations(name)
            elif self.skipped[name]:
                verdict = 'skip'
                details = [self._main_reason(self.skipped[name])]
            else:
                self.not_run.append(name)
                continue
            rows.append({'rule': name, 'level': rule['level'], 'verdict': verdict,
                         'summary': rule['summary'], 'details': details,
                         'tests': sorted({test for test, *_ in
                                          self.violations[name] + self.unjudged[name]})})
        return rows

    @staticmethod
    def _main_reason(reasons):
        """Why a rule was skipped: not that a way in is missing, if it was for more."""
        real = {why: n for why, n in reasons.items() if not why.startswith('no way in')}
        return max(real or reasons, key=(real or reasons).get)

    def _violations(self, name):
        same = {}
        for where, what, seen in self.violations[name]:
            same.setdefault((what, seen), []).append(where)
        details = [f'expected {what}; seen {seen}  [{self._places(places)}]'
                   for (what, seen), places in same.items()]
        if not details:
            same = {}
            for where, why in self.unjudged[name]:
                same.setdefault(why, []).append(where)
            details = [f'not judged: {why}  [{self._places(places)}]'
                       for why, places in same.items()]
        return details

    @staticmethod
    def _places(places):
        return places[0] + (f' and {len(places) - 1} more' if len(places) > 1 else '')

    def failed(self):
        """Whether the device, or the suite, is not as it must be."""
        return bool(self.nameless) or any(row['verdict'] == 'FAIL' and row['level'] == 'must'
                                          for row in self.rows())

    def text(self, width=100, details=4):
        """The table, for people."""
        rows = self.rows()
        out = [f'{"rule":<12}  {"level":<6}  {"verdict":<7}  what the rule says',
               f'{"-" * 12}  {"-" * 6}  {"-" * 7}  {"-" * (width - 31)}']
        for row in rows:
            head = f'{row["rule"]:<12}  {row["level"]:<6}  {row["verdict"]:<7}  '
            out += textwrap.wrap(row['summary'], width, initial_indent=head,
                                 subsequent_indent=' ' * 31)
            for detail in row['details'][:details]:
                out += textwrap.wrap(detail, width, initial_indent=' ' * 31 + '- ',
                                     subsequent_indent=' ' * 33)
            if len(row['details']) > details:
                out.append(' ' * 31 + f'- and {len(row["details"]) - details} more')
        if self.nameless:
            out += ['', 'Failures that no rule explains:']
            out += [f'  {where}: {why}' for where, why in self.nameless]
        for where, trace in self.traces:
            out += ['', f'The kernel reported, during {where}:']
            out += ['  | ' + line for line in trace]
        out += ['', f'{len(rows)} rules: {rows.count("pass")} pass, {rows.count("FAIL")} FAIL '
                f'(of these {sum(r["verdict"] == "FAIL" and r["level"] == "must" for r in rows)} '
                f'must), {rows.count("skip")} skip'
                + (f'; {len(self.not_run)} more were not looked at' if self.not_run else '')]
        return '\n'.join(out)

    def rst(self, details=4):
        """The table, for Documentation/."""
        out = ['.. list-table::', '   :header-rows: 1', '   :widths: 14 8 8 70', '',
               '   * - rule', '     - level', '     - verdict', '     - what the rule says']
        for row in self.rows():
            out += [f'   * - {row["rule"]}', f'     - {row["level"]}', f'     - {row["verdict"]}',
                    f'     - {rst_escape(row["summary"])}']
            if row['details']:
                out.append('')
            out += [f'       * {rst_escape(detail)}' for detail in row['details'][:details]]
            if len(row['details']) > details:
                out.append(f'       * and {len(row["details"]) - details} more')
        return '\n'.join(out)

    def cases(self):
        """A case for each rule, for KTAP and JUnit."""
        status = {'pass': 'passed', 'FAIL': 'failed', 'skip': 'skipped'}
        return [ktap.Case(f'{row["level"]} {row["rule"]}', status[row['verdict']],
                          '; '.join(row['details'][:1]), row['details'])
                for row in self.rows()] + [
            ktap.Case(f'test {where}', 'failed', why) for where, why in self.nameless]

    def ktap(self):
        """The rules as test cases."""
        cases = self.cases()
        out = ['KTAP version 1', f'1..{len(cases)}']
        for number, case in enumerate(cases, 1):
            out += [f'# {line}' for line in case.diagnostics if case.status == 'failed']
            verdict = 'not ok' if case.status == 'failed' else 'ok'
            skip = f' # SKIP {case.reason}' if case.status == 'skipped' else ''
            out.append(f'{verdict} {number} {case.name.split(" ", 1)[1]}{skip}')
        return '\n'.join(out)

    def write(self, args, about):
        """The files that were asked for."""
        if args.json:
            with open(args.json, 'w', encoding='utf-8') as out:
                json.dump({'about': about, 'failed': self.failed(), 'rules': self.rows(),
                           'programs': sorted(self.programs),
                           'nameless': self.nameless, 'traces': self.traces}, out, indent=1)
                out.write('\n')
        for name, text in ((args.ktap, self.ktap), (args.rst, self.rst)):
            if name:
                with open(name, 'w', encoding='utf-8') as out:
                    out.write(text() + '\n')
        if args.junit:
            ktap.write_junit(args.junit, self.cases())


def rst_escape(text):
    return re.sub(r'([*`|_\\])', r'\\\1', text)


def load_catalogue(folder=HERE):
    """rules.json, as scripts/rules.py makes it from the sources."""
    with open(os.path.join(folder, 'rules.json'), encoding='utf-8') as file:
        return json.load(file)


def is_of(rule, wanted):
    """Is it this rule, MIG-PRE-03, or one of this kind, MIG-PRE?"""
    return wanted in (rule, rule.rpartition('-')[0])


def name_of(program):
    """The catalogue's name of generic/PROGRAM or standins/PROGRAM."""
    return program.removeprefix('generic/')


def programs(catalogue, pattern=None, rule=None):
    """The test programs that are wanted, of those beside this one: real devices are no stand-ins."""
    return [program for program, tests in catalogue['tests'].items()
            if '/' not in program and
            (not pattern or fnmatch.fnmatch(program, pattern)) and
            (not rule or any(is_of(each, rule) for rules in tests.values() for each in rules))]


def list_tests(program):
    """[FIXTURE.VARIANT.TEST], in the harness's own order; needs no device.

    The harness lists a fixture's variants in one column and its tests in the
    next one, side by side; each test is run for each variant.
    """
    listing = subprocess.run([program, '-l'], stderr=subprocess.PIPE, text=True,
                             check=False).stderr
    fixtures = []
    for line in listing.splitlines():
        if line.startswith(('#', '---')) or not line.strip():
            continue
        fixture, variant, test = line[:20].strip(), line[21:46].strip(), line[47:].strip()
        if fixture:
            fixtures.append((fixture, [], []))
        if variant:
            fixtures[-1][1].append(variant)
        if test:
            fixtures[-1][2].append(test)
    return ['.'.join(filter(None, (fixture, variant, test)))
            for fixture, variants, tests in fixtures
            for variant in variants or [''] for test in tests]


def why_not(device):
    """What keeps a device from being tested, in words, or None."""
    name = os.path.basename(device)
    places = [f'/sys/bus/mdev/devices/{name}', f'/sys/bus/pci/devices/{name}',
              f'/sys/class/vfio-dev/{name}/device']
    sysfs = next((place for place in places if os.path.exists(place)), None)
    if not sysfs:
        return (f"there is no device '{device}': neither a mediated device of that UUID nor a PCI "
                'device of that address (0000:3b:00.1) nor a node in /dev/vfio/devices')
    if not os.path.exists(f'{sysfs}/driver'):
        return f'{device} has no driver: bind it to its VFIO driver first'
    nodes = [f'/dev/vfio/devices/{node}' for node in
             (os.listdir(f'{sysfs}/vfio-dev') if os.path.isdir(f'{sysfs}/vfio-dev') else ())]
    if os.path.exists(f'{sysfs}/iommu_group'):
        nodes.append('/dev/vfio/' + os.path.basename(os.path.realpath(f'{sysfs}/iommu_group')))
    nodes = [node for node in nodes if os.path.exists(node)]
    if not nodes:
        driver = os.path.basename(os.path.realpath(f'{sysfs}/driver'))
        return f'{device} belongs to {driver}, which is no VFIO driver: bind it to its VFIO driver'
    if not any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
        return f'no right to open {" or ".join(nodes)}: call this as root, or change its owner'
    return None


def lasting_name(device):
    """What a node in /dev/vfio/devices is the name of: the next one may be another's."""
    sysfs = f'/sys/class/vfio-dev/{os.path.basename(device)}/device'
    return os.path.basename(os.path.realpath(sysfs)) if os.path.exists(sysfs) else device


def tainted():
    try:
        with open('/proc/sys/kernel/tainted', encoding='ascii') as file:
            return int(file.read())
    except OSError:
        return 0


def run_program(program, args, env):
    """Run one program here; its cases."""
    command = [os.path.join(HERE, program)]
    for way in args.way or ():
        command += ['-v', WAYS[way]]
    parser = ktap.Parser(program)
    cut_off = None
    status = 0
    # Into a file: a pipe is at its end only when all that have it are gone, and a test that
    # hangs in the kernel never is.
    with tempfile.TemporaryFile() as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = process.wait(args.timeout)
        except subprocess.TimeoutExpired:
            cut_off = f'it took more than {args.timeout} s'
        finally:
            # With what the program started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        file.seek(0)
        output = file.read().decode('utf-8', 'replace')
    for line in output.splitlines():
        if args.verbose:
            print('    ' + line)
        parser.feed(line)
    return parser.finish(128 - status if status < 0 else status, cut_off=cut_off).cases


def split_case(program, case):
    """The test's name without what the parser put before it."""
    return case.name[len(program):].strip()


def run_here(args, catalogue):
    """All programs on this machine, one after the other."""
    report = Report(catalogue)
    env = {**os.environ, 'VFIO_TEST_DEVICE': args.device or '',
           'VFIO_TEST_DEVICE_2': args.second or '', 'VFIO_TEST_DEVICE_3': args.third or '',
           'VFIO_TEST_TYPE': args.type or '', 'VFIO_TEST_REMOVE': '1' if args.remove else ''}
    for program in programs(catalogue, args.test, args.rule):
        begun = time.monotonic()
        before = tainted()
        print(f'{program} ...', end='\n' if args.verbose else ' ', flush=True)
        cases = run_program(program, args, env)
        news = [text for bit, text in TAINTS.items() if tainted() & ~before & bit]
        for case in cases:
            report.add(program, split_case(program, case), case)
        for text in news:
            report.nameless.append((program, f'{text}: see dmesg'))
        print(f'{ktap.last_line(cases)}, {time.monotonic() - begun:.1f} s'
              + ''.join(f'; {text}' for text in news), flush=True)
    return report


def output_arguments(args):
    """Files to write; the same here and in the lab."""
    args.add_argument('--junit', metavar='FILE', help='the rules as JUnit XML')
    args.add_argument('--json', metavar='FILE', help='the report as JSON')
    args.add_argument('--ktap', metavar='FILE', help='the rules as KTAP')
    args.add_argument('--rst', metavar='FILE', help='the table as reStructuredText')


def main():
    args = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0],
                                   epilog=__doc__.split('\n\n', maxsplit=1)[1],
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    what = args.add_mutually_exclusive_group()
    what.add_argument('--device', help='mdev UUID, PCI address or /dev/vfio/devices path')
    what.add_argument('--type', help='type of mediated device to make')
    what.add_argument('--list', action='store_true', help='only list the rules and their tests')
    args.add_argument('--second', help='another device like it, for tests with two')
    args.add_argument('--third', help='and one more')
    args.add_argument('--remove', action='store_true',
                      help='unbind the device, and let its PF take back all of its VFs (others, '
                      'too); all of them come back')
    args.add_argument('--way', action='append', choices=WAYS, help='only this way in (repeatable)')
    args.add_argument('--test', metavar='PATTERN', help='only programs of that name')
    args.add_argument('--rule', metavar='MIG-...', help='only programs that judge this rule')
    args.add_argument('--timeout', type=int, default=600, help='seconds for one program')
    args.add_argument('--verbose', '-v', action='store_true', help="show the tests' output")
    output_arguments(args)
    prog = args.prog
    args = args.parse_args()
    catalogue = load_catalogue()
    if args.list:
        for rule, text in catalogue['rules'].items():
            print(f'{rule}  {text["level"]:<6}  {text["summary"]}')
            for program, tests in catalogue['tests'].items():
                for test, rules in tests.items():
                    if rule in rules:
                        print(f'    {program} {test}')
        return 0
    if not args.device and not args.type:
        print(f'{prog}: say which device: --device or --type (see --help)',
              file=sys.stderr)
        return 2
    if args.type and not glob.glob(f'/sys/class/mdev_bus/*/mdev_supported_types/{args.type}'):
        print(f'{prog}: no driver that is loaded offers the mdev type {args.type}; '
              'there are: ' + ' '.join(sorted(
                  os.path.basename(path) for path in
                  glob.glob('/sys/class/mdev_bus/*/mdev_supported_types/*'))), file=sys.stderr)
        return 2
    if args.rule and not any(is_of(each, args.rule) for each in catalogue['rules']):
        print(f'{prog}: there is no rule {args.rule} (see --list)', file=sys.stderr)
        return 2
    if not programs(catalogue, args.test, args.rule):
        print(f'{prog}: no test program is called {args.test}', file=sys.stderr)
        return 2
    for device in filter(None, (args.device, args.second, args.third)):
        why = why_not(device)
        if why:
            print(f'{prog}: {why}', file=sys.stderr)
            return 2
    if args.remove and args.device:
        args.device, args.second, args.third = (
            device and lasting_name(device) for device in (args.device, args.second, args.third))
    report = run_here(args, catalogue)
    about = f'{args.device or args.type}, Linux {platform.release()}'
    report.write(args, about)
    print(f'\nConformance of {about}\n')
    print(report.text())
    print(ktap.last_line(report.cases()), flush=True)
    return 1 if report.failed() else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Nobody reads any more: do not let Python try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
