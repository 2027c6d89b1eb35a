# SPDX-License-Identifier: GPL-2.0-only
"""All verbs, all variables, and what each of them may be.

This is the one place that knows.  verb.py asks it before anything is fetched, built
or booted; make help prints it.  A new variable is a line in VARIABLES, a new verb one
in VERBS.

A variable comes from the command line or from the environment.  What is said on the
command line has to be of use to a verb that is called.  What is in the environment may
be there for something else: a verb that has no use for it does not see it.
"""

from __future__ import annotations

import os
import re
from typing import Callable, Iterable, Mapping, NamedTuple, NoReturn

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
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
    # This make has nothing to do with the one that called us.
    environment = {name: text for name, text in os.environ.items()
                   if not re.match(r'MAKE|MFLAGS|GNUMAKE', name) and name not in BY_NAME}
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
            suite = re.search(r'^\t\.name = "(?:mtty_mig_)?(\w+)"', text, re.M)
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
    known = [each for each in VERBS if each != call.verb]
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
    # modules.sh sees that it is UML.
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


class Variable(NamedTuple):
    name: str
    means: str
    check: Check
    kbuild: bool = False        # of the kernel's makefiles
    foreign: bool = False       # others look at it, too


FLAG = choice('0', '1')
NO_LIMIT = 1 << 31
TIME = number(0, NO_LIMIT, 'a number of seconds', SECONDS)

VARIABLES = [
    Variable('KERNEL', 'lts (Debian\'s linux-source-6.12), latest (the newest one in its backports), '
             'debian (its image, in QEMU), or a path to a kernel tree; check without it takes lts '
             'and latest, everything else lts', kernel),
    Variable('ENGINE', 'what runs it: uml or qemu', choice('uml', 'qemu')),
    Variable('CACHE', 'a directory: where sources, builds and logs are kept', cache),
    Variable('SAN', '0 or 1: without or with sanitizers (run, bench and shell have 0, others 1); kcsan looks '
             'for data races instead, with ENGINE=qemu', choice('0', '1', 'kcsan')),
    Variable('TEST', 'a pattern: only the tests of that name; for kunit SUITE or SUITE.CASE; for '
             'interop scenarios; for stress and soak programs', named('test', selftests)),
    Variable('ARGS', 'words for migrate-demo or the selftests', free),
    Variable('TIMEOUT', 'seconds for the guest; 0 for no limit', TIME),
    Variable('SILENCE', 'seconds without a word of the guest; 0 for no limit', TIME),
    Variable('TEST_TIMEOUT', 'seconds for one selftest; 0 for no limit', TIME),
    Variable('GUESTS', 'so many guests at once (default: one a processor, up to 4)',
             number(1, 256, 'a number of guests')),
    Variable('MEM', 'MB of each guest', number(64, 1 << 20, 'a number of megabytes', MEGABYTES)),
    Variable('PROCESSORS', 'of each guest', number(1, 64, 'a number of processors')),
    Variable('LEAKS', '1: with a search for leaked memory', FLAG),
    Variable('APPEND', 'more for the guest kernel\'s command line', free),
    Variable('ONLY', 'a regular expression: only these runs of check and check-all', only),
    Variable('DRIVER', 'the driver that conformance is about: mtty_mig, mtty, or one of the kernel\'s '
             'without its hardware', driver),
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
             number(0, (1 << 63) - 1, 'a seed', also='random', base16=True)),
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
    Variable('V', '1 or 2: show the commands', choice('0', '1', '2', '12'), kbuild=True),
    Variable('W', 'more warnings: some of 1 2 3 c e', pattern('[123ce]+', 'some of 1 2 3 c e'), kbuild=True),
    Variable('C', '1 or 2: call sparse (CHECK=), for what is compiled or for all', checked,
             kbuild=True),
    Variable('CHECK', 'the checker', program, kbuild=True),
    Variable('CF', 'words for the checker', free, kbuild=True),
    Variable('KCFLAGS', 'words for the compiler', free, kbuild=True),
    Variable('KCPPFLAGS', 'words for the preprocessor', free, kbuild=True),
    Variable('KBUILD_MODPOST_WARN', '1: a symbol that is missing is a warning', FLAG, kbuild=True),
    Variable('KBUILD_EXTRA_SYMBOLS', 'files with more symbols', free, kbuild=True),
    *(Variable(each, f'that tool of the kernel\'s', program, kbuild=True)
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


class Verb(NamedTuple):
    name: str
    help: str
    # The script in scripts/, with words; or what gives the command
    command: str | Callable[[Call], list[str]]
    # Variables that it takes; NAME@ has a check of its own in CHECKS
    variables: str
    # What exit status 1 means, where the last line has no count of failures that tells
    failure: str = ''
    # Of the kernel's own: all of them, or those for our modules alone
    kbuild: list[str] | tuple[str, ...] = ()


GUEST = 'KERNEL ENGINE SAN CACHE APPEND MEM PROCESSORS'
RUN = f'{GUEST} TIMEOUT SILENCE'
TESTS = f'{RUN} TEST_TIMEOUT GUESTS LEAKS'
RANDOM = 'SEED STEPS MINUTES CALLS'


def in_repo(text: str, variable: str = '') -> Callable[[Call], list[str]]:
    """A line of shell in the repository; $1 is what the variable is."""
    return lambda call: ['sh', '-c', f'cd "$0" && {text}', REPO, call.get(variable, '') if variable else '']


def kdir_command(*words: str) -> Callable[[Call], list[str]]:
    script, *rest = words
    return lambda call: [f'{SCRIPTS}/{script}', *rest,
                         call.get('KDIR', default_kdir())]


ALL_VERBS = [
    Verb('run', 'boot a kernel, migrate a device in it, tell what happened', 'lab.sh run', f'{RUN} ARGS',
         'the demo failed, or the kernel had something to report', KBUILD_LAB),
    Verb('check', 'all KUnit suites and all selftests, with sanitizers, on two kernels or on KERNEL=',
         lambda call: [f'{SCRIPTS}/{"lab.sh" if call.get("KERNEL") else "runs.sh"}', 'check'],
         f'{TESTS} {RANDOM} TEST TYPES ARGS ONLY'),
    Verb('quick', 'KUnit and the selftests that find most mistakes, without sanitizers: seconds, and not check',
         'lab.sh quick', 'KERNEL CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS', kbuild=KBUILD_LAB),
    Verb('check-all', 'check, and all that takes longer: QEMU, races, Debian\'s kernel, mutants, coverage',
         'runs.sh all', f'CACHE ONLY APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS LEAKS {RANDOM} QEMU'),
    Verb('kunit', 'only the KUnit suites; TEST=SUITE for some of them', 'lab.sh kunit', f'{RUN} LEAKS TEST',
         kbuild=KBUILD_LAB),
    Verb('selftests', 'only the selftests; TEST=PATTERN for some of them', 'lab.sh selftests',
         f'{TESTS} {RANDOM} TEST TYPES ARGS', kbuild=KBUILD_LAB),
    Verb('mutants', 'put mistakes into the driver and see that the tests notice; MUTANT=PATTERN',
         'mutants.sh', 'KERNEL ENGINE CACHE APPEND MEM PROCESSORS TIMEOUT SILENCE TEST_TIMEOUT GUESTS '
         'MUTANT KEEP_GOING TEST TYPES ARGS SEED STEPS DRIVER'),
    Verb('conformance', 'hold a driver against the rules: DRIVER=mtty_mig, mtty or one of the kernel\'s',
         'conformance.sh', f'{TESTS} DRIVER TYPES ISOLATE TEST RULE CASE PATCH ARGS'),
    Verb('drivers', 'the kernel\'s drivers, without their hardware, beside what is recorded of them',
         'drivers.sh', 'KERNEL CACHE DRIVER RECORD TEST'),
    Verb('vfio-selftests', 'the kernel\'s own VFIO selftests, on cards in software', 'vfio-selftests.sh',
         'KERNEL CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS SAN TEST'),
    Verb('fuzz', 'fuzz the reader of the migration stream, on the host', 'fuzz.sh run',
         'KERNEL CACHE SECONDS RUNS SEED INPUT MERGE', 'the fuzzer found something'),
    Verb('stress', 'calls at random for longer: SEED=, STEPS= or MINUTES= (1); TEST= for one program',
         'lab.sh selftests', f'{TESTS} {RANDOM} TEST ARGS'),
    Verb('soak', 'what races or goes at random, again and again, half under load: RUNS= or MINUTES=',
         'soak.sh', f'{TESTS} SEED RUNS MINUTES LOAD STEPS TEST TYPES ARGS'),
    Verb('bench', 'how fast the device is, beside its limits and a peer: ROWS=, RUNS=, BASELINE=', 'bench.sh',
         f'{RUN} RUNS ROWS BASELINE', 'it could not measure, or a ratio is far beyond its goal'),
    Verb('coverage', 'what the tests reach of the driver, into build/coverage/index.html', 'coverage.sh',
         'KERNEL ENGINE CACHE APPEND MEM TIMEOUT SILENCE TEST_TIMEOUT GUESTS ARGS SEED STEPS'),
    Verb('shell', 'a shell in the guest, with the modules loaded', 'lab.sh shell', f'{GUEST} LEAKS {RANDOM}',
         kbuild=KBUILD_LAB),
    Verb('modules', 'build the modules for KDIR=... (default: the running kernel) into build/modules',
         kdir_command('modules-here.sh'), 'KDIR CACHE', kbuild=KBUILD),
    Verb('install', 'those modules into /lib/modules; PREFIX=/usr/local: selftests and tools, too',
         kdir_command('install.sh', 'install'), 'KDIR PREFIX DESTDIR CACHE KERNEL', kbuild=KBUILD),
    Verb('uninstall', 'remove what install installed', kdir_command('install.sh', 'uninstall'),
         'KDIR PREFIX DESTDIR CACHE'),
    Verb('load', 'load the driver into the running kernel, and tell what it offers', 'load.sh load', ''),
    Verb('unload', 'unload it', 'load.sh unload', ''),
    Verb('deb', 'Debian packages into build/: driver for DKMS, selftests with conformance', 'deb.sh',
         'KERNEL CACHE DEBFULLNAME DEBEMAIL SOURCE_DATE_EPOCH', 'lintian found something'),
    Verb('debcheck', 'install those packages in a fresh Debian, and see that they work and go', 'debcheck.sh',
         'SUITES HEADERS CACHE', 'a check failed'),
    Verb('newcomer', 'make run and make check in fresh roots of Debian: SUITES=, VERBS=', 'newcomer.sh',
         'SUITES VERBS KERNEL ENGINE TEST CACHE', 'a command failed'),
    Verb('series', 'write patches for a kernel tree: TREE=~/linux OUT=dir',
         lambda call: [f'{SCRIPTS}/series.sh', call.get('TREE'), call.get('OUT')], 'TREE OUT KERNEL CACHE'),
    Verb('series-check', 'prove these patches on a scratch copy of TREE, or of KERNEL\'s source',
         lambda call: [f'{SCRIPTS}/series_check.sh', call.get('TREE')],
         'TREE KERNEL CACHE TEST APPEND MEM TIMEOUT SILENCE', 'something does not hold'),
    Verb('portability', 'build for other architectures, run KUnit on i386 and s390x', 'portability.sh',
         'KERNEL CACHE TEST', 'something does not hold'),
    Verb('interop', 'let QEMU migrate the device, with a guest that uses it: QEMU=, TEST=', 'interop.sh',
         f'{TESTS} QEMU TEST BACKEND MUTANT'),
    Verb('update', 'fetch the newest version of what comes from Debian: all in the cache, or KERNEL=',
         'lab.sh update', 'KERNEL CACHE'),
    Verb('lint', 'lint-quick, and what the kernel\'s compilers and semantic patches say of the driver',
         'lint.sh', 'KERNEL ENGINE SAN CACHE'),
    Verb('lint-quick', 'checkpatch, shellcheck, the documents, the lab\'s own tests', 'lint.sh quick',
         'KERNEL CACHE'),
    Verb('selfcheck', 'only the lab\'s own tests',
         in_repo('exec python3 -B -m unittest discover -q -s scripts/tests'), '', 'a test failed'),
    Verb('rules', 'which tests check a rule, which mutants break it; also in build/rules.html',
         in_repo('mkdir -p build && scripts/rules.py table --format html >build/rules.html && '
                 'exec scripts/rules.py page --rule "$1"', variable='RULE'), 'RULE',
         'something is wrong with the rules'),
    Verb('clean', 'remove build/', in_repo('echo rm -rf build && exec rm -rf build'), ''),
    Verb('distclean', 'remove the cache, too', in_repo('rm -rf build && exec scripts/distclean.sh'), 'CACHE'),
]
VERBS = {each.name: each for each in ALL_VERBS}

# What a verb wants else of a variable than others do
CHECKS: dict[tuple[str, str], Check] = {
    ('run', 'ARGS'): demo_words,
    ('kunit', 'TEST'): suite,
    ('interop', 'TEST'): named('scenario', scenarios),
    ('conformance', 'TEST'): conformance_test,
    ('vfio-selftests', 'TEST'): free,
    ('vfio-selftests', 'KERNEL'): kernels('latest', '/'),
    ('drivers', 'TEST'): named('test', selftests),
    ('mutants', 'TEST'): named('test', lambda: ['kunit', *selftests()]),
    ('series-check', 'TEST'): named('proof', lambda: proofs('series_check.sh')),
    ('portability', 'TEST'): named('proof', lambda: proofs('portability.sh')),
    ('mutants', 'KERNEL'): kernels('lts', 'latest', '/'),
    ('drivers', 'KERNEL'): kernels('lts', 'latest', '/'),
    ('kunit', 'KERNEL'): kernels('lts', 'latest', '/'),
    ('quick', 'KERNEL'): kernels('lts', 'latest', '/'),
    ('coverage', 'KERNEL'): kernels('lts'),
    ('mutants', 'ENGINE'): choice('uml'),
    ('coverage', 'ENGINE'): choice('uml'),
    # 0 is libFuzzer's word for a random one; without SEED= there is one, too
    ('soak', 'SEED'): number(0, (1 << 63) - 1, 'a seed', also='random'),
    ('fuzz', 'SEED'): number(1, (1 << 32) - 1, 'a seed'),
}

# Where a verb has no use for a variable, and there is more to say than that
NOT_FOR = {
    ('check-all', 'KERNEL'): 'its runs have their own; ONLY= takes some of the runs',
    ('check-all', 'ENGINE'): 'its runs have their own; ONLY= takes some of the runs',
    ('check-all', 'TEST'): 'its runs have their own; ONLY= takes some of the runs',
    ('mutants', 'SAN'): 'mutants are hunted with sanitizers',
    ('coverage', 'SAN'): 'coverage is counted without sanitizers',
    ('coverage', 'TEST'): 'coverage is what all tests reach',
    ('quick', 'SAN'): 'make check is with sanitizers, make quick without',
    ('quick', 'TEST'): 'make selftests TEST=... runs the tests of that name',
    ('quick', 'ENGINE'): 'User Mode Linux is what is quick',
    ('run', 'GUESTS'): 'it has one guest',
    ('kunit', 'GUESTS'): 'all suites run in one guest',
    ('shell', 'GUESTS'): 'it has one guest',
    ('kunit', 'TEST_TIMEOUT'): 'TIMEOUT= is for all of them',
    ('shell', 'TIMEOUT'): 'a shell has no limit',
    ('shell', 'SILENCE'): 'a shell has no limit',
    ('run', 'TEST'): 'make selftests TEST=... runs a test',
    ('interop', 'ARGS'): 'TEST= and QEMU= say what it does',
    ('modules', 'KERNEL'): 'KDIR= names the kernel that they are for',
}

# What makes no sense beside each other: verbs ('' for all), a variable, what it spoils
APART = [
    ('fuzz', 'INPUT', ('SECONDS', 'RUNS', 'SEED', 'MERGE'), 'one input is replayed'),
    ('fuzz', 'MERGE', ('SECONDS', 'RUNS', 'SEED'), 'nothing is fuzzed then'),
    ('fuzz', 'RUNS', ('SECONDS',), 'either is the limit'),
    ('soak', 'RUNS', ('MINUTES',), 'either is the limit'),
    ('stress', 'MINUTES', ('STEPS',), 'either is the limit'),
    ('selftests', 'MINUTES', ('STEPS',), 'either is the limit'),
    ('', 'TREE', ('KERNEL',), 'the tree is the kernel'),
    ('check', 'KERNEL', ('ONLY',), 'ONLY= takes some of the runs of make check without KERNEL='),
]


def known_verb(name: str) -> Verb:
    if name in VERBS:
        return VERBS[name]
    words = {'test': 'check runs all tests, kunit and selftests are its halves',
             'tests': 'check runs all tests, kunit and selftests are its halves',
             'all': 'run boots a kernel and migrates a device, check runs all tests, modules builds the '
                    'driver for the running kernel',
             'build': 'modules builds the driver for KDIR=; run and check build what they need',
             'modules_install': 'that is install here', 'kselftest': 'that is selftests here',
             'mrproper': 'clean removes build/, distclean the cache, too',
             'menuconfig': 'the guests\' configurations are in scripts/config/', 'sparse': 'lint calls it'}
    near = nearest(name, VERBS)
    raise Wrong(f"no verb is called '{name}'", words.get(name, '') or (near and f'did you mean make {near}?'),
                'make help lists the verbs')


def takes(verb: Verb) -> list[str]:
    return [*verb.variables.split(), *verb.kbuild]


def check_names(given: Iterable[str]) -> None:
    """Are these variables of the command line known?"""
    for name in given:
        if name not in BY_NAME:
            near = nearest(name, BY_NAME)
            raise Wrong(f'no variable is called {name}', FOREIGN.get(name, '')
                        or (near and f'did you mean {near}=?'), 'make help lists the variables')


def check_use(calls: list[Call]) -> None:
    """Is each variable of the command line of use to one of the verbs that are called?"""
    for name in calls[0].given:
        users = [call for call in calls if name in takes(VERBS[call.verb]) or call.verb == 'help']
        if users:
            continue
        verb = calls[0].verb
        what = takes(VERBS[verb])
        if BY_NAME[name].kbuild:
            why = ('the lab\'s own kernels are built as the lab has them' if verb != 'modules' else '')
        else:
            why = NOT_FOR.get((verb, name), '')
        fit = [each.name for each in ALL_VERBS if name in takes(each)]
        raise Wrong(f'make {verb} has no use for {name}=' + (f': {why}' if why else ''),
                    f'{name}= is for: {" ".join(fit)}',
                    f'make {verb} takes: ' + (' '.join(each for each in what if not BY_NAME[each].kbuild
                                                       or each in KBUILD_LAB) or 'no variable'))


def check_apart(call: Call) -> None:
    for verb, name, others, why in APART:
        if verb in ('', call.verb) and call.said(name) and name in takes(VERBS[call.verb]):
            if name == 'MERGE' and call.get(name) == '0':
                continue
            for other in others:
                if call.said(other) and other in takes(VERBS[call.verb]):
                    raise Wrong(f'{other}={call.get(other)} has no effect beside {name}={call.get(name)}: {why}',
                                'leave one of them out')


def check_together(call: Call) -> None:
    """What depends on several variables."""
    check_apart(call)
    mine = takes(VERBS[call.verb])
    which = call.get('KERNEL', 'lts') if 'KERNEL' in mine else 'lts'
    engine = call.get('ENGINE', 'qemu' if which == 'debian' else 'uml')
    if call.verb == 'install' and call.said('KERNEL') and not call.get('PREFIX'):
        raise Wrong('KERNEL= has no effect without PREFIX=: it is the source that selftests are built with',
                    'KDIR= names the kernel that the modules are for')
    if call.verb in ('modules', 'install'):
        check_arch(call)
    if 'ENGINE' not in mine:
        return
    if which == 'debian' and engine != 'qemu':
        raise Wrong(f'KERNEL=debian is an image for PCs, and {call.show("ENGINE", engine)} does not run those',
                    'leave ENGINE out, or say ENGINE=qemu')
    if 'SAN' not in mine or call.verb == 'lint':
        return
    san = call.get('SAN', '0' if call.verb in ('run', 'bench', 'shell') else '1')
    if which == 'debian' and call.get('SAN'):
        raise Wrong("Debian's kernel is as it is", 'leave SAN out')
    if san == 'kcsan' and engine != 'qemu':
        raise Wrong('KCSAN is not there for User Mode Linux', 'say SAN=kcsan ENGINE=qemu')
    if call.said('LEAKS') and call.get('LEAKS') == '1' and (san != '1' or which == 'debian'):
        raise Wrong('LEAKS=1 has no effect on a kernel without kmemleak',
                    'say SAN=1, with KERNEL=lts, latest or a tree: that one has it')
    if call.said('PROCESSORS') and call.get('PROCESSORS') != '1' and engine == 'uml' and \
            (san != '0' or which == 'lts'):
        raise Wrong('PROCESSORS= has no effect: that kernel runs on one processor in User Mode Linux',
                    'say ENGINE=qemu, or KERNEL=latest SAN=0')
    if call.verb == 'interop' and which == 'debian' and call.get('BACKEND') == 'iommufd':
        raise Wrong("Debian's kernel has no iommufd", 'leave BACKEND out, or say BACKEND=container')
    if call.verb == 'conformance' and call.get('DRIVER') in standins() and engine != 'uml':
        raise Wrong(f'the bus that {call.show("DRIVER", call.get("DRIVER"))} is on is one of User Mode Linux',
                    'leave ENGINE= out, and say KERNEL=lts, latest or a tree')
    if call.verb == 'conformance' and call.get('DRIVER') not in standins() and call.get('PATCH'):
        raise Wrong('PATCH= has no effect: it changes a driver of the kernel\'s',
                    'say DRIVER=' + ', '.join(standins()))
    if call.verb == 'conformance' and call.get('DRIVER') in standins() and call.get('TYPES'):
        raise Wrong('TYPES= has no effect: a stand-in has one type of device')
    if call.verb == 'conformance' and which == 'debian' and call.get('DRIVER') == 'mtty':
        raise Wrong("Debian's kernel has no samples, so there is no mtty in it",
                    'leave KERNEL= out, or name a kernel tree')


def check(verb_names: list[str], given: Mapping[str, str], environment: Mapping[str, str]
          ) -> dict[str, dict[str, str]]:
    """For each verb its variables with their values, or Wrong."""
    check_names(given)
    calls = [Call(known_verb(name).name, given, environment) for name in verb_names if name != 'help']
    if not calls:
        return {}
    check_use(calls)
    result: dict[str, dict[str, str]] = {}
    for call in calls:
        mine = takes(VERBS[call.verb])
        # Each by itself first: "MEM=lots" is wrong beside anything.
        values = {}
        for name in mine:
            inherited = not BY_NAME[name].kbuild or (name in KBUILD_INHERITED
                                                     and call.verb in ('modules', 'install'))
            text = call.get(name) if inherited else call.given.get(name, '')
            if text:
                check_one = CHECKS.get((call.verb, name), BY_NAME[name].check)
                values[name] = check_one(call, name, text)
        check_together(call)
        result[call.verb] = values
    return result


def help_text() -> str:
    import textwrap  # pylint: disable=import-outside-toplevel
    lines = []
    for verb in ALL_VERBS:
        if not isinstance(verb.command, str) or os.path.exists(f'{SCRIPTS}/{verb.command.split()[0]}'):
            lines.append(f'  {verb.name:12} {verb.help}')
    lines += ['', 'Variables, as in make check KERNEL=latest; a verb refuses those that it has no use for:']
    for variable in VARIABLES:
        if not variable.kbuild:
            lines += textwrap.wrap(variable.means, 78, initial_indent=f'  {variable.name:12} ',
                                   subsequent_indent=' ' * 15, break_on_hyphens=False)
    lines += ['', "Of the kernel's own, for modules and install:"]
    lines += textwrap.wrap(' '.join(KBUILD), 78, initial_indent='  ', subsequent_indent='  ')
    lines += [f'and for the modules of run, kunit, selftests and shell: {" ".join(KBUILD_LAB)}', '',
              'Exit status: 1 a test failed, 2 the call makes no sense, 3 the lab could not do its work.',
              'make itself makes 2 of them all, and prints the right one behind "Error"; scripts/verb.sh,',
              'which takes the same words as make, ends with it.']
    return '\n'.join(lines)
