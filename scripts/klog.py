#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Find in a kernel log what the kernel found wrong with itself.

As a program: klog.py [FILE] prints the reports, exit status 1 if there are any.
"""

import re
import sys

import ktap

BAD = re.compile('|'.join([
    r'\bWARNING: ',
    r'\bBUG: ',
    r'kernel BUG at ',
    r'\bKASAN: ',
    r'\bKCSAN: ',
    r'\bKFENCE: ',
    r'\bUBSAN: ',
    r'\bODEBUG: ',
    r'possible circular locking',
    r'INFO: (?:possible|inconsistent|lockdep|suspicious)',
    r'INFO: (?:task|rcu)\b',
    r'INFO: trying to register non-static key',
    r'suspicious RCU',
    r'sleeping function called',
    r'scheduling while atomic',
    r'refcount_t: ',
    r'list_(?:add|del) corruption',
    r'unreferenced object 0x',
    r'general protection',
    r'\bOops\b',
    r'Kernel panic',
    r'Kernel tried to (?:access|execute|write)',
    r'Segfault with no mm',
    r'Bad page (?:state|map)',
    r'detected stall',
    r'soft lockup',
    r'usercopy: Kernel memory',
    r'Out of memory: ',
]))
# Where a report ends, if it says so, and where the next one begins.
END = re.compile(r'---\[ end |^={60,}$')
START = re.compile(r'---\[ cut here|^--- ')
# What UML found on a stack and is not sure about: most of a trace, and noise.
UNSURE = re.compile(r'^ \[<[0-9a-f]+>\] \? ')
MORE = re.compile(r'^\s|Call Trace|^(?:RIP|Modules|CPU|Tainted|Hardware|Stack|backtrace|comm)\b')
LONGEST = 80
# What is the kernel's own fault, on every machine, and harmless: not counted.
# - The thread of a KUnit case that used kunit_vm_mmap() dies with the reference
#   that kthread_use_mm() took, so its mm_struct is never freed.
# What only a failed allocation brings about, as the fail_nth tests do:
# - vfio_create_group() lets go of a group that it could not register, whose
#   release warns that it has an iommu_group, and forgets to put that.
# - The tracing core warns when it gets no memory for the fields of a module's
#   event, and again when that event is removed with the module.
NOT_OURS = [re.compile(pattern, re.S) for pattern in (
    r'\Aunreferenced object .*\bkunit_vm_mmap_init\+',
    r'\AWARNING: .*\bvfio_group_release\+.*\bvfio_create_group\+',
    r'\AWARNING: .*\bevent_define_fields\b.*\btrace_module_notify\+',
    r'\AWARNING: .*\bevent_file_put\b.*\btrace_module_notify\+',
)]


def ours(report):
    """Is it not one of those that are known?  The report has to be complete."""
    return not any(known.search('\n'.join(report)) for known in NOT_OURS)


class Report(list):
    """The lines of a report; .unit is the test that ran when it came.

    .open: lines of it may still come.
    """

    unit = None
    open = True


class Scanner:
    """Feed it lines; .reports holds a list of lines for each report.

    Call finish() after the last line.
    """

    def __init__(self):
        self.reports = []
        self.not_ours = 0
        self.unit = None
        self._open = False
        self._quiet = 0

    def _close(self):
        self._open = False
        if self.reports:
            self.reports[-1].open = False

    def feed(self, line):
        line = ktap.PRINTK.sub('', line.rstrip('\r\n'), count=1)
        # A test may be named after what it provokes.
        text = line.lstrip()
        if ktap.RESULT.match(text) or text.startswith('#'):
            return
        bad = BAD.search(line)
        if line.startswith('unreferenced object '):
            self._close()           # the reports of leaks have no end
        if not self._open:
            if bad:
                self.reports.append(Report([line]))
                self.reports[-1].unit = self.unit
                self._open = True
                self._quiet = 0
            return
        report = self.reports[-1]
        if UNSURE.match(line):
            return
        if START.search(line):
            self._close()
            return
        report.append(line)
        # Many unrelated lines in a row, and the report is over, too.
        if line:
            self._quiet = 0 if bad or MORE.search(line) else self._quiet + 1
        if END.search(line) and len(report) > 2 or len(report) >= LONGEST or self._quiet > 12:
            self._close()

    def finish(self):
        """Leave out what is not ours."""
        good = [report for report in self.reports if ours(report)]
        self.not_ours = len(self.reports) - len(good)
        self.reports = good


def main():
    scanner = Scanner()
    with (open(sys.argv[1], encoding='utf-8', errors='replace')
          if len(sys.argv) > 1 else sys.stdin) as log:
        for line in log:
            scanner.feed(line)
    scanner.finish()
    for report in scanner.reports:
        print('\n'.join(report), end='\n\n')
    return 1 if scanner.reports else 0


if __name__ == '__main__':
    sys.exit(main())
