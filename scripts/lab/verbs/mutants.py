# SPDX-License-Identifier: GPL-2.0-only
"""make mutants"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import choice, kernels, named, REPO, selftests

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'mutants',
    help='put mistakes into the driver and see that the tests notice; MUTANT=PATTERN',
    variables='KERNEL ENGINE CACHE APPEND MEM PROCESSORS TIMEOUT SILENCE TEST_TIMEOUT GUESTS '
         'MUTANT KEEP_GOING TEST TYPES ARGS SEED STEPS DRIVER SHARD',
    results=True,
    checks={'TEST': named('test', lambda: ['kunit', *selftests()]), 'KERNEL': kernels('lts', 'latest', '/'), 'ENGINE': choice('uml')},
    not_for={
        'SAN': 'mutants are hunted with sanitizers',
    },
    readme=(
        '`make mutants`',
        'put mistakes into the driver, one by one, and check that a test fails; `DRIVER=qat` for a '
        'driver of the kernel ([mutants](Documentation/mutants.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.cache import hash_text  # pylint: disable=import-outside-toplevel
    from lab.lab import stamp_of  # pylint: disable=import-outside-toplevel
    if lab.get('DRIVER'):
        return others(lab)
    # With TEST= one sees what some of the tests notice by themselves.
    units = lab.wanted_units('kunit')
    # Whether a mutant is looked at for leaks is said in its patch; how long a guest may be
    # silent is short, for it costs time with each mutant that hangs.
    lab.values = {'SILENCE': '25', 'TEST_TIMEOUT': '100', **lab.values, 'LEAKS': '1'}
    lab.set_up_kernel('sanitize', 'git')
    lab.set_up_modules()
    lab.set_up_programs('selftests')
    # One at a time for a checkout: it builds in a place that is kept.
    scratch = f'{lab.work}/mutants'
    key = hash_text('\n'.join(stamp_of(folder) for folder in
                              (lab.modules, f'{lab.programs}/selftests', lab.kernel)), ' '.join(units))
    with lab.only_one(scratch, "another 'make mutants' of this checkout is at work"), \
            lab.guest([], ['selftests']):
        return lab.program(
            'mutants.py', *lab.options(), *(['--keep-going'] if lab.get('KEEP_GOING', '0') != '0' else []),
            *(['--some'] if lab.get('TEST') else []), '--repo', REPO, '--kdir', lab.kernel,
            '--scratch', scratch, '--key', key, '--pattern', lab.get('MUTANT', '*'), *units)



def others(lab: Lab) -> int:
    """Mutants of the kernel's drivers, or of the core."""
    from lab.source import kernel_source  # pylint: disable=import-outside-toplevel
    driver = lab.get('DRIVER')
    lab.packages('patch')
    lab.cache.make()
    options = ['--pattern', lab.get('MUTANT'), '--logs', lab.cache.log_name('mutants')]
    if driver != 'core':
        return lab.program('drivers.py', 'mutants', '--drivers', driver, '--kernels', lab.kernel_given, *options)
    lab.cache.lock()
    source = kernel_source(lab.cache, lab.kernel_name)
    lab.cache.unlock()
    return lab.program('core_mutants.py', '--source', source,
                       '--tree', f'{lab.cache.path}/core/{os.path.basename(source)}', *options)
