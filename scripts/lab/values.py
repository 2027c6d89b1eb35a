# SPDX-License-Identifier: GPL-2.0-only
"""What the value of a variable may be.

A check gives the value that the scripts get, or raises Wrong with what would be right.
"""

from __future__ import annotations

import os
import re
from typing import Callable, Iterable, Mapping, NoReturn

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
SCRIPTS = f'{REPO}/scripts'


class Wrong(Exception):
    """A call that makes no sense: what is wrong, and what would be right."""

    def __init__(self, text: str, *hints: str) -> None:
        super().__init__(text)
        self.hints = [hint for hint in hints if hint]


class Call:
    """A verb, with what the command line and the environment say."""

    def __init__(self, verb: str, given: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.verb = verb
        self.given = {name: text for name, text in given.items() if text}
        self.environment = environment

    def get(self, name: str, otherwise: str = '') -> str:
        return self.given.get(name) or self.environment.get(name) or otherwise

    def said(self, name: str) -> bool:
        """On the command line?"""
        return name in self.given

    def show(self, name: str, text: str) -> str:
        """Both, for a message."""
        where = '' if self.said(name) else ' (from the environment)'
        return f'{name}={text}{where}'


# Gives the value that the scripts get, or raises Wrong.
Check = Callable[[Call, str, str], str]


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one, or nothing."""
    import difflib  # only when something is wrong  # pylint: disable=import-outside-toplevel
    known = list(known)
    lower = {each.lower(): each for each in reversed(known)}
    found = difflib.get_close_matches(word.lower(), lower, 1, 0.6)
    if found:
        return lower[found[0]]
    # What was cut short, and a number among few
    part = [each for each in known if len(word) > 2 and word.lower() in each.lower()]
    digits = [each for each in known if each.isdigit() and word.isdigit()]
    return (part or digits[-1:] or [''])[0]


def mean(name: str, value: str) -> str:
    return f'did you mean {name}={value}?' if value else ''


def not_known(call: Call, name: str, text: str, known: Iterable[str], among: str = '') -> NoReturn:
    known = list(known)
    raise Wrong(f'{call.show(name, text)} is not known; it can be: {among or ", ".join(known)}',
                mean(name, nearest(text, known)))


def choice(*known: str) -> Check:
    def check(call: Call, name: str, text: str) -> str:
        if text not in known:
            not_known(call, name, text, known)
        return text
    return check


def words_of(*known: str) -> Check:
    """One or several of these, with blanks between them."""
    def check(call: Call, name: str, text: str) -> str:
        for word in text.split():
            if word not in known:
                not_known(call, name, word, known)
        return text
    return check


SECONDS = {'s': 1, 'sec': 1, 'm': 60, 'min': 60, 'h': 3600, 'd': 86400}
MINUTES = {'m': 1, 'min': 1, 'h': 60, 'd': 1440}
MEGABYTES = {'m': 1, 'mb': 1, 'mib': 1, 'g': 1024, 'gb': 1024, 'gib': 1024}


EXAMPLES = {'MEM': 1024, 'TIMEOUT': 600, 'SILENCE': 120, 'TEST_TIMEOUT': 100, 'SECONDS': 60, 'MINUTES': 10,
            'RUNS': 100000, 'STEPS': 1000, 'GUESTS': 2, 'PROCESSORS': 2, 'SEED': 1}


def number(low: int, high: int, what: str, units: Mapping[str, int] | None = None,
           also: str = '', base16: bool = False) -> Check:
    """A whole number of something.

    units: what people write behind it, with what that is in ours, for the hint.
    """
    def check(call: Call, name: str, text: str) -> str:
        if text == also != '':
            return text
        digits = re.fullmatch(r'0x[0-9a-f]+|[0-9]+' if base16 else '[0-9]+', text, re.A | re.I)
        if digits and low <= int(text, 0 if text[:2].lower() == '0x' else 10) <= high:
            return text
        hint = mean(name, nearest(text, [also])) or f'for example {name}={EXAMPLES.get(name, low)}'
        unit = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?) ?([a-z]+)', text.lower())
        if unit and unit[2] in (units or {}):
            hint = mean(name, str(max(low, round(float(unit[1]) * (units or {})[unit[2]]))))
        limit = f'from {low} to {high}' if high < 1 << 31 else f'from {low} on'
        raise Wrong(f'{call.show(name, text)} is not {what}: a whole number {limit}'
                    + (f', or "{also}"' if also else ''), hint)
    return check


def free(_call: Call, _name: str, text: str) -> str:
    """Words of somebody else's, who judges them."""
    return text


# Paths

def expanded(text: str) -> str:
    """A ~ that neither make nor a shell expands, as in KERNEL=~/linux"""
    return os.path.expanduser(text) if re.match(r'~(/|$)', text) else text


def simple(name: str, path: str, hint: str) -> None:
    """With a name that the makefiles of kernels can live with?"""
    if re.search(r'[\s:,()\'"$&;\\#%]', path):
        raise Wrong(f"the path '{path}' ({name}=) has a character that kernel makefiles cannot take",
                    hint)


def cache(call: Call, name: str, text: str) -> str:
    path = os.path.abspath(expanded(text))
    simple(name, path, 'choose another place: make ... CACHE=/some/simple/path')
    if os.path.exists(path) and not os.path.isdir(path):
        raise Wrong(f'{call.show(name, text)} is no directory')
    return path


def absolute(call: Call, name: str, text: str) -> str:
    path = expanded(text)
    if not path.startswith('/'):
        raise Wrong(f'{call.show(name, text)} is no absolute path', 'DESTDIR and PREFIX begin with /',
                    mean(name, os.path.abspath(path)))
    return path


def file(call: Call, name: str, text: str) -> str:
    path = os.path.abspath(expanded(text))
    if not os.path.isfile(path):
        raise Wrong(f'{call.show(name, text)}: there is no such file')
    return path


def folder(call: Call, name: str, text: str) -> str:
    """A directory to write to, which need not be there."""
    path = os.path.abspath(expanded(text))
    if os.path.exists(path) and not os.path.isdir(path):
        raise Wrong(f'{call.show(name, text)} is no directory')
    return path


def results_folder(call: Call, name: str, text: str) -> str:
    """A directory that can be written to, said before hours of tests rather than after."""
    import tempfile  # pylint: disable=import-outside-toplevel
    path = folder(call, name, text)
    near = path
    while not os.path.exists(near):
        near = os.path.dirname(near)
    try:
        os.rmdir(tempfile.mkdtemp(dir=near))
    except OSError as why:
        raise Wrong(f'{call.show(name, text)}: {near} cannot be written to ({why.strerror})') from None
    return path


def part(call: Call, name: str, text: str) -> str:
    """I/N"""
    found = re.fullmatch('([0-9]{1,3})/([0-9]{1,3})', text, re.A)
    if not found:
        raise Wrong(f'{call.show(name, text)} is no part of a whole', f'for example {name}=1/4 to {name}=4/4')
    if not 1 <= int(found[1]) <= int(found[2]):
        raise Wrong(f'{call.show(name, text)}: there is no such part', f'the first of {int(found[2]) or 4} is '
                    f'{name}=1/{int(found[2]) or 4}')
    return text


def source_folder(call: Call, name: str, text: str) -> str:
    """In the kernel's source, or an absolute one of the user's."""
    path = expanded(text).rstrip('/')
    simple(name, path, 'give it a simpler one')
    if path.startswith('/') and not os.path.isdir(path):
        raise Wrong(f'{call.show(name, text)} is no directory')
    if not path.startswith('/') and not path.startswith('drivers/'):
        raise Wrong(f'{call.show(name, text)} is no path in the kernel\'s source',
                    mean(name, os.path.abspath(path) if os.path.isdir(path) else f'drivers/vfio/pci/{path}'))
    return path


def is_tree(path: str) -> bool:
    return all(os.path.exists(f'{path}/{each}') for each in ('Makefile', 'Kconfig', 'arch/um'))


def tree(call: Call, name: str, text: str) -> str:
    path = os.path.abspath(expanded(text))
    if not is_tree(path):
        raise Wrong(f"{call.show(name, text)} is not a kernel's source tree",
                    'name the directory of a Linux tree of 6.12 or newer')
    return path


KERNELS = ('lts', 'latest', 'debian')


def kernel(call: Call, name: str, text: str) -> str:
    if text in KERNELS:
        return text
    if '/' not in text:
        hint = mean(name, f'./{text}') if is_tree(text) else mean(name, nearest(text, KERNELS))
        raise Wrong(f'{call.show(name, text)} is not known; it can be: {", ".join(KERNELS)}, '
                    'or a path to a kernel tree', hint)
    path = tree(call, name, text)
    simple('KERNEL', os.path.realpath(path), 'give it a simpler one; a link to it is not enough')
    return path


def kernels(*known: str) -> Check:
    """Some of them only; a tree of the user's where '/' is among these."""
    def check(call: Call, name: str, text: str) -> str:
        if text in known:
            return text
        if text in KERNELS or '/' not in known:
            words = [each for each in known if each != '/'] + ['a path to a kernel tree'] * ('/' in known)
            raise Wrong(f'make {call.verb} does not run with {call.show(name, text)}; '
                        f'it can be: {", ".join(words)}', 'or leave it out')
        return kernel(call, name, text)
    return check


def default_kdir() -> str:
    return f'/lib/modules/{os.uname().release}/build'


def kdir(call: Call, name: str, text: str) -> str:
    path = os.path.abspath(expanded(text))
    # The headers may be gone, and what was installed still there.
    if call.verb == 'uninstall' and re.match(r'/lib/modules/[^/]+/build/?$', path):
        return path
    if not os.path.isfile(f'{path}/Makefile'):
        raise Wrong(f"there is no kernel in '{path}' ({call.show(name, text)})",
                    'KDIR= has to name a configured and prepared kernel build, such as '
                    '/lib/modules/VERSION/build from a linux-headers package')
    return path


def qemu(call: Call, name: str, text: str) -> str:
    if text in ('debian', 'latest'):
        return text
    if '/' not in text:
        not_known(call, name, text, ('debian', 'latest'),
                  'debian, latest, or /path/to/qemu-system-x86_64')
    path = os.path.realpath(expanded(text))
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise Wrong(f'{call.show(name, text)} is not a program',
                    'name a qemu-system-x86_64, or say QEMU=debian or QEMU=latest')
    if re.match(r'/(tmp|run|dev|proc|sys)/', path):
        raise Wrong(f'the guest has its own /tmp, /run, /dev, /proc and /sys, so it does not see {path}',
                    'put it elsewhere')
    if re.search(r'[^A-Za-z0-9/._+:@-]', path):
        raise Wrong(f'the lab cannot hand on the name of {path}',
                    'give it one of letters, digits and / . _ + : @ - only')
    return path


# Names of tests

def read(path: str) -> str:
    with open(path, encoding='utf-8') as text:
        return text.read()


def output(*command: str) -> list[str]:
    import subprocess   # only where it is needed: all start with us  # pylint: disable=import-outside-toplevel
    from lab.config import BY_NAME as names  # which has us  # pylint: disable=import-outside-toplevel
    # This make has nothing to do with the one that called us.
    environment = {name: text for name, text in os.environ.items()
                   if not re.match(r'MAKE|MFLAGS|GNUMAKE', name) and name not in names}
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=True, env=environment).stdout.splitlines()


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Those that bash's pattern is for, by name or by the name without its folder."""
    names = list(names)
    return output('bash', '-c', 'for name in "${@:2}"; do if [[ $name == $1 || ${name##*/} == $1 ]]; '
                  'then printf "%s\\n" "$name"; fi; done', 'bash', pattern, *names)


def selftests() -> list[str]:
    return output('make', '-s', '--no-print-directory', '-C', f'{REPO}/selftests', 'list')


def conformance_test(call: Call, name: str, text: str) -> str:
    """Some tests are for stand-ins alone; those of the tools run if they are named."""
    folders = ('generic/', 'standins/') if call.get('DRIVER') in standins() else ('generic/',)
    if text.startswith('tools/'):
        folders = ('tools/migctl_any_test',)
    return named('generic test', lambda: [each for each in selftests()
                                          if each.startswith(folders)])(call, name, text)


def scenarios() -> list[str]:
    return [line.split()[0] for line in
            output('python3', '-B', f'{REPO}/selftests/interop/interop.py', '--list')]


def proofs(script: str) -> list[str]:
    return re.findall(r'^\s*prove "([^"]+)"', read(f'{SCRIPTS}/{script}'), re.M)


def named(what: str, names: Callable[[], list[str]], said: str = '') -> Check:
    """A pattern of bash's that is for some of these names."""
    def check(call: Call, name: str, text: str) -> str:
        known = names()
        if not matching(text, known):
            short = [each.rsplit('/', 1)[-1] for each in known]
            near = nearest(text, short) or nearest(text, [each.removesuffix('_test') for each in short])
            near += '_test' if f'{near}_test' in short else ''
            raise Wrong(f"no {what} is called '{text}' ({call.show(name, text)})" + (said and f'; {said}'),
                        mean(name, near), 'there are: ' + ' '.join(known))
        return text
    return check


def suites() -> dict[str, list[str]]:
    """KUnit's suites without what the driver's names begin with, and the cases of each."""
    import glob  # pylint: disable=import-outside-toplevel
    found = {}
    for folder in ('kunit', 'selftests/standins/kunit'):
        for path in sorted(glob.glob(f'{REPO}/{folder}/*_kunit.c')):
            text = read(path)
            suite = re.search(r'^static struct kunit_suite \w+ = \{\n\t\.name = "(?:mtty_mig_)?(\w+)"', text, re.M)
            if suite:
                found[suite[1]] = re.findall(r'\bKUNIT_CASE\w*\((\w+)', text)
    return found


def suite(call: Call, name: str, text: str) -> str:
    """SUITE or SUITE.CASE, as KUnit matches it, which knows no pattern but * ? and [].

    The scripts get what is KUnit's filter_glob.
    """
    import fnmatch  # pylint: disable=import-outside-toplevel
    if not re.fullmatch(r'[\w*?\[\]!^-]+(\.[\w*?\[\]!^-]+)?', text):
        raise Wrong(f'{call.show(name, text)} is no pattern of KUnit: SUITE or SUITE.CASE, with * ? [ ]')
    one, _, case = text.partition('.')
    one = one.removeprefix('mtty_mig_')
    known = suites()
    hit = fnmatch.filter(known, one)
    if not hit:
        raise Wrong(f"no KUnit suite is called '{one}' ({call.show(name, text)})",
                    mean(name, nearest(one.removesuffix('_kunit').removesuffix('_test'), known)),
                    'there are: ' + ' '.join(known))
    cases = [each for suite_name in hit for each in known[suite_name]]
    if case and not fnmatch.filter(cases, case):
        raise Wrong(f"no case of {' '.join(hit)} is called '{case}' ({call.show(name, text)})",
                    mean(name, nearest(case, cases) and f'{one}.{nearest(case, cases)}'))
    prefix = '' if one.startswith('standins') else 'mtty_mig_'
    return f'{prefix}{one}.{case or "*"}'


def mutants(drivers: str = '') -> list[str]:
    """Of our driver, of these of the kernel's, or of the core."""
    folders = ['mutants/core' if driver == 'core' else f'standins/{driver}/mutants'
               for driver in drivers.split()] or ['mutants']
    return sorted(name.removesuffix('.patch') for folder in folders
                  if os.path.isdir(f'{REPO}/selftests/{folder}')
                  for name in os.listdir(f'{REPO}/selftests/{folder}') if name.endswith('.patch'))


def mutant(call: Call, name: str, text: str) -> str:
    """Patterns as of file names; make interop takes one name."""
    import fnmatch  # pylint: disable=import-outside-toplevel
    known = mutants(call.get('DRIVER') if call.verb == 'mutants' else '')
    for word in [text] if call.verb == 'interop' else text.split():
        if word not in known and (call.verb == 'interop' or not fnmatch.filter(known, word)):
            raise Wrong(f"no mutant is called '{word}' ({call.show(name, text)}); see selftests/mutants/",
                        mean(name, nearest(word, known)))
    return text


def types(call: Call, name: str, text: str) -> str:
    if call.get('DRIVER') == 'mtty' and call.verb == 'conformance':
        known = ['mtty-1', 'mtty-2']
    else:
        known = [f'mtty_mig-{each}' for each in
                 re.findall(r'^\tTYPE\([A-Z0-9]+, "([a-z0-9]+)"', read(f'{REPO}/mtty-mig/main.c'), re.M)]
    for word in text.split():
        if word not in known:
            near = f'mtty_mig-{word}' if f'mtty_mig-{word}' in known else nearest(word, known)
            raise Wrong(f"no type of device is called '{word}' ({call.show(name, text)})",
                        mean(name, near), 'there are: ' + ' '.join(known))
    return text


def standins() -> list[str]:
    """The kernel's drivers that run without their hardware."""
    import glob  # pylint: disable=import-outside-toplevel
    return sorted(os.path.basename(os.path.dirname(path)) for path in
                  glob.glob(f'{REPO}/selftests/standins/*/standin') if '\nsource = ' in read(path))


def driver(call: Call, name: str, text: str) -> str:
    known = standins() if call.verb in ('drivers', 'mutants') else ['mtty_mig', 'mtty', *standins()]
    if call.verb == 'mutants' and text == 'core':
        return text
    for word in text.split() if call.verb != 'conformance' else [text]:
        if word not in known:
            not_known(call, name, word, known)
    return text


def readable(call: Call, name: str, text: str) -> str:
    path = os.path.abspath(expanded(text))
    if not os.access(path, os.R_OK) or not os.path.isfile(path):
        raise Wrong(f'{call.show(name, text)} is no file that can be read')
    return path


def rule(call: Call, name: str, text: str) -> str:
    known = re.findall(r'^(MIG-[A-Z0-9]+-[0-9]+)$', read(f'{REPO}/Documentation/rules.rst'), re.M)
    families = sorted({each.rpartition('-')[0] for each in known})
    if text not in known + families:
        raise Wrong(f'there is no rule {text} ({call.show(name, text)}); see Documentation/rules.rst',
                    mean(name, nearest(text, known + families)))
    return text


def only(call: Call, name: str, text: str) -> str:
    """A regular expression for the names of the runs of check and check-all."""
    import runs  # pylint: disable=import-outside-toplevel
    names = [run.name for run in runs.RUNS if call.verb == 'check-all' or run.in_check]
    try:
        found = [each for each in names if re.search(text, each)]
    except re.error as why:
        raise Wrong(f'{call.show(name, text)} is no regular expression: {why}') from None
    if not found:
        raise Wrong(f"no run is called '{text}' ({call.show(name, text)})",
                    mean(name, nearest(text, names) and f"'{nearest(text, names)}'"),
                    'there are: ' + ', '.join(names))
    return text


def verbs(call: Call, name: str, text: str) -> str:
    from lab.registry import NAMES  # which have us  # pylint: disable=import-outside-toplevel
    known = [each for each in NAMES if each != call.verb]
    for word in text.split():
        if word not in known:
            raise Wrong(f"no verb is called '{word}' ({call.show(name, text)})",
                        mean(name, nearest(word, known)))
    return text


def pattern(regex: str, what: str) -> Check:
    def check(call: Call, name: str, text: str) -> str:
        if not re.fullmatch(regex, text, re.A):
            raise Wrong(f'{call.show(name, text)} is not {what}')
        return text
    return check


def demo_words(call: Call, name: str, text: str) -> str:
    """Words for migrate-demo, which writes its account where the user is."""
    target = account(text.split())[1]
    where = os.path.dirname(target) or '.'
    if target and (os.path.isdir(target) or not os.access(where, os.W_OK) or
                   os.path.exists(target) and not os.access(target, os.W_OK)):
        raise Wrong(f'{call.show(name, text)}: {target} cannot be written to')
    return text


def account(words: list[str]) -> tuple[list[str], str]:
    """The demo's words with a file of the guest's for its account; which file is meant.

    What is in /dev is the guest's own, as /dev/stdout.
    """
    target = ''
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option = re.fullmatch(r'(--js(?:on?)?|--j)(?:=(.*))?|-j(.*)', word)
        if option and (option[2] or option[3]):
            path = option[2] or option[3]
        elif option and rest:
            path = rest.pop(0)
        else:
            result.append(word)
            continue
        if path.startswith('/dev/'):
            target = ''
            result += ['-j', path]
        else:
            target = expanded(path)
            result += ['-j', ACCOUNT]
    return result, target


# In the guest, which sees this run's directory there
ACCOUNT = '/run/lab/account'

# What the kernel's own makefiles take

# What `make` is called with there, and others say
ARCHES = ('alpha arc arm arm64 csky hexagon loongarch m68k microblaze mips nios2 openrisc parisc '
          'powerpc riscv s390 sh sparc um x86 xtensa i386 x86_64 parisc64 sparc32 sparc64').split()
ALSO_CALLED = {'aarch64': 'arm64', 'amd64': 'x86_64', 'armhf': 'arm', 'armel': 'arm', 'ppc': 'powerpc',
               'ppc64': 'powerpc', 'ppc64le': 'powerpc', 'ppc64el': 'powerpc', 'riscv64': 'riscv',
               's390x': 's390', 'i686': 'i386', 'i586': 'i386', 'uml': 'um', 'loong64': 'loongarch',
               'loongarch64': 'loongarch', 'mips64': 'mips', 'mipsel': 'mips'}
# Debian's, for the hint
PREFIXES = {'arm64': 'aarch64-linux-gnu-', 'arm': 'arm-linux-gnueabihf-', 's390': 's390x-linux-gnu-',
            'riscv': 'riscv64-linux-gnu-', 'powerpc': 'powerpc64le-linux-gnu-',
            'x86': 'x86_64-linux-gnu-', 'mips': 'mips64el-linux-gnuabi64-'}


def sources_of(name: str) -> str:
    """The directory in arch/ of an architecture, or of what uname -m says."""
    if re.fullmatch(r'i[3-6]86|x86_64', name):
        return 'x86'
    if re.fullmatch(r'(sparc|parisc)(32|64)', name):
        return name[:-2]
    if name.startswith('arm') and name not in ('arm64', 'armhf', 'armel'):
        return 'arm'
    return ALSO_CALLED.get(name, name)


def check_arch(call: Call) -> None:
    """Is the build in KDIR= for what is built for?  kbuild does not look."""
    config = f'{os.path.abspath(expanded(call.get("KDIR", default_kdir())))}/include/config/auto.conf'
    found = None
    if os.path.isfile(config):
        text = read(config)
        found = re.search(r'^# Linux/(\w+) ', text, re.M)
    # lab/modules.py sees that it is UML.
    if not found or sources_of(found[1]) == 'um' and not call.get('ARCH'):
        return
    here = os.uname().machine
    there, wanted = sources_of(found[1]), sources_of(call.get('ARCH', here))
    compiler = call.get('CROSS_COMPILE') or call.get('LLVM') or call.get('CC')
    prefix = f' CROSS_COMPILE={PREFIXES[there]}' if there != sources_of(here) and there in PREFIXES else ''
    say = f'say make {call.verb} KDIR={call.get("KDIR", default_kdir())} ARCH={found[1]}{prefix}'
    if there != wanted:
        raise Wrong(f'the kernel in KDIR= is one for {found[1]}, and this would build for '
                    f'{call.get("ARCH", here)}', say)
    if there not in (sources_of(here), 'um') and not compiler:
        raise Wrong(f'the compiler of this machine builds nothing for ARCH={call.get("ARCH")}',
                    f'{say}, or LLVM=1')


def arch(call: Call, name: str, text: str) -> str:
    if text not in ARCHES:
        near = ALSO_CALLED.get(text.lower(), '') or nearest(text, ARCHES)
        raise Wrong(f"{call.show(name, text)} is none of the kernel's architectures", mean(name, near))
    return text


def is_program(command: str) -> bool:
    """Behind words like ccache there may be another one; kbuild will tell."""
    name = (command.split() or [''])[0]
    places = [''] if '/' in name else [f'{place or "."}/' for place in os.get_exec_path()]
    return bool(name) and any(os.path.isfile(place + name) and os.access(place + name, os.X_OK)
                              for place in places)


def cross_compile(call: Call, name: str, text: str) -> str:
    if call.get('LLVM') or call.get('CC'):
        return text
    last = text.split()[-1]
    if is_program(f'{last}gcc'):
        return text
    near = next((each for each in (f'{last}-', f'{last}-gnu-', f'{last}-linux-gnu-',
                                   PREFIXES.get(call.get('ARCH'), ''))
                 if each.startswith(last) and is_program(f'{each}gcc')), '')
    package = re.sub(r'-$', '', last)
    raise Wrong(f'{call.show(name, text)}: there is no {last}gcc', mean(name, near)
                or f'is it in PATH?  Debian has it in a package: apt-get install gcc-{package}')


def llvm(call: Call, name: str, text: str) -> str:
    if text == '0':
        raise Wrong(f'{call.show(name, text)} is LLVM=1 to the kernel', 'leave it out')
    prefix, suffix = (text, '') if text.endswith('/') else ('', text if text.startswith('-') else '')
    if not (text == '1' or prefix or suffix):
        raise Wrong(f'{call.show(name, text)} is not known; it can be: 1, -VERSION, or a path with / in the end',
                    mean(name, f'-{text}' if re.fullmatch('[0-9]+', text) else ''))
    if not is_program(f'{prefix}clang{suffix}'):
        raise Wrong(f'{call.show(name, text)}: there is no {prefix}clang{suffix}')
    return text


def checked(call: Call, name: str, text: str) -> str:
    choice('0', '1', '2')(call, name, text)
    checker = call.get('CHECK', 'sparse')
    if text != '0' and not is_program(checker):
        raise Wrong(f'{call.show(name, text)}: there is no {checker.split()[0]} to call',
                    'on Debian: apt-get install sparse' if checker == 'sparse' else '')
    return text


def program(call: Call, name: str, text: str) -> str:
    if not is_program(text):
        raise Wrong(f'{call.show(name, text)}: there is no such program')
    return text
