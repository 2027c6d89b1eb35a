# SPDX-License-Identifier: GPL-2.0-only
"""Which programs are built again after an edit: what each is built of is in their key."""

import glob
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import programs, values  # noqa: E402

REPO = values.REPO


class Rebuild(unittest.TestCase):
    """A program counts as built if the driver's headers are as they were."""

    def test_programs_use_nothing_of_the_driver_but_headers(self) -> None:
        # The fuzzer has a key of its own, with the driver's sources.
        for path in glob.glob(f'{REPO}/selftests/**/*.[ch]', recursive=True) + glob.glob(f'{REPO}/tools/*.[ch]'):
            if path.startswith(f'{REPO}/selftests/fuzz/'):
                continue
            for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+)', values.read(path), re.M):
                if not name.endswith('.h'):
                    self.assertFalse(os.path.exists(f'{REPO}/mtty-mig/{os.path.basename(name)}'),
                                     f'{path} includes {name}')
        for path in ('selftests/Makefile', 'tools/Makefile',
                     *glob.glob('selftests/**/objects.mk', root_dir=REPO, recursive=True)):
            self.assertNotRegex(values.read(f'{REPO}/{path}'), r'mtty-mig/\w+\.[co]|\$\(MTTY_MIG\)/')

    def test_what_they_are_built_of_is_in_the_key(self) -> None:
        files = programs.driver_files()
        for path in files:
            self.assertTrue(os.path.isfile(f'{REPO}/{path}'), path)
        self.assertLessEqual({os.path.relpath(path, REPO) for path in glob.glob(f'{REPO}/mtty-mig/*.h')},
                             set(files))
        # All that make builds from there
        makefile = values.read(f'{REPO}/tools/vfio-migctl/objects.mk')
        self.assertEqual(re.findall(r'\S*\$\(OUTPUT\)/rooms/\S+', makefile),
                         ['$(MIGCTL_DRIVER:%=$(OUTPUT)/rooms/%.o)', '$(OUTPUT)/rooms/%.o:', '$(OUTPUT)/rooms/*.d)'])
        self.assertIn('mtty-mig/stream.c', files)
        self.assertNotIn('mtty-mig/migf.c', files)


if __name__ == '__main__':
    unittest.main()
