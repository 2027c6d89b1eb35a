# SPDX-License-Identifier: GPL-2.0-only
"""make soak"""

from __future__ import annotations

import copy
import os
import shutil
from typing import TYPE_CHECKING

from lab.config import TESTS, Verb
from lab.values import number, selftests

if TYPE_CHECKING:
    from lab.lab import Lab

# A generic program runs for one type of device at a time, every other time for the one that
# can do all.
TYPES = 'mtty_mig-full mtty_mig-base mtty_mig-full mtty_mig-p2p mtty_mig-full mtty_mig-precopy'

VERB = Verb(
    'soak',
    help='what races or goes at random, again and again, half under load: RUNS= or MINUTES=',
    variables=f'{TESTS} SEED RUNS MINUTES LOAD STEPS TEST TYPES ARGS',
    results=True,
    checks={'SEED': number(0, (1 << 63) - 1, 'a seed', also='random')},
    readme=(
        '`make soak`',
        'repeat the tests with races and random calls on three kernels, half of the time under load; '
        '`RUNS=` or `MINUTES=` ([lab](Documentation/lab.rst), "Again and again")',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.lab import all_of  # pylint: disable=import-outside-toplevel
    lab.check_machine()
    if not lab.get('RUNS') and not lab.get('MINUTES'):
        lab.values['MINUTES'] = '10'
    seed = lab.get('SEED').replace('random', '')
    # Those that are marked for it, or whichever TEST= names.
    tests = lab.wanted_tests(selftests()) if lab.get('TEST') else all_of('list-random')
    units = [' '.join(runs_of(lab, test)) for test in tests]
    # A guest runs one program after the other until the host has enough.  Nothing is expected
    # of how long a program takes, least of all under load.
    lab.values = {'TIMEOUT': '0', 'SILENCE': '300', 'TEST_TIMEOUT': '600', **lab.values}
    lab.cache.make()
    with lab.cache.new_run() as lab.run:
        logs = lab.cache.log_name('soak')
        os.mkdir(logs)
        for place, kernel in enumerate([lab.kernel_name] if lab.kernel_given else ['lts', 'latest']):
            for flavour in flavours(lab):
                prepare(lab, kernel, flavour, f'{lab.run}/{place}-{flavour}')
        minutes = int(lab.values.pop('MINUTES', '0'))
        # The programs would see it.
        lab.values.pop('SEED', None)
        return lab.program('soak.py', '--run', lab.run, '--log', logs, '--runs', lab.get('RUNS', '0'),
                           '--seconds', str(minutes * 60), '--seed', seed, '--load', lab.get('LOAD'), *units)


def runs_of(lab: Lab, test: str) -> list[str]:
    """A program's units, one after the other; those that follow each other differ."""
    units = [unit for each in lab.get('TYPES', TYPES).split() for unit in lab.units([test], each)]
    return [unit for before, unit in zip(['', *units], units) if unit != before]


def flavours(lab: Lab) -> list[str]:
    """A kernel that has two processors in User Mode Linux has them without sanitizers only,
    so there are two."""
    if lab.kernel_name == 'debian' or lab.get('SAN') or lab.engine_name == 'qemu':
        return [lab.san('1')]
    return ['sanitize', 'plain']


def again(lab: Lab, flavour: str) -> str:
    """The command that does a run once more, but for the test and the seed."""
    words = {'KERNEL': lab.kernel_name, 'ENGINE': lab.engine_given,
             'SAN': {'plain': '0', 'sanitize': '1', 'kcsan': 'kcsan'}.get(flavour, ''),
             'STEPS': lab.get('STEPS')}
    quoted = {name: f"'{lab.get(name)}'" for name in ('APPEND', 'ARGS') if lab.get(name)}
    return ' '.join(f'{name}={text}' for name, text in {**words, **quoted}.items() if text)


def prepare(base: Lab, kernel: str, flavour: str, run: str) -> None:
    """A directory for a kernel in the one of this run; in there, how guest.py is called, and
    what else is to be known of it."""
    from lab.cache import write  # pylint: disable=import-outside-toplevel
    lab = copy.copy(base)
    lab.values = {**base.values, 'KERNEL': kernel}
    lab.run = run
    lab.guest_modules = []
    if len(flavours(base)) > 1 and flavour == 'plain':
        lab.set_up_source()
        if not lab.engine.smp(lab.source):
            lab.cache.unlock()
            return
        lab.cache.unlock()
    lab.set_up_kernel(flavour)
    lab.set_up_modules()
    lab.set_up_programs('selftests')
    os.mkdir(run)
    lab.fill([f'{lab.modules}/mtty-mig/mtty_mig.ko'], ['selftests'])
    # The cache may have dropped it before the last boot.
    if os.path.dirname(lab.image) != run:
        try:
            os.link(lab.image, f'{run}/{os.path.basename(lab.image)}')
        except OSError:
            shutil.copy(lab.image, run)
        lab.image = f'{run}/{os.path.basename(lab.image)}'
    write(f'{run}/options', ''.join(f'{word}\0' for word in lab.options()))
    write(f'{run}/about', f'{lab.release()}\n{flavour}\n{again(lab, flavour)}\n')
    lab.cache.unlock()
