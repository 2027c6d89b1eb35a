# SPDX-License-Identifier: GPL-2.0-only
"""What programs of the lab ask for that are no part of it.

    python3 scripts/lab modules KDIR OUTPUT [SOURCES]
    python3 scripts/lab fuzz-check PROGRAM
    python3 scripts/lab sources SUITE
    python3 scripts/lab apt-options
    python3 scripts/lab fragments SOURCE
    python3 scripts/lab tables
    python3 scripts/lab series-guest SCRATCH KERNEL LOG MODULE... <SCRIPT
"""

from __future__ import annotations

import os
import sys

# Python takes this directory for the place of modules, and not the one that it is in.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
from exits import end_with  # noqa: E402
from lab import apt, fuzz, host, kernels, modules, tables  # noqa: E402
from lab.cache import Cache  # noqa: E402
from lab.engines import uml  # noqa: E402
from lab.lab import Lab  # noqa: E402


def series_guest(scratch: str, kernel: str, log: str, ours: list[str]) -> int:
    """A shell in a guest with the kselftests that the series has installed."""
    lab = Lab('series')
    # They run in UML, whatever else runs on this kernel.
    lab.values['ENGINE'] = 'uml'
    lab.work = lab.programs = scratch
    lab.kernel, lab.flavour, lab.image = kernel, 'plain', f'{kernel}/linux'
    # Selected by nobody but the driver, xxhash is a module, too
    lab.guest_modules = [path for path in (f'{kernel}/lib/xxhash.ko', f'{kernel}/drivers/vfio/mdev/mdev.ko')
                         if os.path.exists(path)]
    lab.cache.make()
    lab.cache.lock()
    with lab.guest(ours, ['kselftest']):
        return lab.program('guest.py', *lab.options(), '--log', log, 'shell')


def main() -> int:
    """By the first word."""
    command, *words = sys.argv[1:]
    host.settle()
    host.end_on_signals()
    try:
        if command == 'modules':
            cache = Cache.default()
            cache.work_in(os.path.dirname(os.path.abspath(words[1])))
            modules.modules(cache, words[0], words[1], ''.join(words[2:3]))
        elif command == 'fuzz-check':
            return fuzz.main(*words)
        elif command == 'sources':
            print('\n'.join(apt.sources(*words)))
        elif command == 'apt-options':
            print('\n'.join(apt.options()))
        elif command == 'fragments':
            print(kernels.fragment_text(uml, words[0], 'plain'), end='')
        elif command == 'tables':
            return tables.main()
        elif command == 'series-guest':
            scratch, kernel, log, *ours = words
            return series_guest(scratch, kernel, log, ours)
        else:
            raise host.Broken(f'there is no command {command}')
    except host.Broken as why:
        why.tell()
        return 3
    except host.Ended as end:
        return end.status
    return 0


if __name__ == '__main__':
    end_with(main)
