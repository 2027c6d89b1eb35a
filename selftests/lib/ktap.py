#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Read KTAP, count the test cases, write down the results.

A *case* is a result line without results below it: a suite that holds cases
and a parametrised case that holds its parameters are not counted again.  What
was announced and did not happen is a failure too: a plan that is not
fulfilled, a suite without its result line, a program without a plan, one that
a signal ended.  Such a failure has a name and is counted as one case.

As a program: ktap.py [FILE] counts a log (a kernel's or a test program's).
"""

import argparse
import json
import re
import sys
import xml.etree.ElementTree as ET

PRINTK = re.compile(r'^(?:<\d+>)?(?:\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? )?')
VERSION = re.compile(r'^(?:K?TAP) version \d+$')
PLAN = re.compile(r'^1\.\.(\d+)(?:\s+#\s*(?P<skip>SKIP\b.*))?$', re.I)
RESULT = re.compile(r'^(?P<not>not )?ok (?P<num>\d+)(?P<rest>\b.*)$')
DIRECTIVE = re.compile(r'(?:^|\s)#\s*(?P<what>SKIP|XFAIL|TODO|TIMEOUT|ERROR)\b:?\s*(?P<why>.*)$')
SUBTEST = re.compile(r'^# Subtest: (.*)$')
BROKEN = re.compile(r'^# .*: (?:EXPECTATION|ASSERTION) FAILED at ')
MAX_DIAGNOSTICS = 40
# What is kept of a test's output, however much follows: which rules it saw violated
WEIGHTY = re.compile(r'^# \S+:\d+:.* violated: ')
# Exit statuses of what timeout(1) ended, or had to kill
CUT_OFF = (124, 137)


class Case:
    """One result: status is 'passed', 'failed' or 'skipped'."""

    # How long it took, if somebody measured that
    seconds = None

    def __init__(self, name, status, reason='', diagnostics=()):
        self.name = name
        self.status = status
        self.reason = reason
        self.diagnostics = list(diagnostics)

    def as_dict(self):
        out = {'name': self.name, 'status': self.status}
        if self.reason:
            out['reason'] = self.reason
        if self.status == 'failed':
            out['diagnostics'] = self.diagnostics
        if self.seconds is not None:
            out['seconds'] = self.seconds
        return out


class Group:
    """The results of one indentation that belong to one parent."""

    def __init__(self, indent):
        self.indent = indent
        self.name = None
        self.plan = None
        self.results = 0
        self.cases = []
        self.diagnostics = []


class Parser:
    """Feed it lines, then finish() it: .cases holds what was found.

    plan_needed: the outermost group must have a plan, as that of a test
    program must; KUnit in a module prints its suites without one.
    clock: for lines that are fed as they come: a case took the time since the
    last result, or since the parser was made.
    """

    def __init__(self, name, plan_needed=True, clock=None):
        self.name = name
        self.plan_needed = plan_needed
        self.clock = clock
        self._since = clock() if clock else None
        self.groups = [Group(0)]
        self.cases = []
        self.skipped_all = None
        self._in_failure = False

    def feed(self, line):
        """Take one line; say whether it is part of the KTAP."""
        line = PRINTK.sub('', line.rstrip('\r\n'), count=1)
        text = line.lstrip(' ')
        indent = len(line) - len(text)

        if VERSION.match(text):
            self._enter(indent)
            self._in_failure = False
            return True
        match = SUBTEST.match(text)
        if match:
            self._enter(indent)
            self.groups[-1].name = match.group(1)
            return True
        match = PLAN.match(text)
        if match:
            self._enter(indent)
            # Each module of KUnit's has a plan of its own.
            more = self.groups[0].plan if len(self.groups) == 1 and not self.plan_needed else None
            self.groups[-1].plan = (more or 0) + int(match.group(1))
            if match.group('skip') and int(match.group(1)) == 0:
                self.skipped_all = match.group('skip')[4:].strip(' :')
            return True
        match = RESULT.match(text)
        if match:
            self._in_failure = False
            self._result(indent, match)
            return True

        ours = text.startswith('#')
        if ours:
            self._in_failure = bool(BROKEN.match(text))
        elif self._in_failure and indent >= 4 and text:
            ours = True         # the rest of KUnit's message
        else:
            self._in_failure = False
        if text:
            # KUnit says it with the indentation of the test, though it is about a parameter.
            group = self.groups[-1] if self._in_failure else self._group_at(indent)
            kept = group.diagnostics
            kept.append(text.rstrip())
            if len(kept) > MAX_DIAGNOSTICS:
                del kept[next((number for number, line in enumerate(kept)
                               if not WEIGHTY.match(line)), 0)]
        return ours

    def _group_at(self, indent):
        for group in reversed(self.groups):
            if group.indent <= indent:
                return group
        return self.groups[0]

    def _enter(self, indent):
        """A header at this indentation: close what is deeper, open if new."""
        while len(self.groups) > 1 and self.groups[-1].indent > indent:
            self._close_unfinished()
        if self.groups[-1].indent < indent:
            self.groups.append(Group(indent))

    def _label(self, *names):
        return ' '.join([self.name] + [n for n in names if n])

    def _missing(self, group):
        """What a group promised and did not hold, in words, or None."""
        if group.plan is not None and group.plan != group.results:
            return f'planned {group.plan} tests, {group.results} have a result'
        return None

    def _close_unfinished(self):
        """The innermost group ended without its parent's result line."""
        group = self.groups.pop()
        parent = self.groups[-1]
        name = '.'.join(filter(None, [parent.name, group.name or '?']))
        why = self._missing(group) or 'no result line'
        parent.cases += group.cases
        parent.cases.append(Case(self._label(name), 'failed', f'did not finish: {why}',
                                 group.diagnostics))

    def _result(self, indent, match):
        while len(self.groups) > 1 and self.groups[-1].indent > indent:
            child = self.groups[-1]
            if self.groups[-2].indent > indent:
                self._close_unfinished()
                continue
            self.groups.pop()
            break
        else:
            child = None
        if self.groups[-1].indent < indent:
            self.groups.append(Group(indent))
        group = self.groups[-1]
        group.results += 1

        rest = match.group('rest')
        status = 'failed' if match.group('not') else 'passed'
        reason = ''
        found = DIRECTIVE.search(rest)
        if found:
            rest = rest[:found.start()]
            reason = found.group('why').strip()
            if found.group('what') in ('SKIP', 'XFAIL') and status == 'passed':
                status = 'skipped'
                if found.group('what') == 'XFAIL':
                    reason = ('expected failure ' + reason).strip()
            else:
                reason = f"{found.group('what')} {reason}".strip()
        name = re.sub(r'^\s*(?:- )?', '', rest).strip() or f"#{match.group('num')}"
        full = self._label('.'.join(filter(None, [group.name, name])))

        diagnostics, group.diagnostics = group.diagnostics, []
        if int(match.group('num')) != group.results and group.indent > 0:
            # Numbers of KUnit's suites go on from module to module, so the
            # outermost ones prove nothing; below, a gap is a lost result.
            group.cases.append(Case(full, 'failed',
                                    f"result {match.group('num')} came where "
                                    f'{group.results} was due'))
            group.results = int(match.group('num'))
        if child is None:
            case = Case(full, status, reason, diagnostics)
            if self.clock:
                now = self.clock()
                case.seconds, self._since = round(now - self._since, 3), now
            group.cases.append(case)
            return

        diagnostics = diagnostics + child.diagnostics
        missing = self._missing(child)
        group.cases += child.cases
        if missing and status != 'skipped':
            group.cases.append(Case(full, 'failed', missing, diagnostics))
        elif status == 'failed' and not any(c.status == 'failed' for c in child.cases):
            group.cases.append(Case(full, 'failed', reason or 'failed as a whole', diagnostics))
        elif status == 'skipped' and not child.cases:
            group.cases.append(Case(full, status, reason))

    def finish(self, exit_status=None, timeout=None, cut_off=None):
        """The end of the output, and how the program ended, if it is one.

        cut_off: why the output ended before its time.
        """
        while len(self.groups) > 1:
            self._close_unfinished()
        top = self.groups[0]
        self.cases = top.cases

        def failed(why):
            self.cases.append(Case(self._label(), 'failed', why, top.diagnostics))

        if cut_off:
            failed(f'{cut_off} while this ran')
            return self
        before = sum(c.status == 'failed' for c in self.cases)
        if exit_status == 4 and not top.results or self.skipped_all is not None:
            self.cases.append(Case(self._label(), 'skipped',
                                   self.skipped_all or ' '.join(top.diagnostics[-1:])))
            if exit_status in (None, 0, 4):
                return self
        if exit_status in CUT_OFF and timeout:
            failed(f'did not end within {timeout} s')
        elif exit_status is not None and exit_status > 128:
            failed(f'ended by signal {exit_status - 128}')
        missing = self._missing(top)
        if missing:
            failed(missing)
        elif self.plan_needed and top.plan is None:
            failed('printed no plan')
        elif self.plan_needed and top.plan == 0:
            failed('planned no test')
        if exit_status and before == sum(c.status == 'failed' for c in self.cases) and not before:
            failed(f'exit status {exit_status}, though no test failed')
        return self


def count(cases):
    """{'passed': n, 'failed': n, 'skipped': n}"""
    out = {'passed': 0, 'failed': 0, 'skipped': 0}
    for case in cases:
        out[case.status] += 1
    return out


LAST_LINE = '{passed} passed, {failed} failed, {skipped} skipped'


def last_line(cases):
    return LAST_LINE.format(**count(cases))


def write_json(path, cases, **more):
    """Write them down; returns what was written."""
    data = {**more, **count(cases), 'cases': [c.as_dict() for c in cases]}
    with open(path, 'w', encoding='utf-8') as out:
        json.dump(data, out, indent=1)
        out.write('\n')
    return data


def printable(text):
    """XML has no way to write a control character."""
    return re.sub(r'[^\t\n\x20-\ud7ff\ue000-\ufffd]', '?', text)


def write_junit(path, cases, reports=()):
    numbers = count(cases)
    suite = ET.Element('testsuite', name='mtty-mig', tests=str(len(cases) + len(reports)),
                       failures=str(numbers['failed'] + len(reports)),
                       skipped=str(numbers['skipped']))
    for case in cases:
        where, _, name = printable(case.name).partition(' ')
        item = ET.SubElement(suite, 'testcase', classname=where, name=name or where)
        if case.seconds is not None:
            item.set('time', f'{case.seconds:.3f}')
        if case.status == 'failed':
            text = printable('\n'.join(case.diagnostics))
            ET.SubElement(item, 'failure',
                          message=printable(case.reason or 'failed')).text = text
        elif case.status == 'skipped':
            ET.SubElement(item, 'skipped', message=printable(case.reason))
    for report in reports:
        item = ET.SubElement(suite, 'testcase', classname='kernel', name=printable(report[0]))
        ET.SubElement(item, 'failure', message='kernel report').text = \
            printable('\n'.join(report))
    ET.ElementTree(suite).write(path, encoding='utf-8', xml_declaration=True)


def main():
    args = argparse.ArgumentParser(description='count the test cases in KTAP')
    args.add_argument('--kunit', action='store_true',
                      help='a kernel log: no plan is due at the outermost level')
    args.add_argument('file', nargs='?', type=argparse.FileType('r'), default=sys.stdin)
    args = args.parse_args()
    parser = Parser(getattr(args.file, 'name', 'stdin'), plan_needed=not args.kunit)
    for line in args.file:
        parser.feed(line)
    cases = parser.finish().cases
    for case in cases:
        if case.status == 'failed':
            print(f'failed: {case.name}: {case.reason}')
    print(last_line(cases))
    numbers = count(cases)
    return 0 if numbers['passed'] and not numbers['failed'] else 1


if __name__ == '__main__':
    sys.exit(main())
