# SPDX-License-Identifier: GPL-2.0-only
"""A verb's way to a guest: packages, source, kernel, modules, programs, and the call of
what runs it."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import shutil
from types import ModuleType
from typing import IO, Iterator, NamedTuple, Sequence

from lab import host, kernels, modules, programs, source, standins, stock
from lab.cache import Cache, hash_text, STAMP, used
from lab.engines import qemu, uml
from lab.host import Broken
from lab.values import matching, output, read, REPO, SCRIPTS, selftests

ENGINES: dict[str, ModuleType] = {'uml': uml, 'qemu': qemu}
FLAVOURS = {'0': 'plain', '1': 'sanitize', 'kcsan': 'kcsan'}
# Our types that differ to a program for any device
TYPES = 'mtty_mig-full mtty_mig-none mtty_mig-base mtty_mig-p2p mtty_mig-precopy'


class Standin(NamedTuple):
    """One of the kernel's VFIO drivers with what it needs in the place of its hardware."""

    module: str
    driver: str


class Lab:
    """What a verb was told, and what is set up for it."""

    # To the user; here because the help has to load each verb, and that has to be fast.
    say = staticmethod(host.say)

    def __init__(self, verb: str) -> None:
        self.verb = verb
        # Of the variables, those that say something; a verb may add its own defaults.
        self.values = {name: text for name, text in os.environ.items() if text}
        self.cache = Cache.default()
        self.kernel_given = self.get('KERNEL')
        self.engine_given = self.get('ENGINE')
        # What is set up: the source, its headers, where things of this checkout are built
        self.source = self.uapi = self.work = self.programs = ''
        # A kernel's build directory, its modules of ours, what is booted
        self.flavour = self.kernel = self.modules = self.image = self.initramfs = ''
        # Loaded before ours, in order
        self.guest_modules: list[str] = []
        # The guest's directory
        self.run = ''

    def get(self, name: str, otherwise: str = '') -> str:
        """The value of a variable."""
        return self.values.get(name) or otherwise

    @property
    def kernel_name(self) -> str:
        """KERNEL=, or what it is without."""
        return self.get('KERNEL', 'lts')

    @property
    def engine_name(self) -> str:
        """ENGINE=, or what it is without: there is no other that could run Debian's kernel."""
        return self.get('ENGINE', 'qemu' if self.kernel_name == 'debian' else 'uml')

    @property
    def engine(self) -> ModuleType:
        return ENGINES[self.engine_name]

    def san(self, default: str) -> str:
        """The flavour of the kernel, as SAN= asks for it."""
        return 'stock' if self.kernel_name == 'debian' else FLAVOURS[self.get('SAN', default)]

    def about(self) -> str:
        """For people: which kernel, and what runs it."""
        return f'Linux {self.release()} {self.engine.describe()}'

    def release(self) -> str:
        """Of the kernel that is booted."""
        return read(f'{self.kernel}/include/config/kernel.release').strip()

    def has(self, option: str) -> bool:
        """Was the kernel configured with this?"""
        return modules.Configuration(self.kernel).has(option)

    def packages(self, *words: str) -> None:
        """See to it that the programs are there; words are those of packages.sh."""
        host.run(f'{SCRIPTS}/packages.sh', *(word for word in words if word),
                 env={'KERNEL': self.kernel_name})

    def check_machine(self) -> None:
        """Guests are for one kind of machine."""
        machine = os.uname()
        if (machine.sysname, machine.machine) != ('Linux', 'x86_64'):
            raise Broken('the lab runs on x86-64 Linux only; '
                         f'this is {machine.sysname} on {machine.machine}')

    def set_up_source(self, *packages: str) -> None:
        """All that needs no kernel of the lab's.  Locks the cache; cache.unlock() when no
        more is built."""
        self.packages(*packages)
        self.cache.make()
        self.cache.lock()
        self.find_source()

    def find_source(self) -> None:
        """The source and what is known by it."""
        self.source = source.kernel_source(self.cache, self.kernel_name)
        self.uapi = source.headers(self.cache, self.source)
        # What is built from the checkout has a place of its own for each checkout, so that
        # each is built step by step from its own last state.
        self.work = f'{self.cache.path}/work/{hash_text(REPO)}'
        self.programs = f'{self.work}/programs-{hash_text(self.source)}'
        self.cache.work_in(self.work)
        os.makedirs(self.programs, exist_ok=True)

    def set_up_kernel(self, flavour: str, *packages: str) -> None:
        """All that does not depend on the checkout."""
        self.flavour = flavour
        self.check_machine()
        self.set_up_source(*packages, self.engine.PACKAGES)
        if self.kernel_name == 'debian':
            self.kernel = stock.stock(self.cache)
            self.guest_modules = [f'{self.kernel}/modules/{name}.ko'
                                  for name in read(f'{self.kernel}/device.modules').split()]
        else:
            self.kernel = kernels.kernel(self.cache, self.engine, self.source, flavour)
            self.guest_modules = [f'{self.kernel}/drivers/vfio/mdev/mdev.ko']
        self.modules = f'{self.work}/modules-{os.path.basename(self.kernel)}'
        self.image = f'{self.kernel}/{self.engine.IMAGE}'
        if self.engine_name == 'qemu':
            self.initramfs = kernels.initramfs(self.cache, self.kernel)

    def set_up_modules(self) -> list[str]:
        """The driver and its KUnit suites."""
        modules.modules(self.cache, self.kernel, self.modules)
        return sorted(glob.glob(f'{glob.escape(self.modules)}/*/*.ko'))

    def set_up_standin(self, name: str) -> Standin:
        """One of the kernel's drivers; what is loaded before it comes to guest_modules."""
        patch = self.get('PATCH')
        out = f'{self.work}/standin-{name}{"-patched" if patch else ""}-{os.path.basename(self.kernel)}'
        standins.standin(self.cache, name, self.kernel, self.source, out, patch)
        *before, module = [f'{out}/{each}.ko' for each in read(f'{out}/modules').split()]
        self.guest_modules += before
        # The bus in software has no interrupts that are known to be isolated.  And KASAN
        # tells of the first misuse in a boot, and here several tests may have one.
        self.append('iommufd.allow_unsafe_interrupts=1 kasan_multi_shot')
        self.cache.prune(24, self.work, 'standin-*')
        return Standin(module, read(f'{out}/driver-name').strip())

    def append(self, words: str) -> None:
        """More for the guest kernel's command line, before what the user has there."""
        self.values['APPEND'] = f'{words} {self.get("APPEND")}'

    def set_up_bench(self) -> list[str]:
        """KUnit's suites of the cards in software, with what they need; nothing where there
        is no such bus."""
        if self.engine_name != 'uml' or not self.has('PCI_IOV'):
            return []
        out = f'{self.work}/standin-kunit-{os.path.basename(self.kernel)}'
        standins.standin(self.cache, 'kunit', self.kernel, self.source, out)
        return [f'{out}/{each}.ko' for each in read(f'{out}/modules').split()]

    def set_up_programs(self, *parts: str) -> None:
        """Tools or selftests."""
        for part in parts:
            programs.programs(self.cache, part, self.source, self.uapi, f'{self.programs}/{part}')
        self.keep_programs()

    def set_up_units(self, units: Sequence[str]) -> None:
        """The test programs that these units need, and no others."""
        programs.programs(self.cache, 'selftests', self.source, self.uapi, f'{self.programs}/selftests',
                          sorted({unit.partition('@')[0] for unit in units}))
        self.keep_programs()

    def keep_programs(self) -> None:
        with open(f'{self.work}/checkout', 'w', encoding='utf-8') as file:
            print(REPO, file=file)
        used(self.work)
        used(self.programs)
        self.cache.prune(12, self.work, 'modules-*')
        self.cache.prune(4, self.work, 'programs-*')
        self.cache.prune_work(16)

    @contextlib.contextmanager
    def guest(self, ours: Sequence[str], parts: Sequence[str] = ()) -> Iterator[None]:
        """All that the guest works with, in a directory of its own; nothing more is built."""
        with self.cache.new_run() as self.run:
            self.fill(ours, parts)
            self.cache.unlock()
            yield

    def fill(self, ours: Sequence[str], parts: Sequence[str] = ()) -> None:
        """The guest gets copies, for the next build may begin while it runs."""
        if self.engine_name == 'uml':
            kernels.preload(self.cache, f'{self.work}/preload')
        self.cache.need_space(200, 'a guest')
        if '/' in self.kernel_name or self.kernel_name == 'debian':
            # Another run may build or fetch it anew.
            self.image = shutil.copy(self.image, self.run)
        if self.initramfs:
            self.initramfs = shutil.copy(self.initramfs, self.run)
        os.mkdir(f'{self.run}/modules')
        shutil.copy(f'{SCRIPTS}/guest-init.sh', self.run)
        for path in [*self.guest_modules, *ours]:
            shutil.copyfile(path, f'{self.run}/modules/{os.path.basename(path)}')
        for part in parts:
            host.run('cp', '-r', f'{self.programs}/{part}', f'{self.run}/{part}')

    def wanted_tests(self, names: Sequence[str]) -> list[str]:
        """Those that TEST= asks for; all of them without it."""
        pattern = self.get('TEST')
        return matching(pattern, names) if pattern else list(names)

    def units(self, tests: Sequence[str], types: str = '') -> list[str]:
        """What the guests run of these programs.

        A program for any device runs for each of our types that differ to it, or for TYPES=;
        over every way in for the one that can do all.
        """
        # Debian's kernel has no other.
        way = 'group_type1' if self.kernel_name == 'debian' else 'cdev'
        result = []
        for program in tests:
            if re.match('generic/|tools/.*_any_test$', program):
                result += [f'{program}@{each}' if each.endswith('-full') else f'{program}@{each}@-v@{way}'
                           for each in (types or self.get('TYPES', TYPES)).split()]
            else:
                result.append(program)
        return result

    def wanted_units(self, *more: str) -> list[str]:
        """What the guests run of the tests that TEST= asks for; more are tests that are no
        programs."""
        return self.units(self.wanted_tests([*more, *selftests()]))

    def processors(self) -> int:
        """Of each guest."""
        two = self.engine_name == 'qemu' or re.search('^CONFIG_SMP=y', read(f'{self.kernel}/.config'), re.M)
        return int(self.get('PROCESSORS', '2' if two else '1'))

    def options(self, driver: str = 'mtty_mig') -> list[str]:
        """What guest.py is called with."""
        leaks = self.get('LEAKS', '0') != '0'
        test_timeout, timeout = self.engine.TEST_TIMEOUT, self.engine.TIMEOUT
        append = self.get('APPEND')
        if not leaks:
            # To follow each allocation takes nearly half of a sanitized run's time.
            append = f'kmemleak=off {append}'
        elif self.engine_name == 'uml':
            # The walks of fail_nth on the newest kernel take 40 s without, and more than 100 s
            # with it.
            test_timeout, timeout = 300, 1200
        # One guest has rarely work for all of the host's processors.
        guests = min(host.processors(), 4)
        loaded = [os.path.basename(path).removesuffix('.ko') for path in self.guest_modules]
        # For results.py
        self.values['LAB_SYSTEM'] = f'{self.release()} {self.engine_name} {self.flavour}'
        return [
            '--engine', self.engine_name, '--kernel', self.image, '--run', self.run,
            '--preload', f'{self.work}/preload/uml-xstate.so', '--initramfs', self.initramfs,
            '--log', self.cache.log_name(self.verb),
            '--processors', str(self.processors()),
            '--memory', self.get('MEM', '512' if self.flavour == 'plain' else '1024'),
            '--guests', self.get('GUESTS', str(guests)),
            '--timeout', self.get('TIMEOUT', str(timeout)),
            '--silence', self.get('SILENCE', str(self.engine.SILENCE)),
            '--test-timeout', self.get('TEST_TIMEOUT', str(test_timeout)),
            f'--args={self.get("ARGS")}', f'--append={append}', '--leaks', str(int(leaks)),
            '--modules', ' '.join([*loaded, driver]),
        ]

    def program(self, name: str, *words: str, stdout: IO[str] | None = None) -> int:
        """One of the lab's own programs, in scripts/: its exit status.  It has our terminal,
        and finds the variables in its environment."""
        return host.call([f'{SCRIPTS}/{name}', *words], {**self.values, 'CACHE': self.cache.path}, stdout)

    @contextlib.contextmanager
    def only_one(self, folder: str, why: str) -> Iterator[None]:
        """One run at a time that works in a directory."""
        os.makedirs(folder, exist_ok=True)
        with open(f'{folder}/lock', 'w', encoding='utf-8') as file:
            os.set_inheritable(file.fileno(), True)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Broken(why) from None
            yield


def all_of(target: str) -> list[str]:
    """A list of test programs that the selftests' makefile has."""
    return output('make', '-s', '--no-print-directory', '-C', f'{REPO}/selftests', target)


def stamp_of(folder: str) -> str:
    """The key that a finished directory was made from."""
    return read(f'{folder}/{STAMP}').strip()
