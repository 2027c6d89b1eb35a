# SPDX-License-Identifier: GPL-2.0-only
"""Is a call right?  Asked before anything is fetched, built or booted.

A variable comes from the command line or from the environment.  What is said on the
command line has to be of use to a verb that is called.  What is in the environment may
be there for something else: a verb that has no use for it does not see it.
"""

from __future__ import annotations

from typing import Iterable, Mapping

from lab.config import BY_NAME, FOREIGN, KBUILD, KBUILD_INHERITED, KBUILD_LAB, VARIABLES, Verb
from lab.values import Call, Wrong, check_arch, nearest, standins
from lab.registry import NAMES, every, find, takes

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
    """The verb of that name, or Wrong."""
    if name in NAMES:
        return find(name)
    words = {'test': 'check runs all tests, kunit and selftests are its halves',
             'tests': 'check runs all tests, kunit and selftests are its halves',
             'all': 'run boots a kernel and migrates a device, check runs all tests, modules builds the '
                    'driver for the running kernel',
             'build': 'modules builds the driver for KDIR=; run and check build what they need',
             'modules_install': 'that is install here', 'kselftest': 'that is selftests here',
             'mrproper': 'clean removes build/, distclean the cache, too',
             'menuconfig': 'the guests\' configurations are in scripts/config/', 'sparse': 'lint calls it'}
    near = nearest(name, NAMES)
    raise Wrong(f"no verb is called '{name}'", words.get(name, '') or (near and f'did you mean make {near}?'),
                'make help lists the verbs')


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
        users = [call for call in calls if name in takes(find(call.verb)) or call.verb == 'help']
        if users:
            continue
        verb = calls[0].verb
        what = takes(find(verb))
        if BY_NAME[name].kbuild:
            why = ('the lab\'s own kernels are built as the lab has them' if verb != 'modules' else '')
        else:
            why = find(verb).not_for.get(name, '')
        fit = [each.name for each in every() if name in takes(each)]
        raise Wrong(f'make {verb} has no use for {name}=' + (f': {why}' if why else ''),
                    f'{name}= is for: {" ".join(fit)}',
                    f'make {verb} takes: ' + (' '.join(each for each in what if not BY_NAME[each].kbuild
                                                       or each in KBUILD_LAB) or 'no variable'))


def check_apart(call: Call) -> None:
    for verb, name, others, why in APART:
        if verb in ('', call.verb) and call.said(name) and name in takes(find(call.verb)):
            if name == 'MERGE' and call.get(name) == '0':
                continue
            for other in others:
                if call.said(other) and other in takes(find(call.verb)):
                    raise Wrong(f'{other}={call.get(other)} has no effect beside {name}={call.get(name)}: {why}',
                                'leave one of them out')


def check_together(call: Call) -> None:
    """What depends on several variables."""
    check_apart(call)
    mine = takes(find(call.verb))
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
        mine = takes(find(call.verb))
        # Each by itself first: "MEM=lots" is wrong beside anything.
        values = {}
        for name in mine:
            inherited = not BY_NAME[name].kbuild or (name in KBUILD_INHERITED
                                                     and call.verb in ('modules', 'install'))
            text = call.get(name) if inherited else call.given.get(name, '')
            if text:
                check_one = find(call.verb).checks.get(name, BY_NAME[name].check)
                values[name] = check_one(call, name, text)
        check_together(call)
        result[call.verb] = values
    return result


def help_text() -> str:
    import textwrap  # pylint: disable=import-outside-toplevel
    lines = []
    for verb in every():
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
