#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write the project as a patch series for a kernel tree.

    series.py TREE OUT

TREE is only read.  The patches are made in a small repository of their own,
which holds nothing of TREE but the files that they change; the same checkout and
the same TREE give the same bytes.  Documentation/series.rst tells what goes
where, and what is changed on the way.
"""

import argparse
import collections
import email.utils
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

import exits

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(SCRIPTS)
TEXTS = os.path.join(SCRIPTS, 'series')

DRIVER = 'samples/vfio-mdev/mtty-mig'
KUNIT = DRIVER + '/tests'
TARGET = 'vfio-migration'
SELFTESTS = 'tools/testing/selftests/' + TARGET
DOCS = 'Documentation/driver-api/' + TARGET
PAGES = ('device', 'stream', 'debugfs', 'locking', 'rules')
INDEX = 'Documentation/driver-api/index.rst'

# One patch: its text in scripts/series/, what it brings as (pattern here,
# folder there), and what it covers in MAINTAINERS.  A file goes with the first
# patch that names it.
Part = collections.namedtuple('Part', 'text files covers')


def driver(text, *patterns):
    return Part(text, tuple((f'mtty-mig/{pattern}', DRIVER) for pattern in patterns), (DRIVER + '/',))


def pages(*names):
    return tuple((f'Documentation/{name}.rst', DOCS) for name in names)


def suites(text, *names):
    return Part(text, tuple((f'kunit/{name}', KUNIT) for name in names), ())


def tests(text, folder, *patterns):
    return Part(text, tuple((f'selftests/{folder}/{pattern}', f'{SELFTESTS}/{folder}')
                            for pattern in patterns), ())


def device_tests(*names):
    return (f'{name}_test.c' for name in names)


def and_files(part, *files):
    return part._replace(files=part.files + files)


# First what serves every driver, then the device, from what nothing below it is
# needed for up to the face that the vfio core sees.
PARTS = (
    Part('rules', (('scripts/series/index.rst', DOCS), *pages('rules')), (DOCS + '/',)),
    Part('lib', (('selftests/lib/*', SELFTESTS + '/lib'), ('scripts/rules.py', SELFTESTS),
                 ('selftests/Makefile', SELFTESTS), ('selftests/config', SELFTESTS),
                 ('selftests/settings', SELFTESTS)), (SELFTESTS + '/',)),
    tests('generic', 'generic', '*.mk', 'dut*.[ch]', 'session.[ch]', 'steps.[ch]',
          'conformance.py', 'open_test.c', 'attach_test.c', 'group_test.c', 'device_test.c',
          'features_test.c'),
    tests('generic-states', 'generic', 'fsm_test.c', 'arc_test.c', 'reset_test.c', 'size_test.c',
          'p2p_test.c', 'debugfs_test.c'),
    tests('generic-data', 'generic', 'data_fd_test.c', 'resume_test.c', 'hop_test.c',
          'session_end_test.c', 'next_session_test.c', 'hostile_test.c'),
    tests('generic-dirty', 'generic', 'precopy_test.c', 'dma_log_test.c'),
    tests('generic-callers', 'generic', '*'),
    driver('driver-registers', 'mtty_mig_regs.h', 'hw.h', 'pci.c', 'uart.c', 'dma.c', 'pri.c'),
    and_files(driver('driver-stream', 'mem.[ch]', 'stream.[ch]'), *pages('stream')),
    driver('driver-hardware', 'mtty_mig.h', 'compat.h', 'arcs.h', 'points.h', 'irq.c', 'engine.c',
           'dirty.c', 'card.c'),
    # Not dkms.conf, which is there for who has no tree
    and_files(driver('driver', '*.[ch]', 'K*'), *pages('device', 'debugfs', 'locking')),
    suites('kunit', 'K*', '.kunitconfig', 'module.c', 'helpers.[ch]', 'blob.c', 'files.c',
           'sessions.[ch]', 'main_*', 'device_*', 'arcs_*', 'fsm_*', 'migf_*'),
    suites('kunit-hardware', 'bus.[ch]', 'card_*', 'pci_*', 'uart_*', 'dma_*', 'pri_*', 'irq_*',
           'engine_*'),
    suites('kunit-state', '*'),
    and_files(tests('device', 'device', '*.mk', *device_tests(
                  'contents', 'precopy_data', 'stream', 'reinit', 'session', 'types')),
              *tests('', 'device/lib', 'mtty*', 'journey.*', 'knobs.*', 'stream_edit.*',
                     'stream_format.h', 'xxh64.*').files),
    and_files(tests('device-dma', 'device', *device_tests(
                  'dma', 'quiesce', 'drain', 'engine', 'dirty_log', 'page_request', 'interrupt',
                  'fault')),
              *tests('', 'device/lib', 'dma.*').files),
)

# The files of the tree that the series changes
CHANGED = ('MAINTAINERS', 'samples/Kconfig', 'samples/vfio-mdev/Makefile',
           'tools/testing/selftests/Makefile', INDEX)
# By this, b4 and people know the next version of the series as one.
CHANGE_ID = '20261122-vfio-migration-tests-1a2c88b5e951'

# What a file of the tree must have for the series to make sense
NEEDED = ('Makefile', 'MAINTAINERS', 'samples/Kconfig', 'samples/vfio-mdev/Makefile',
          'tools/testing/selftests/Makefile', 'include/linux/vfio.h',
          'include/uapi/linux/vfio.h', 'drivers/vfio/mdev/mdev_core.c')


class SeriesError(Exception):
    """Why there is no series, in words for the user."""


# compat.h.  A tree has one version, so its differences from others have no
# place there: macros are replaced by what they stand for in this tree, and
# only what this tree lacks stays, in a compat.h without conditions.

VERSION_IF = re.compile(r'#if LINUX_VERSION_CODE < KERNEL_VERSION\((\d+), (\d+), (\d+)\)$')
DEFINE = re.compile(r'#define (\w+)(?:\(([\w, ]*)\))?[ \t]*(.*)$')
GUARD = 'MTTY_MIG_COMPAT_H'

Macro = collections.namedtuple('Macro', 'params body')
Compat = collections.namedtuple('Compat', 'macros lacking header')


def resolve_compat(text, version, has):
    """What compat.h comes to in a tree.

    version is the tree's, as (major, minor, patch); has(NAME) tells whether its
    headers define NAME.  A branch on a version or an #ifndef NAME is either taken or
    not.  The #else of an #ifdef NAME is what stands in for something that the tree lacks.
    """
    macros = {}
    lacking = []
    comment = []
    stack = []      # of [taken, lacks]
    include = []
    for line in text.replace('\\\n', ' ').split('\n'):
        match = VERSION_IF.match(line)
        if match:
            limit = tuple(int(number) for number in match.groups())
            stack.append([version < limit, False])
        elif line.startswith('#ifdef '):
            stack.append([has(line.split()[1]), False])
            block = comment
        elif line == f'#ifndef {GUARD}' or line == f'#define {GUARD}':
            pass
        elif line.startswith('#ifndef '):
            stack.append([not has(line.split()[1]), False])
            block = None
        elif line == '#else':
            taken, _ = stack[-1]
            named = block is not None
            stack[-1] = [not taken, named and not taken]
            if stack[-1] == [True, True]:
                lacking += block
        elif line.startswith('#endif'):
            if not stack:
                continue    # the guard's
            stack.pop()
            block = None
            comment = []
        elif line.startswith('#if'):
            raise SeriesError(f'compat.h has a condition that is not understood: {line}')
        elif not stack:
            if line.startswith('#include') and 'version.h' not in line:
                include.append(line)
            if re.match(r'/\*.*\*/$', line):
                comment = [line]
            block = None
        elif stack[-1] == [True, True]:
            lacking.append(line)
        elif stack[-1][0] and DEFINE.match(line):
            name, params, body = DEFINE.match(line).groups()
            params = [param.strip() for param in params.split(',') if param.strip()] \
                if params is not None else None
            macros[name] = Macro(params, body.strip())
        elif stack[-1][0] and line.startswith('#error'):
            raise SeriesError('this tree is too old: ' + line[len('#error '):].strip('"'))
    header = None
    if lacking:
        header = '\n'.join(['/* SPDX-License-Identifier: GPL-2.0-only */',
                            '/* What this kernel lacks of what the driver uses */',
                            f'#ifndef {GUARD}', f'#define {GUARD}', '', *include, '',
                            *lacking, '', f'#endif /* {GUARD} */', ''])
    names = re.findall(r'^#define (\w+)|^static inline [\w ]*?\**(\w+)\(', '\n'.join(lacking), re.M)
    return Compat(macros, {a or b for a, b in names}, header)


def arguments(text, start):
    """The arguments of a call whose "(" is at start, and where it ends."""
    depth = 0
    begin = start + 1
    found = []
    for pos in range(start, len(text)):
        if text[pos] == '(':
            depth += 1
        elif text[pos] == ')':
            depth -= 1
        if depth == 0 or (depth == 1 and text[pos] == ','):
            found.append(text[begin:pos].strip())
            begin = pos + 1
        if depth == 0:
            return found, pos + 1
    raise SeriesError('a macro of compat.h is called without an end')


def substitute(body, args):
    """A macro's body with its arguments; (&a->b)->c is written a->b.c."""
    names = '|'.join(args)
    if not args:
        return body

    def value(match):
        arg = args[match.group(1) or match.group(2)]
        if match.group(1):
            if arg.startswith('&'):
                return arg[1:] + '.'
            return f'{arg}->' if re.match(r'\w+$', arg) else f'({arg})->'
        return arg
    return re.sub(rf'\((\b(?:{names})\b)\)->|\b({names})\b', value, body)


def expand(text, macros):
    """Replace calls of the macros; a line that becomes empty by it goes."""
    for name, macro in macros.items():
        pos = 0
        while True:
            match = re.compile(rf'\b{name}\b').search(text, pos)
            if not match:
                break
            end, body = match.end(), macro.body
            if macro.params is not None:
                args, end = arguments(text, end)
                body = substitute(body, dict(zip(macro.params, args)))
            # An expression that has become one operand needs no parentheses
            if re.match(r'\([\w.>-]+\)$', body):
                body = body[1:-1]
            if not body:
                first = text.rfind('\n', 0, match.start()) + 1
                last = text.find('\n', end)
                if (text[first:match.start()] + text[end:last]).strip(' \t,;') == '':
                    text = text[:first] + text[last + 1:]
                    pos = first
                    continue
            text = text[:match.start()] + body + text[end:]
            pos = match.start() + len(body)
    return text


def once(pattern, new, text, what):
    text, count = re.subn(pattern, new, text, flags=re.M | re.S)
    if count != 1:
        raise SeriesError(f'{what}: found {count} times in the driver, and not once; '
                          'scripts/series.py has to follow the driver')
    return text


def native_region_info(text, macros):
    """device.c: the ioctl or the op, not both."""
    case = r'^\tcase VFIO_DEVICE_GET_REGION_INFO:\n'
    if macros['MTTY_MIG_REGION_INFO_OP'].body:
        text = once(case + r'[^\n]*/\*[^\n]*\n\t\treturn get_region_info[^\n]*\n', '', text,
                    'the ioctl GET_REGION_INFO')
        return once(r'^static long get_region_info\([^{]*\{.*?^\}\n\n', '', text,
                    'get_region_info()')
    return once(r'(' + case + r')[^\n]*/\*[^\n]*\n', r'\1', text, 'the ioctl GET_REGION_INFO')


def native_alloc(text):
    """p = kzalloc(sizeof(*p), gfp) has a shorter form where there is one."""
    return re.sub(r'\bkzalloc\(sizeof\((\*[\w>-]+)\), ', r'kzalloc_obj(\1, ', text)


def native(name, text, compat, tree):
    """A source of the driver or its suites, for the tree."""
    if name == 'device.c':
        text = native_region_info(text, compat.macros)
    text = expand(text, compat.macros)
    if tree.defines('kzalloc_obj'):
        text = native_alloc(text)
    if not any(re.search(rf'\b{word}\b', text) for word in compat.lacking):
        text = re.sub(r'^#include "compat\.h"\n', '', text, flags=re.M)
    if 'KERNEL_VERSION' in text or (compat.header is None and 'compat.h' in text):
        raise SeriesError(f'{name} still speaks of other kernels')
    return text


# Names of files, as they are in the tree

def refill(text, width=80):
    """Break the lines of comments that have become too long."""
    lines = text.split('\n')
    number = 0
    while number < len(lines):
        match = re.match(r'([ \t]*\*[ \t]+)\S', lines[number])
        if not match or len(lines[number].expandtabs()) <= width:
            number += 1
            continue
        prefix = match.group(1)
        end = number
        while end < len(lines) and lines[end].startswith(prefix) and \
                lines[end][len(prefix):len(prefix) + 1].strip():
            end += 1
        words = ' '.join(line[len(prefix):] for line in lines[number:end])
        filled = textwrap.wrap(words, width - len(prefix.expandtabs()),
                               break_long_words=False, break_on_hyphens=False)
        lines[number:end] = [prefix + line for line in filled]
        number += len(filled)
    return '\n'.join(lines)


def rename_in_source(text):
    new = re.sub(rf'\bDocumentation/(?=(?:{"|".join(PAGES)})\.rst)', DOCS + '/', text)
    new = re.sub(r'\bscripts/rules\.py', SELFTESTS + '/rules.py', new)
    return refill(new) if new != text else text


def rename_in_page(text):
    text = re.sub(r'``mtty-mig/', f'``{DRIVER}/', text)
    text = re.sub(r'``selftests/', f'``{SELFTESTS}/', text)
    return text


def rules_page(text):
    """Mutants are the lab's, not the tree's."""
    text = re.sub(r'^:no mutant:[^\n]*\n(?:[ \t]+[^\n]*\n)*', '', text, flags=re.M)
    return once(r'^``make rules`` prints[^\n]*\n(?:[^\n]+\n)*\n', '', text, 'what rules.rst says of make rules')


# Files that grow from patch to patch: they name other files, and name them only
# once these are there.

def only_tests(text, have, folder):
    """tests.mk: what of it is there, and no word about the rest."""
    folder = os.path.dirname(folder)

    def stays(line):
        name = f'{folder}/{line.split("+=")[1].strip()}'
        name += '.c' if 'PROGS' in line else ''
        # What is generated is in no checkout
        return name in have or not os.path.exists(os.path.join(REPO, name))

    blocks = []
    for block in text.split('\n\n'):
        lines = block.split('\n')
        named = [line for line in lines if '+=' in line]
        gone = [line for line in named if not stays(line)]
        # A comment within the block is about the line that follows it
        gone += [line for line, after in zip(lines[1:], lines[2:])
                 if line.startswith('#') and after in gone]
        if not named or set(named) - set(gone):
            blocks.append('\n'.join(line for line in lines if line not in gone))
    return '\n\n'.join(blocks).rstrip('\n') + '\n'


def only_objects(text, have, folder):
    """Kbuild: the objects whose sources are there; a line without one goes."""
    lines = []
    for line in text.splitlines(keepends=True):
        if re.match(r'\w+-y [:+]= ', line):
            words = [word for word in line.split() if not word.endswith('.o')
                     or f'{folder}/{word[:-1]}c' in have]
            if len(words) == 2:
                continue
            line = ' '.join(words) + '\n'
        lines.append(line)
    return ''.join(lines)


def only_pages(text, have, _):
    """index.rst: the pages, and the sections about what is there."""
    parts = re.split(r'(?m)^(?=.+\n=+$)', text)
    parts = [part for part in parts
             if (needs := SECTIONS.get(part.split('\n')[0])) is None or needs in have]
    return re.sub(r'(?m)^   (\w+)\n', lambda match: match.group()
                  if f'Documentation/{match.group(1)}.rst' in have else '', ''.join(parts)).rstrip() + '\n'


GROWING = {'kunit/Kbuild': only_objects, 'scripts/series/index.rst': only_pages,
           'selftests/generic/tests.mk': only_tests, 'selftests/device/tests.mk': only_tests}
# What a section of index.rst is about; a section that is not here is always there
SECTIONS = {'The reference device': 'mtty-mig/main.c', 'KUnit suites': 'kunit/Kbuild',
            'kselftests': 'selftests/Makefile'}


def translate(source, data, compat, tree, have):
    """What a file of the checkout is in the tree; None if nothing.

    have is what of the checkout is there by then.
    """
    folder, name = os.path.split(source)
    if source == 'mtty-mig/compat.h':
        return compat.header and compat.header.encode()
    text = data.decode()
    if source in GROWING:
        text = GROWING[source](text, have, folder)
    if name.endswith('.rst'):
        if name == 'rules.rst':
            text = rules_page(text)
        return rename_in_page(text).encode()
    if source == 'selftests/config':
        # VFIO_MDEV has no prompt: here the kernel's sample selects it
        text = once(r'^CONFIG_SAMPLE_VFIO_MDEV_MTTY=m$', 'CONFIG_SAMPLE_VFIO_MDEV_MTTY_MIG=m',
                    text, 'the sample in selftests/config')
    if folder in ('mtty-mig', 'kunit') and name.endswith(('.c', '.h')):
        text = native(name, text, compat, tree)
    return rename_in_source(text).encode()


# The files of the tree that the series changes

def insert_before(text, pattern, new, what):
    match = re.search(pattern, text, re.M)
    if not match:
        raise SeriesError(f'no place for {what}: nothing there looks like {pattern}')
    return text[:match.start()] + new + text[match.start():]


def hook_kconfig(text, part):
    """After the last of the mdev samples; the suites after the driver."""
    after = 'SAMPLE_VFIO_MDEV_MBOCHS' if part == 'driver' else None
    line = f'source "{DRIVER if part == "driver" else KUNIT}/Kconfig"\n'
    if after:
        start = text.find(f'config {after}\n')
        if start < 0:
            raise SeriesError(f'samples/Kconfig has no {after} to stand beside')
        rest = insert_before(text[start + 1:], r'^(config|menuconfig|source|if|endif|comment)\b',
                             line + '\n', 'the Kconfig of the driver')
        return text[:start + 1] + rest
    return text.replace(f'source "{DRIVER}/Kconfig"\n',
                        f'source "{DRIVER}/Kconfig"\n{line}')


def hook_makefile(text, part):
    if part == 'driver':
        return text.rstrip('\n') + '\nobj-$(CONFIG_SAMPLE_VFIO_MDEV_MTTY_MIG) += mtty-mig/\n'
    return text.rstrip('\n') + '\nobj-$(CONFIG_MTTY_MIG_KUNIT_TEST) += mtty-mig/tests/\n'


def hook_targets(text):
    """Into the sorted list of the selftests."""
    lines = text.split('\n')
    targets = [n for n, line in enumerate(lines) if line.startswith('TARGETS += ')]
    after = [n for n in targets if lines[n].split()[2].lower() < TARGET]
    if not after:
        raise SeriesError('tools/testing/selftests/Makefile has no list of TARGETS')
    # The list is sorted as people sort; the last but mm, x86 and zram
    place = max(n for n in after if not lines[n].split()[2].startswith('mm'))
    lines.insert(place + 1, f'TARGETS += {TARGET}')
    return '\n'.join(lines)


def hook_index(text):
    """Into the table of contents that has the pages on VFIO."""
    return once(r'^([ \t]+)(vfio-mediated-device)\n', rf'\1\2\n\1{TARGET}/index\n', text,
                'vfio-mediated-device in ' + INDEX)


TITLE = 'VFIO MIGRATION REFERENCE DEVICE AND TESTS'


def hook_maintainers(text, covers, person):
    """An entry in its place, or more files for the one that is there."""
    if not covers:
        return text
    if f'\n{TITLE}\n' not in text:
        entry = f'{TITLE}\nM:\t{person}\nL:\tkvm@vger.kernel.org\nS:\tMaintained\n'
        entry += ''.join(f'F:\t{path}\n' for path in sorted(covers)) + '\n'
        for match in re.finditer(r'^(?!THE REST)[0-9A-Z][^\n:]*\n(?=[MRLSWQBCPTFXNK]:\t)',
                                 text, re.M):
            if match.group().strip() > TITLE and match.group().startswith('VFIO'):
                return text[:match.start()] + entry + text[match.start():]
        raise SeriesError('MAINTAINERS has no VFIO entry that would follow ours')
    start = text.index(f'\n{TITLE}\n') + 1
    end = text.index('\n\n', start) + 1
    lines = text[start:end].rstrip('\n').split('\n')
    files = sorted([line for line in lines if line.startswith('F:\t')]
                   + [f'F:\t{path}' for path in covers])
    lines = [line for line in lines if not line.startswith('F:\t')] + files
    return text[:start] + '\n'.join(lines) + '\n' + text[end:]


class Tree:
    """The kernel tree, which is only read."""

    def __init__(self, path):
        self.path = path
        missing = [name for name in NEEDED if not os.path.isfile(os.path.join(path, name))]
        if missing:
            raise SeriesError(f'{path} is not a kernel tree that has mdev: '
                              f'there is no {missing[0]}')
        if os.path.exists(os.path.join(path, DRIVER)):
            raise SeriesError(f'{path} has {DRIVER} already: take a tree without it')
        numbers = dict(re.findall(r'^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$',
                                  self.read('Makefile'), re.M))
        self.version = tuple(int(numbers[name]) for name in ('VERSION', 'PATCHLEVEL', 'SUBLEVEL'))
        self.release = '.'.join(str(number) for number in self.version)
        self.headers = ''.join(self.read(f'include/{name}.h')
                               for name in ('uapi/linux/vfio', 'linux/vfio', 'linux/slab', 'linux/kthread'))

    def read(self, name):
        with open(os.path.join(self.path, name), encoding='utf-8') as file:
            return file.read()

    def defines(self, name):
        return bool(re.search(rf'^#\s*define {name}\b', self.headers, re.M))

    def has(self, name):
        return os.path.isfile(os.path.join(self.path, name))

    def git(self, *words):
        """What git has to say of the tree; None if it is no checkout."""
        result = subprocess.run(['git', '-C', self.path, *words], check=False, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return result.stdout.strip() if result.returncode == 0 else None

    def commit(self):
        """On which commit the patches apply; None if there is none that has these files."""
        if not os.path.exists(os.path.join(self.path, '.git')):
            return None
        changed = self.git('status', '--porcelain', '--untracked-files=no', '--', *CHANGED)
        return self.git('rev-parse', 'HEAD') if changed == '' else None


class Series:
    """The patches, as commits in a repository of their own."""

    def __init__(self, tree, folder, identity, date):
        self.tree = tree
        self.folder = folder
        self.person = '{} <{}>'.format(*identity)
        with open(os.path.join(REPO, 'mtty-mig/compat.h'), encoding='utf-8') as file:
            self.compat = resolve_compat(file.read(), tree.version, tree.defines)
        self.covered = []
        # What of the checkout is there by now, with its folder in the tree
        self.brought = {}
        name, address = identity
        # Nothing of the user's own settings, so that the result is the same.
        self.env = dict(os.environ, GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM='1',
                        GIT_AUTHOR_NAME=name, GIT_AUTHOR_EMAIL=address, GIT_AUTHOR_DATE=date,
                        GIT_COMMITTER_NAME=name, GIT_COMMITTER_EMAIL=address,
                        GIT_COMMITTER_DATE=date, LC_ALL='C', TZ='UTC')
        for variable in [name for name in self.env if name.startswith('GIT_')
                         and name.split('_')[1] in ('DIR', 'WORK', 'INDEX', 'OBJECT')]:
            del self.env[variable]

    def git(self, *words, **more):
        return subprocess.run(['git', *words], cwd=self.folder, env=self.env, check=True,
                              stdout=subprocess.PIPE, **more).stdout

    def place(self, name, data, executable=False):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(data)
        os.chmod(path, 0o755 if executable else 0o644)

    def change(self, name, hook, *more):
        with open(os.path.join(self.folder, name), encoding='utf-8') as file:
            before = file.read()
        after = hook(before, *more)
        if after != before:
            self.place(name, after.encode())

    def base(self):
        """What the patches change, as the tree has it."""
        self.git('init', '-q', '-b', 'series')
        for name in CHANGED:
            if self.tree.has(name):
                self.place(name, self.tree.read(name).encode())
        self.git('add', '.')
        self.git('commit', '-q', '-m', f'Linux {self.tree.release}')

    def bring(self, part):
        """What the patch adds, and what was there before and names it."""
        tracked = subprocess.run(['git', '-C', REPO, 'ls-files'], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout.split('\n')
        new = set()
        for pattern, folder in part.files:
            found = [name for name in tracked if os.path.dirname(name) == os.path.dirname(pattern)
                     and fnmatch.fnmatchcase(name, pattern)]
            if not found:
                raise SeriesError(f'the checkout has no {pattern}')
            for name in found:
                if name not in self.brought:
                    self.brought[name] = folder
                    new.add(name)
        if not new:
            raise SeriesError(f'the patch {part.text} would be empty')
        for name, folder in self.brought.items():
            if name in new or name in GROWING:
                self.bring_file(name, folder)

    def bring_file(self, name, folder):
        path = os.path.join(REPO, name)
        with open(path, 'rb') as file:
            data = translate(name, file.read(), self.compat, self.tree, set(self.brought))
        if data is None:
            return
        if not any(f'{folder}/'.startswith(path) for path in self.covered):
            raise SeriesError(f'MAINTAINERS does not cover {folder}')
        self.place(f'{folder}/{os.path.basename(name)}', data, os.access(path, os.X_OK))

    def commit(self, part):
        covers = [path for path in part.covers if path not in self.covered]
        self.covered += covers
        self.bring(part)
        if part.text in ('driver', 'kunit'):
            self.change('samples/Kconfig', hook_kconfig, part.text)
            self.change('samples/vfio-mdev/Makefile', hook_makefile, part.text)
        if part.text == 'rules' and self.tree.has(INDEX):
            self.change(INDEX, hook_index)
        if part.text == 'lib':
            self.change('tools/testing/selftests/Makefile', hook_targets)
        self.change('MAINTAINERS', hook_maintainers, covers, self.person)
        self.git('add', '.')
        self.git('commit', '-q', '-s', '-F', os.path.join(TEXTS, part.text + '.txt'))

    def trailers(self):
        """What b4 reads at the end of a cover letter."""
        commit = self.tree.commit()
        return (f'base-commit: {commit}\n' if commit else '') + f'change-id: {CHANGE_ID}\n'

    def write(self, out):
        with open(os.path.join(TEXTS, 'cover.txt'), encoding='utf-8') as file:
            self.git('config', 'branch.series.description', file.read())
        self.git('format-patch', '-q', '--cover-letter', '--cover-from-description=subject',
                 '--no-thread', '--zero-commit', '--no-signature', '--abbrev=12', '--no-renames',
                 '--stat=72', '-o', out, f'HEAD~{len(PARTS)}')
        cover, = glob.glob(f'{glob.escape(out)}/0000-*.patch')
        with open(cover, 'a', encoding='utf-8') as file:
            file.write(self.trailers())


def identity_and_date():
    """Of whom the series is, and when: the checkout's, not the clock's."""
    def ask(*words):
        return subprocess.run(['git', '-C', REPO, *words], check=False, text=True,
                              stdout=subprocess.PIPE).stdout.strip()
    last = ask('log', '-1', '--format=%an%n%ae%n%ct').split('\n')
    if len(last) != 3:
        raise SeriesError('the checkout is no git repository: the patches would be nobody\'s')
    name = ask('config', 'user.name') or last[0]
    address = ask('config', 'user.email') or last[1]
    return (name, address), email.utils.formatdate(int(last[2]))


def write_series(tree_path, out):
    tree = Tree(tree_path)
    identity, date = identity_and_date()
    os.makedirs(out, exist_ok=True)
    for name in os.listdir(out):
        if not re.match(r'\d{4}-.*\.patch$', name):
            raise SeriesError(f'{out} has something else in it: {name}; '
                              'name an empty folder, or one with an older series')
    with tempfile.TemporaryDirectory() as folder:
        series = Series(tree, os.path.join(folder, 'repo'), identity, date)
        os.mkdir(series.folder)
        series.base()
        for part in PARTS:
            series.commit(part)
        series.write(os.path.join(folder, 'out'))
        for name in os.listdir(out):
            os.remove(os.path.join(out, name))
        patches = sorted(os.listdir(os.path.join(folder, 'out')))
        for name in patches:
            shutil.copyfile(os.path.join(folder, 'out', name), os.path.join(out, name))
    print(f'lab: {len(patches) - 1} patches and a cover letter for Linux {tree.release}: {out}',
          file=sys.stderr)
    if not tree.has(INDEX):
        print(f'lab: this tree has no {INDEX} (a part of Debian\'s source is left out here), so\n'
              '     the series does not list its pages there; for a whole tree it does',
              file=sys.stderr)


def main():
    args = argparse.ArgumentParser(description='the project as a patch series')
    args.add_argument('tree')
    args.add_argument('out')
    args = args.parse_args()
    try:
        write_series(args.tree, args.out)
    except SeriesError as why:
        print(f'lab: error: {why}', file=sys.stderr)
        return exits.BROKEN
    return 0


if __name__ == '__main__':
    exits.end_with(main)
