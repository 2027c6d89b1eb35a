# SPDX-License-Identifier: GPL-2.0-only
"""Where the project's version is written, it is the one of dkms.conf."""

from __future__ import annotations

import os
import re
import unittest

REPO = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


def found(name: str, pattern: str) -> list[str]:
    with open(f'{REPO}/{name}', encoding='utf-8') as file:
        return re.findall(pattern, file.read(), re.M)


class Version(unittest.TestCase):
    def test_there_is_one(self) -> None:
        version = found('mtty-mig/dkms.conf', r'^PACKAGE_VERSION="([^"]+)"$')
        self.assertEqual(len(version), 1)
        self.assertEqual(found('CHANGELOG.md', r'^## (\S+)')[:1], version)
        self.assertEqual(found('Documentation/install.rst', r'\bmtty-mig/(\d\S*)'), version)


if __name__ == '__main__':
    unittest.main()
