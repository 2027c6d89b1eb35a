# SPDX-License-Identifier: GPL-2.0-only
"""What the verbs that run tests have in common."""

from __future__ import annotations

from typing import Sequence

from lab import fuzz, host
from lab.lab import Lab
from lab.values import SCRIPTS, selftests


def on_one_kernel(lab: Lab, san: str, units: Sequence[str], *, kunit: bool = False, cards: bool = False,
                  only: bool = False, hosts: bool = False) -> int:
    """These units in guests on one kernel, and KUnit's suites.

    san: what SAN= is without; cards: KUnit's suites of the cards in software, too; only:
    build no programs but those of the units; hosts: what runs on the host, beside the
    guests.
    """
    lab.set_up_kernel(lab.san(san), *(['fuzz'] if hosts else []))
    ours = lab.set_up_modules()
    if cards:
        ours += lab.set_up_bench()
    parts = ['selftests'] if units else []
    if only:
        lab.set_up_units(units)
    else:
        lab.set_up_programs(*parts)
    # Debian's kernel has no KUnit
    words = ['--kunit'] if kunit and lab.kernel_name != 'debian' else []
    if hosts:
        program = fuzz.build(lab.cache, lab.uapi, f'{lab.programs}/fuzz')
        words += ['--host', f'fuzz=python3 -B -E -s -S {SCRIPTS}/lab fuzz-check {program}',
                  '--host', f'rules={SCRIPTS}/rules.py check']
    with lab.guest(ours, parts):
        lab.say(f'on {lab.about()}, {lab.flavour}')
        if lab.verb == 'quick':
            lab.say(f"this is not make check: {len(units)} of {len(selftests())} programs, the driver's "
                    'KUnit suites, no sanitizers, one kernel')
        return lab.program('guest.py', *lab.options(), *words, 'check', *units)


def on_all_kernels(lab: Lab, what: str) -> int:
    """One after the other: make check without KERNEL=, and make check-all; see runs.py."""
    lab.check_machine()
    wanted = [what, '--only', lab.get('ONLY'), '--engine', lab.engine_given, '--test', lab.get('TEST')]
    lab.packages(*host.answer(f'{SCRIPTS}/runs.py', *wanted, '--packages').split())
    lab.cache.make()
    return lab.program('runs.py', *wanted, '--logs', f'{lab.cache.path}/logs')

