# SPDX-License-Identifier: GPL-2.0-only
"""make coverage"""

from __future__ import annotations

import glob
import os
import shutil
from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import choice, kernels, REPO, SCRIPTS, selftests
from progress import VERBOSE

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'coverage',
    help='what the tests reach of the driver, into build/coverage/index.html',
    variables='KERNEL ENGINE CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS ARGS SEED STEPS',
    results=True,
    checks={'KERNEL': kernels('lts'), 'ENGINE': choice('uml')},
    not_for={
        'SAN': 'coverage is counted without sanitizers',
        'TEST': 'coverage is what all tests reach',
    },
    readme=(
        '`make coverage`',
        'which lines, branches, arcs and fault points the tests reach '
        '([coverage](Documentation/coverage.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    lab.set_up_kernel('coverage', 'coverage')
    ours = lab.set_up_modules()
    lab.set_up_programs('selftests')
    with lab.cache.new_run() as lab.run:
        lab.fill(ours, ['selftests'])
        # What gcov needs beside the counters, before the next build replaces it.
        os.mkdir(f'{lab.run}/coverage')
        os.mkdir(f'{lab.run}/gcno')
        for path in glob.glob(f'{glob.escape(lab.modules)}/mtty-mig/*.gcno'):
            shutil.copy(path, f'{lab.run}/gcno/')
        lab.cache.unlock()
        log = lab.cache.log_name('coverage')
        lab.say(f'running all tests (their output: {log}.tap)')
        os.environ[VERBOSE] = '1'
        with open(f'{log}.tap', 'w', encoding='utf-8') as out:
            status = lab.program('guest.py', *lab.options(), '--log', log, '--kunit', 'check', *selftests(),
                                 stdout=out)
        if status >= 2:
            return status
        return lab.program('coverage.py', '--source', REPO, '--built', lab.modules, '--run', lab.run,
                           '--tests', f'{log}.json', '--left', f'{SCRIPTS}/coverage-left',
                           '--output', f'{REPO}/build/coverage')
