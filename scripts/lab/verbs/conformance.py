# SPDX-License-Identifier: GPL-2.0-only
"""make conformance"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lab.config import TESTS, Verb
from lab.values import conformance_test, REPO, selftests

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'conformance',
    help='hold a driver against the rules: DRIVER=mtty_mig, mtty or one of the kernel\'s',
    variables=f'{TESTS} DRIVER TYPES ISOLATE TEST RULE CASE PATCH ARGS SHARD',
    results=True,
    checks={'TEST': conformance_test},
    readme=(
        '`make conformance`',
        'test a driver against the rules of the uAPI, rule by rule: this driver, or with '
        "`DRIVER=mtty` the kernel's sample; on a real machine the same program takes `--device` "
        '([conformance](Documentation/conformance.rst))',
    ),
)


def run(lab: Lab) -> int:
    """Its exit status."""
    driver = lab.get('DRIVER', 'mtty_mig')
    folders: tuple[str, ...] = ('generic/',)
    types, isolate = ' '.join(f'mtty_mig-{each}' for each in ('none', 'base', 'p2p', 'precopy', 'full')), '0'
    if driver == 'mtty':
        types, isolate = 'mtty-1', '1'
    elif driver != 'mtty_mig':
        # What stands in for its parent has made the devices.
        types, isolate, folders = driver, 'auto', ('generic/', 'standins/')
        # What holds others up takes its time to be seen.
        lab.values = {'TEST_TIMEOUT': '300', 'TIMEOUT': '1800', **lab.values}
    # What a program of ours does with a device is no rule of the uAPI.
    if lab.get('TEST').startswith('tools/'):
        folders = ('tools/migctl_any_test',)
    types, isolate = lab.get('TYPES', types), lab.get('ISOLATE', isolate)
    tests = lab.wanted_tests([each for each in selftests() if each.startswith(folders)])

    lab.set_up_kernel(lab.san('1'), 'patch' if lab.get('PATCH') else '')
    bind = ''
    if driver == 'mtty_mig':
        lab.set_up_modules()
        module = f'{lab.modules}/mtty-mig/mtty_mig.ko'
    elif driver == 'mtty':
        module = f'{lab.kernel}/samples/vfio-mdev/mtty.ko'
    else:
        module, bind = lab.set_up_standin(driver)
    lab.set_up_programs('selftests')
    out = f'{REPO}/build/conformance'
    os.makedirs(out, exist_ok=True)
    name = os.path.basename(module).removesuffix('.ko')
    files = [word for kind in ('tap', 'junit', 'json', 'ktap', 'rst')
             for word in (f'--{kind}', f'{out}/{driver}.{"xml" if kind == "junit" else kind}')]
    with lab.guest([module], ['selftests']):
        lab.say(f'conformance of {driver} on {lab.about()}: {types}')
        if isolate == '1':
            lab.say('each test has a boot of its own (ISOLATE=0: all in one)')
        return lab.program(
            'conformance_lab.py', *lab.options(name), '--driver', driver, '--release', lab.release(),
            '--isolate', isolate, '--types', types, *files, '--bind', bind, '--rule', lab.get('RULE'),
            '--case', lab.get('CASE'), *([] if lab.has('VFIO_IOMMU_TYPE1') else ['--no-type1']), *tests)
