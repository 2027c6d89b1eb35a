# SPDX-License-Identifier: GPL-2.0-only
"""A suite that compiles a file of the driver once more gives its functions other names.

With the driver built in, a name that was forgotten is there twice; as modules, which is
how the lab builds them, nobody would notice.
"""

import glob
import os
import re
import unittest

REPO = os.path.join(os.path.dirname(__file__), '..', '..')
# At the beginning of a line: a type, and a name with its parameters behind it
FUNCTION = re.compile(r'^(?!static\b|#|\s|/|\*)[\w ]+[ *](mtty_\w+)\(', re.M)
INCLUDED = re.compile(r'^#include "(\w+\.c)"', re.M)


class Names(unittest.TestCase):
    def test_each_function_has_another_name(self):
        looked_at = 0
        for suite in glob.glob(f'{REPO}/kunit/*.c'):
            with open(suite, encoding='utf-8') as file:
                text = file.read()
            for name in INCLUDED.findall(text):
                with open(f'{REPO}/mtty-mig/{name}', encoding='utf-8') as file:
                    functions = set(FUNCTION.findall(file.read()))
                self.assertTrue(functions, name)
                looked_at += 1
                for function in functions:
                    self.assertRegex(text, rf'(?m)^#define {function}\s+\w+$',
                                     f'{os.path.basename(suite)} includes {name}')
        self.assertGreater(looked_at, 0)


if __name__ == '__main__':
    unittest.main()
