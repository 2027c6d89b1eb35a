# SPDX-License-Identifier: GPL-2.0-only
"""An edit of the driver builds no program again."""

import glob
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import values  # noqa: E402

REPO = values.REPO


class Rebuild(unittest.TestCase):
    """userspace.sh takes a program for built if the driver's headers are as they were."""

    def test_programs_use_nothing_of_the_driver_but_headers(self) -> None:
        # The fuzzer has a key of its own, with the driver's sources.
        for path in glob.glob(f'{REPO}/selftests/**/*.[ch]', recursive=True) + glob.glob(f'{REPO}/tools/*.[ch]'):
            if path.startswith(f'{REPO}/selftests/fuzz/'):
                continue
            for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+)', values.read(path), re.M):
                if not name.endswith('.h'):
                    self.assertFalse(os.path.exists(f'{REPO}/mtty-mig/{os.path.basename(name)}'),
                                     f'{path} includes {name}')
        for path in ('selftests/Makefile', 'selftests/lib/objects.mk', 'tools/Makefile'):
            self.assertNotRegex(values.read(f'{REPO}/{path}'), r'mtty-mig/\w+\.[co]|\$\(MTTY_MIG\)/')


if __name__ == '__main__':
    unittest.main()
