# SPDX-License-Identifier: GPL-2.0-only
"""The search for what the kernel reported."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import klog  # noqa: E402

WARN = '''\
------------[ cut here ]------------
WARNING: CPU: 0 PID: 37 at mtty-mig/fsm.c:11 arc+0xc8/0x223 [mtty_mig]
Modules linked in: mtty_mig(O) mdev
Call Trace:
 [<60037120>] ? dump_trace+0x0/0x2c0
 [<d0809108>] arc+0xc8/0x223 [mtty_mig]
---[ end trace 0000000000000000 ]---
'''
KASAN = '''\
==================================================================
BUG: KASAN: slab-out-of-bounds in arc+0x10/0x20 [mtty_mig]
Write of size 1 at addr 0000000060ab by task t/37

Allocated by task 37:
 kmalloc+0x1/0x2
==================================================================
Disabling lock debugging due to kernel taint
'''
LEAK = '''\
unreferenced object 0x68a72280 (size 1336):
  comm "kunit_try_catch", pid 257, jiffies 4294937499
  backtrace (crc b3423476):
    mm_alloc+0x71/0xf0
    %s+0x1ec/0x2d0
'''
GROUP = '''\
WARNING: CPU: 0 PID: 43 at drivers/vfio/group.c:538 vfio_group_release+0xcd/0x110
Modules linked in: mtty_mig(O) mdev
Call Trace:
 [<60469d2d>] vfio_group_release+0xcd/0x110
 [<6046a089>] %s+0x319/0x430
---[ end trace 0000000000000000 ]---
'''
EVENT = '''\
WARNING: CPU: 0 PID: 53 at kernel/trace/trace_events.c:1 %s.part.0+0x2/0x3
Call Trace:
 [<601945fb>] %s.part.0+0x2/0x3
 [<60194f9f>] %s+0x36f/0x390
---[ end trace 0000000000000000 ]---
'''
FINE = '''\
Linux version 6.12.117
mtty_mig: loading
    ok 1 arc: WARNING: is only a name
    # BUG: says a test
    not ok 2 Oops
printk: debug: ignoring loglevel setting.
FAULT_INJECTION: forcing a failure.
name failslab, interval 1, probability 0, space 0, times 1
'''


def scan(text):
    scanner = klog.Scanner()
    for line in text.splitlines():
        scanner.feed(line)
    scanner.finish()
    return scanner


class Scanning(unittest.TestCase):
    def test_nothing(self):
        self.assertEqual(scan(FINE).reports, [])

    def test_one_report_is_one(self):
        for text in (WARN, KASAN, LEAK % 'mtty_mig_open'):
            self.assertEqual(len(scan(FINE + text + FINE).reports), 1, text)

    def test_two_in_a_row(self):
        self.assertEqual(len(scan(WARN + WARN + KASAN).reports), 3)

    def test_report_has_its_context_and_no_more(self):
        report = scan(WARN + FINE).reports[0]
        self.assertEqual(report[-1], '---[ end trace 0000000000000000 ]---')
        self.assertIn(' [<d0809108>] arc+0xc8/0x223 [mtty_mig]', report)
        self.assertFalse([line for line in report if '? dump_trace' in line])

    def test_with_printk_times(self):
        stamped = ''.join(f'[    2.000001] {line}\n' for line in WARN.splitlines())
        self.assertEqual(len(scan(stamped).reports), 1)

    def test_what_is_not_ours(self):
        scanner = scan(LEAK % 'kunit_vm_mmap_init' + LEAK % 'mtty_mig_open')
        self.assertEqual((len(scanner.reports), scanner.not_ours), (1, 1))
        # Only where the kernel's mistake is made
        scanner = scan(GROUP % 'vfio_create_group' + GROUP % 'vfio_device_remove_group')
        self.assertEqual((len(scanner.reports), scanner.not_ours), (1, 1))
        for name in ('event_define_fields', 'event_file_put'):
            scanner = scan(EVENT % (name, name, 'trace_module_notify') +
                           EVENT % (name, name, 'event_trace_init'))
            self.assertEqual((len(scanner.reports), scanner.not_ours), (1, 1), name)

    def test_kinds(self):
        for line in ('BUG: kernel NULL pointer dereference, address: 0',
                     'Kernel panic - not syncing: stand-in',
                     'UBSAN: shift-out-of-bounds in mtty-mig/uart.c:3:1',
                     'WARNING: possible circular locking dependency detected',
                     'WARNING: suspicious RCU usage',
                     'BUG: sleeping function called from invalid context at mm/slab.c:1',
                     'INFO: task migrate:12 blocked for more than 120 seconds.',
                     'refcount_t: underflow; use-after-free.',
                     'Oops: general protection fault',
                     'ODEBUG: free active (active state 0) object type: work_struct'):
            self.assertEqual(len(scan(FINE + line + '\n' + FINE).reports), 1, line)


if __name__ == '__main__':
    unittest.main()
