# SPDX-License-Identifier: GPL-2.0-only
"""make lint: what the kernel's own checkers say of our code (checkpatch, W=1, sparse and
coccicheck, of the kernel KERNEL=), shellcheck on our scripts, mypy and pyflakes on
our Python, Sphinx on our documents, and the lab's own tests.  A warning is an error.

Prints KTAP: a part is a test.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fnmatch
import glob
import io
import os
import re
import subprocess
from typing import Mapping

from lab import modules
from lab.cache import read_or_nothing, remove
from lab.host import Broken, yaml_python, jobs
from lab.lab import Lab
from lab.values import read, REPO, SCRIPTS

# These need no kernel to be built.
QUICK = ('checkpatch', 'shellcheck', 'python', 'documents', 'selfcheck')
PARTS = ('compilers', 'coccicheck', *QUICK)

# Python that has types, below scripts/; all of it is looked at by pyflakes.
TYPED = ('lab', *(f'{name}.py' for name in (
    'arrows', 'core_mutants', 'drawings', 'exits', 'pictures', 'results', 'verb')),
         *(f'tests/test_{name}.py' for name in (
             'arrows', 'cache', 'docs', 'kernels', 'lab', 'pictures', 'programs', 'quick', 'report',
             'results', 'runs', 'version')))

# What checkpatch says of a file of ours as it would of one in the kernel, and what does not
# hold there.  The first pattern that fits counts.
IGNORED = [
    # the same as below, and macros that export
    ('selftests/standins/compat.h', 'LINUX_VERSION_CODE CONSTANT_COMPARISON EXPORT_SYMBOL'),
    # the driver's own, whose sources it is for
    ('selftests/standins/xe/shim.h', 'MACRO_ARG_REUSE'),
    # a header's kernel-doc says what a lock is over
    ('selftests/standins/*/*.[ch]', 'UNCOMMENTED_DEFINITION'),
    # the one place where kernel versions are compared
    ('*/compat.h', 'LINUX_VERSION_CODE CONSTANT_COMPARISON MACRO_ARG_UNUSED BIT_MACRO'),
    # a list, for the macro that its user gives it
    ('*/arcs.h', 'COMPLEX_MACRO MACRO_ARG_REUSE MACRO_ARG_UNUSED'),
    ('*/points.h', 'COMPLEX_MACRO MACRO_ARG_REUSE MACRO_ARG_UNUSED'),
    # the same, from a table
    ('*/stream_format.h', 'COMPLEX_MACRO MACRO_ARG_REUSE'),
    # written as all the kernel's trace headers are
    ('*/trace.h', 'OPEN_ENDED_LINE PARENTHESIS_ALIGNMENT TRAILING_SEMICOLON'),
    # userspace includes it, too
    ('*_regs.h', 'BIT_MACRO'),
    # libFuzzer's names; a stand-in for the kernel's headers
    ('selftests/fuzz/*', 'CAMELCASE MACRO_ARG_REUSE MACRO_ARG_UNUSED NEW_TYPEDEFS PREFER_DEFINED_ATTRIBUTE_MACRO'),
    # it shares memory with a device
    ('selftests/interop/vm/*', 'BIT_MACRO VOLATILE PREFER_DEFINED_ATTRIBUTE_MACRO'),
    # no header of the kernel has these macros for it
    ('tools/vfio-migctl/*', 'BIT_MACRO CAMELCASE MACRO_ARG_REUSE PREFER_DEFINED_ATTRIBUTE_MACRO'),
    # macros that declare, as the kernel's selftests have
    ('selftests/*_fixture.h',
     'COMPLEX_MACRO MACRO_ARG_REUSE MACRO_WITH_FLOW_CONTROL MULTISTATEMENT_MACRO_USE_DO_WHILE'),
    # userspace has no BIT(), and the uAPI an INFOv2
    ('selftests/*', 'BIT_MACRO CAMELCASE'),
    ('tools/*', 'BIT_MACRO CAMELCASE'),
    # host code
    ('scripts/*', 'PREFER_DEFINED_ATTRIBUTE_MACRO PREFER_KERNEL_TYPES'),
]


def ignored(path: str) -> str:
    """What is ignored of a file, as checkpatch takes it."""
    more = next((words for pattern, words in IGNORED if fnmatch.fnmatchcase(path, pattern)), '')
    return ','.join(['FILE_PATH_CHANGES', *more.split()])


def said(command: list[str], output: io.StringIO, more: Mapping[str, str] | None = None) -> bool:
    """Does a command end well?  What it says comes to the output; more is for its
    environment."""
    done = subprocess.run(command, cwd=REPO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          env={**os.environ, **(more or {})}, stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False)
    output.write(done.stdout)
    return done.returncode == 0


class Lint:
    """The parts: each says whether all is well, and writes what is not."""

    def __init__(self, lab: Lab, built: str) -> None:
        self.lab = lab
        self.built = built

    def checkpatch(self, output: io.StringIO) -> bool:
        """Files of which the same is ignored go together, some to each call."""
        # It builds nothing.
        self.lab.cache.unlock()
        files = subprocess.run(['git', 'ls-files', '*.[ch]'], cwd=REPO, stdout=subprocess.PIPE, text=True,
                               check=False).stdout.split()
        if not files:
            raise Broken(f'git tells no files of {REPO}', 'make lint looks at what is in a git checkout')
        together: dict[str, list[str]] = {}
        for path in files:
            together.setdefault(ignored(path), []).append(path)
        commands = [[f'{self.lab.source}/scripts/checkpatch.pl', '--no-tree', '--strict', '--terse',
                     '--no-summary', '--quiet', '--ignore', words, '-f', *paths[first:first + 10]]
                    for words, paths in together.items() for first in range(0, len(paths), 10)]
        with concurrent.futures.ThreadPoolExecutor(jobs()) as pool:
            outputs = [io.StringIO() for _ in commands]
            results = list(pool.map(said, commands, outputs))
        output.write(''.join(each.getvalue() for each in outputs))
        for path in glob.glob(f'{REPO}/.checkpatch-camelcase.*'):
            remove(path)
        return all(results)

    def shellcheck(self, output: io.StringIO) -> bool:
        """On all scripts."""
        return said(['shellcheck', '-x', *glob.glob('scripts/*.sh', root_dir=REPO),
                     *glob.glob('contrib/ci/*.sh', root_dir=REPO), '.ci/run'], output)

    def python(self, output: io.StringIO) -> bool:
        """What the parts of the lab give to each other, and what is not used."""
        typed = said(['mypy', '--strict', '--python-version', '3.11', '--follow-imports', 'silent',
                      '--cache-dir', f'{self.lab.work}/mypy', '--no-error-summary',
                      *(f'scripts/{name}' for name in TYPED)], output, {'MYPYPATH': f'{REPO}/scripts'})
        return said(['pyflakes3', 'scripts', *glob.glob('selftests/*/*.py', root_dir=REPO)], output) and typed

    def documents(self, output: io.StringIO) -> bool:
        """All of Documentation/."""
        return said([f'{SCRIPTS}/docs.sh'], output)

    def selfcheck(self, output: io.StringIO) -> bool:
        """The lab's own tests."""
        return said([yaml_python(), '-B', '-m', 'unittest', 'discover', '-q', '-s', 'scripts/tests'], output)

    def compilers(self, output: io.StringIO) -> bool:
        """W=1 and sparse.  Everything is compiled again, for a warning is given only once."""
        remove(self.built)
        modules.modules(self.lab.cache, self.lab.kernel, self.built, lint=True)
        found = re.findall('^.*(?:warning|error): .*', read_or_nothing(f'{self.lab.cache.logs}/modules.log'),
                           re.M)
        output.write('\n'.join(found))
        return not found

    def coccicheck(self, output: io.StringIO) -> bool:
        """The kernel's semantic patches.

        Not by "make coccicheck", which ends at the first one that it cannot run: those with
        a script in OCaml, for which Debian's spatch wants a compiler, too.
        """
        patches = glob.glob(f'{self.lab.source}/scripts/coccinelle/**/*.cocci', recursive=True)
        patches = sorted(path for path in patches if ':ocaml' not in read(path).lower())
        commands = [['timeout', '120', 'spatch', '-D', 'report', '--no-show-diff', '--very-quiet',
                     '--cocci-file', path, '--no-includes', '--dir', self.built] for path in patches]
        outputs = [io.StringIO() for _ in commands]
        with concurrent.futures.ThreadPoolExecutor(jobs()) as pool:
            results = list(pool.map(said, commands, outputs))
        text = ''.join(each.getvalue() for each in outputs)
        broken = [path for path, result in zip(patches, results) if not result]
        if broken:
            raise Broken(f'spatch could not do {broken[0]}', text[-2000:])
        found = sorted({line.replace(f'{self.built}/', '', 1) for line in text.splitlines()
                        if re.match(r'[^ ]*\.[ch]:[0-9]+', line) and '.mod.c:' not in line})
        output.write('\n'.join(found))
        return not found


def lint(lab: Lab, parts: tuple[str, ...]) -> int:
    """These parts, as KTAP."""
    if parts == QUICK:
        lab.set_up_source('lint-quick', 'git')
        built = ''
    else:
        lab.set_up_kernel(lab.san('1'), 'lint', 'lint-quick', 'git')
        built = f'{lab.work}/lint-{os.path.basename(lab.kernel)}'
        lab.cache.be_alone_for(built)
    looked = Lint(lab, built)
    failed = 0
    print(f'KTAP version 1\n1..{len(parts)}', flush=True)
    for number, part in enumerate(parts, start=1):
        output = io.StringIO()
        with contextlib.redirect_stderr(output):
            try:
                good = getattr(looked, part)(output)
            except Broken as why:
                why.tell()
                good = False
        if not good:
            failed += 1
            for line in output.getvalue().splitlines():
                print(f'# {line}')
        print(f'{"ok" if good else "not ok"} {number} {part}', flush=True)
    print(f'{len(parts) - failed} passed, {failed} failed, 0 skipped')
    return 1 if failed else 0
