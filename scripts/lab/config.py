# SPDX-License-Identifier: GPL-2.0-only
"""All variables, and what a verb is.

A new variable is a line in VARIABLES.  A new verb is a file in verbs/, and its name in
registry.py.  What a value may be is in values.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping, NamedTuple

from lab.values import (absolute, arch, cache, Call, Check, checked, choice, cross_compile, driver, file,
                        folder, free, kdir, kernel, llvm, MEGABYTES, MINUTES, mutant,
                        named, number, only, part, pattern, program, qemu, readable, results_folder, rule,
                        SECONDS, selftests, source_folder, tree, types, verbs, words_of, REPO)


class Variable(NamedTuple):
    name: str
    means: str
    check: Check
    kbuild: bool = False        # of the kernel's makefiles
    foreign: bool = False       # others look at it, too
    # Its row of the README's table; a row may be for several variables
    readme: tuple[str, str] | None = None


FLAG = choice('0', '1')
NO_LIMIT = 1 << 31
TIME = number(0, NO_LIMIT, 'a number of seconds', SECONDS)

VARIABLES = [
    Variable('KERNEL', 'lts (Debian\'s linux-source-6.12), latest (the newest one in its backports), '
             'debian (its image, in QEMU), or a path to a kernel tree; check without it takes lts '
             'and latest, everything else lts', kernel,
             readme=('`KERNEL=...`', "`lts` (6.12), `latest` (the newest in Debian's backports), `debian` (Debian's image, "
                     'in QEMU), or the path of a kernel tree of yours, which is never written to')),
    Variable('ENGINE', 'what runs it: uml or qemu', choice('uml', 'qemu'),
             readme=('`ENGINE=...`', '`uml`, User Mode Linux, or `qemu`, a PC; KVM is used if it works')),
    Variable('CACHE', 'a directory: where sources, builds and logs are kept', cache,
             readme=('`CACHE=DIR`', 'where all that is fetched or built is kept')),
    Variable('SAN', '0 or 1: without or with sanitizers (run, bench and shell have 0, others 1); kcsan looks '
             'for data races instead, with ENGINE=qemu', choice('0', '1', 'kcsan'),
             readme=('`SAN=0`, `SAN=1`', 'without or with sanitizers; `SAN=kcsan` looks for data races (with '
                     '`ENGINE=qemu`)')),
    Variable('TEST', 'a pattern: only the tests of that name; for kunit SUITE or SUITE.CASE; for '
             'interop scenarios; for stress and soak programs', named('test', selftests),
             readme=('`TEST=PATTERN`', 'only the selftests of that name')),
    Variable('ARGS', 'words for migrate-demo or the selftests', free,
             readme=("`ARGS='...'`", 'arguments for the demo or for the selftests')),
    Variable('TIMEOUT', 'seconds for the guest; 0 for no limit', TIME,
             readme=('`TIMEOUT=SECONDS`', 'limit for a whole guest; `SILENCE=` for a guest without output, '
                     '`TEST_TIMEOUT=` for one program')),
    Variable('SILENCE', 'seconds without a word of the guest; 0 for no limit', TIME),
    Variable('TEST_TIMEOUT', 'seconds for one selftest; 0 for no limit', TIME),
    Variable('GUESTS', 'so many guests at once (default: one a processor, up to 4)',
             number(1, 256, 'a number of guests'),
             readme=('`GUESTS=N`', 'number of guests at the same time; by default one for each processor, '
                     'up to four')),
    Variable('MEM', 'MB of each guest', number(64, 1 << 20, 'a number of megabytes', MEGABYTES)),
    Variable('PROCESSORS', 'of each guest', number(1, 64, 'a number of processors')),
    Variable('LEAKS', '1: with a search for leaked memory', FLAG,
             readme=('`LEAKS=1`', 'also look for leaked memory')),
    Variable('APPEND', 'more for the guest kernel\'s command line', free),
    Variable('ONLY', 'a regular expression: only these runs of check and check-all', only),
    Variable('DRIVER', 'the driver that conformance is about: mtty_mig, mtty, or one of the kernel\'s '
             'without its hardware', driver),
    Variable('RESULTS', 'a directory: the results go there, too, as JUnit XML, KTAP and JSON', results_folder),
    Variable('SHARD', 'I/N: of all that there is to do the I-th of N parts, for N machines', part),
    Variable('NAME', 'the name of a stand-in that is written', pattern('[a-z][a-z0-9_]*', 'a name of small letters, '
                                                                      'digits and _')),
    Variable('FOLDER', 'where the VFIO driver is that it is for: a path in the kernel\'s source, or an absolute one',
             source_folder),
    Variable('PCI', 'VENDOR:PF:VF, the IDs of its card', pattern('[0-9A-Fa-f]{4}(:[0-9A-Fa-f]{4}){2}',
                                                                 'VENDOR:PF:VF, as 8086:4940:4941')),
    Variable('RECORD', '1: what comes out is what is expected from now on; more: or what was, by chance',
             choice('0', '1', 'more')),
    Variable('RULE', 'a rule, MIG-PRE-03, or all of a kind, MIG-PRE: only what judges it; for rules, all '
             'about it', rule),
    Variable('PATCH', 'a file: a change to the driver of the kernel\'s that conformance is about', readable),
    Variable('CASE', 'a pattern: only test cases of that name', free),
    Variable('TYPES', 'words: only these types of device', types),
    Variable('ISOLATE', '1: a boot for each test', FLAG),
    Variable('MUTANT', 'patterns: only the mutants of that name; for interop one name, the mistake '
             'to put into the driver', mutant),
    Variable('KEEP_GOING', '1: let all tests see a mutant, not only up to the first that fails', FLAG),
    Variable('SEED', 'a number: which calls at random; random takes one from the clock',
             number(0, (1 << 63) - 1, 'a seed', also='random', base16=True),
             readme=('`SEED=N`', 'seed of the random tests; `make stress` runs them for `MINUTES=`, or `STEPS=`')),
    Variable('STEPS', 'a number: how many steps of the calls at random',
             number(1, (1 << 63) - 1, 'a number of steps')),
    Variable('MINUTES', 'or for how long; for soak, of all', number(1, 1 << 20, 'a number of minutes', MINUTES)),
    Variable('CALLS', '1: print each call before it is made', FLAG),
    Variable('RUNS', 'a number: of inputs of fuzz; of each program of soak; rounds of bench',
             number(1, (1 << 31) - 1, 'a number of runs')),
    Variable('ROWS', 'words: what bench measures: stream arcs precopy dma devices beside',
             words_of('stream', 'arcs', 'precopy', 'dma', 'devices', 'beside')),
    Variable('BASELINE', 'a JSON file of an earlier bench, to compare with', file),
    Variable('LOAD', '0 or 1: soak only without or only with the host under load', FLAG),
    Variable('SECONDS', 'for how long fuzz works (default: 60)',
             number(1, (1 << 31) - 1, 'a number of seconds', SECONDS)),
    Variable('INPUT', 'a file: fuzz replays it', file),
    Variable('MERGE', '1: fuzz puts what was found into selftests/fuzz/corpus', FLAG),
    Variable('QEMU', 'of interop: debian, latest (of its backports) or /path/to/qemu-system-x86_64', qemu),
    Variable('BACKEND', 'of interop: iommufd or container', choice('iommufd', 'container')),
    Variable('KDIR', 'a prepared kernel build for modules (default: the running kernel\'s)', kdir),
    Variable('PREFIX', '/usr/local: install selftests and tools, too', absolute),
    Variable('DESTDIR', 'a directory: install everything below it', absolute),
    Variable('TREE', 'the kernel tree of series and series-check', tree),
    Variable('OUT', 'a directory for the patches of series', folder),
    Variable('SUITES', 'words: which Debian for newcomer and debcheck, bookworm or trixie',
             words_of('bookworm', 'trixie')),
    Variable('VERBS', 'words: which commands newcomer calls', verbs),
    Variable('HEADERS', 'the package of a kernel\'s headers that debcheck builds for',
             pattern('[a-z0-9][a-z0-9.+-]+', 'a name of a package')),
    Variable('DEBFULLNAME', 'who makes the packages', free, foreign=True),
    Variable('DEBEMAIL', 'whose address is', pattern('[^@<> ]+@[^@<> ]+', 'an address'), foreign=True),
    Variable('SOURCE_DATE_EPOCH', 'the packages\' time', number(0, NO_LIMIT, 'a time'), foreign=True),
    # The kernel's own, as it has them
    Variable('ARCH', 'the kernel\'s architecture', arch, kbuild=True),
    Variable('CROSS_COMPILE', 'what the compiler\'s name begins with', cross_compile, kbuild=True),
    Variable('LLVM', '1, -VERSION or a path: clang and LLVM\'s tools', llvm, kbuild=True),
    Variable('LLVM_IAS', '0 or 1', FLAG, kbuild=True),
    Variable('CC', 'the compiler', program, kbuild=True),
    Variable('V', '1 or 2: show the commands, and of tests all that they print', choice('0', '1', '2', '12'), kbuild=True),
    Variable('W', 'more warnings: some of 1 2 3 c e', pattern('[123ce]+', 'some of 1 2 3 c e'), kbuild=True),
    Variable('C', '1 or 2: call sparse (CHECK=), for what is compiled or for all', checked,
             kbuild=True),
    Variable('CHECK', 'the checker', program, kbuild=True),
    Variable('CF', 'words for the checker', free, kbuild=True),
    Variable('KCFLAGS', 'words for the compiler', free, kbuild=True),
    Variable('KCPPFLAGS', 'words for the preprocessor', free, kbuild=True),
    Variable('KBUILD_MODPOST_WARN', '1: a symbol that is missing is a warning', FLAG, kbuild=True),
    Variable('KBUILD_EXTRA_SYMBOLS', 'files with more symbols', free, kbuild=True),
    *(Variable(each, 'that tool of the kernel\'s', program, kbuild=True)
      for each in ('LD', 'AR', 'NM', 'OBJCOPY', 'OBJDUMP', 'READELF', 'STRIP', 'HOSTCC', 'HOSTCXX', 'PAHOLE')),
    Variable('INSTALL_MOD_STRIP', '1: strip what is installed', free, kbuild=True),
]
BY_NAME = {each.name: each for each in VARIABLES}
KBUILD = [each.name for each in VARIABLES if each.kbuild]
# Of these the environment counts, too.  The rest may well be there for something else.
KBUILD_INHERITED = ('ARCH CROSS_COMPILE LLVM LLVM_IAS CC V W C KCFLAGS KCPPFLAGS KBUILD_MODPOST_WARN '
                    'KBUILD_EXTRA_SYMBOLS INSTALL_MOD_STRIP').split()
# What makes sense for our modules, whatever kernel they are for; its compiler is given there.
KBUILD_LAB = ('V', 'W', 'C', 'CHECK', 'CF', 'KCFLAGS', 'KCPPFLAGS')

# What others say where we say something else
FOREIGN = {
    'O': 'KDIR= names a kernel\'s build directory', 'KBUILD_OUTPUT': 'KDIR= names a kernel\'s build directory',
    'M': 'what is built is this project; KDIR= names the kernel', 'MO': 'the modules go to build/modules',
    'KSRC': 'KERNEL=/path names a tree for the lab, KDIR= a build for make modules',
    'INSTALL_MOD_PATH': 'that is DESTDIR= here', 'INSTALL_MOD_DIR': 'they go to updates/',
    'SUBARCH': 'say ARCH=', 'J': 'say make -jN', 'JOBS': 'say make -jN', 'TESTS': 'say TEST=',
    'FILTER': 'say TEST=', 'VERBOSE': 'say V=1, for make modules', 'CFLAGS': 'say KCFLAGS=',
    'EXTRA_CFLAGS': 'say KCFLAGS=', 'TARGETS': 'say TEST=', 'DEBUG': 'say KCFLAGS=-DDEBUG',
}


@dataclass(frozen=True)
class Verb:
    """One word behind make."""

    name: str
    help: str
    # Variables that it takes
    variables: str
    # A script in scripts/, with words, or what gives the command; without it the verb's file
    # has run(lab), which gives the exit status
    command: str | Callable[[Call], list[str]] = ''
    # What exit status 1 means, where the last line has no count of failures that tells
    failure: str = ''
    # Of the kernel's own: all of them, or those for our modules alone
    kbuild: list[str] | tuple[str, ...] = ()
    # What it wants else of a variable than others do
    checks: Mapping[str, Check] = field(default_factory=dict)
    # Variables that it has no use for, where there is more to say than that
    not_for: Mapping[str, str] = field(default_factory=dict)
    # Its row of the README's table; a row may be for several verbs
    readme: tuple[str, str] | None = None
    # Does it leave results, as results.py has it?
    results: bool = False


GUEST = 'KERNEL ENGINE SAN CACHE APPEND MEM PROCESSORS'
RUN = f'{GUEST} TIMEOUT SILENCE'
TESTS = f'{RUN} TEST_TIMEOUT GUESTS LEAKS'
RANDOM = 'SEED STEPS MINUTES CALLS'


def in_repo(text: str, variable: str = '') -> Callable[[Call], list[str]]:
    """A line of shell in the repository; $1 is what the variable is."""
    return lambda call: ['sh', '-c', f'cd "$0" && {text}', REPO, call.get(variable, '') if variable else '']
