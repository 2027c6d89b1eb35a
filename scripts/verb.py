# SPDX-License-Identifier: GPL-2.0-only
"""Do a verb: look at its variables first, then do it, then say how it ended.

    verb.py [--make GOALS] [-jN] VERB [NAME=VALUE]...

With --make it is called by make, for one of its goals; then what the command line said
is in MAKEFLAGS and in the environment.  lab/calls.py knows what may be said.

Exit status: 0 all is well, 1 a test failed, 2 the call makes no sense, 3 the lab could
not do its work; 128 and more for a signal.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import results
from exits import BROKEN, FAILED, REFUSED, end_with
from lab import calls
from lab.config import BY_NAME, Verb
from lab.values import Call, SCRIPTS, Wrong
from lab.registry import find, module_of, takes
from progress import VERBOSE


def said_to_make(flags: str) -> tuple[list[str], str]:
    """The names of variables on make's command line, and its -j: N, 'all' or nothing."""
    options, _, rest = f' {flags}'.partition(' -- ')
    names = [re.split(r'[:+?!]*=', word, maxsplit=1)[0]
             for word in re.findall(r'(?:\\.|[^\\\s])+', rest) if '=' in word]
    jobs = re.search(r'(?:^| )-j([0-9]*)(?= |$)', options)
    return names, (jobs[1] or 'all') if jobs else ''


class Asked:
    """What the caller wants."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self.verb = ''
        self.goals: list[str] = []
        self.given: dict[str, str] = {}
        self.jobs = environment.get('LAB_JOBS', '')
        words = list(argv)
        by_make = words[:1] == ['--make']
        if by_make:
            goals = words[1].split() or ['help']
            names, self.jobs = said_to_make(environment.get('MAKEFLAGS', ''))
            # A name that no shell knows is in no environment.
            self.given = {name: environment.get(name, '') for name in names}
            words = words[2:]
        for word in words:
            name, equals, value = word.partition('=')
            if equals:
                self.given[name] = value
            elif re.fullmatch('-j[0-9]*', word):
                self.jobs = word[2:] or 'all'
            else:
                self.goals.append(word)
        if not by_make and len(self.goals) > 1:
            raise Wrong('one verb at a time: ' + ' '.join(self.goals), 'make takes several')
        self.verb = self.goals[0] if self.goals else 'help'
        self.goals = goals if by_make else [self.verb]
        if self.jobs == '0':
            raise Wrong('-j0: no job can be done so')


def environment_for(verb: str, values: dict[str, str], asked: Asked,
                    environment: dict[str, str]) -> dict[str, str]:
    """What the verb finds there: nothing but what was looked at."""
    result = {name: text for name, text in environment.items()
              if name not in BY_NAME or BY_NAME[name].foreign or BY_NAME[name].kbuild}
    result.update({name: text for name, text in values.items() if not BY_NAME[name].kbuild})
    # Where results go is no matter of the verbs that it calls itself.
    for name in ('LAB_JOBS', 'KBUILD_WORDS', 'RESULTS'):
        result.pop(name, None)
    if asked.jobs and asked.jobs != 'all':
        result['LAB_JOBS'] = asked.jobs
    # A line each, for lab/modules.py; everybody else is protected from them by host.settle().
    words = [f'{name}={text}' for name, text in values.items() if BY_NAME[name].kbuild]
    if words:
        result['KBUILD_WORDS'] = '\n'.join(words)
    if values.get('KERNEL') == 'debian' and 'ENGINE' in takes(find(verb)):
        result['ENGINE'] = 'qemu'
    if values.get('V') or values.get('CALLS') == '1':
        result[VERBOSE] = '1'
    if result.get('SEED') == 'random' and verb != 'soak':
        # Chosen here, so that all programs have the same, and the results tell which.
        result['SEED'] = str(time.time_ns() % (1 << 63))
    return result


def tell_inherited(asked: Asked, values: dict[str, str]) -> None:
    inherited = [f'{name}={text}' for name, text in values.items()
                 if BY_NAME[name].kbuild and not asked.given.get(name)]
    if inherited:
        print("lab: from the environment, for the kernel's makefiles: " + ' '.join(inherited),
              file=sys.stderr)


def perform(verb: Verb, values: dict[str, str], environment: dict[str, str]) -> int:
    """Do it: its exit status."""
    # Only now, for the help and what makes no sense have no use for it
    from lab import host  # pylint: disable=import-outside-toplevel
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    host.end_on_signals()
    try:
        if not verb.command:
            from lab.lab import Lab  # pylint: disable=import-outside-toplevel
            host.settle()
            status: int = module_of(verb.name).run(Lab(verb.name))
            return status
        if isinstance(verb.command, str):
            script, *rest = verb.command.split()
            return host.call([f'{SCRIPTS}/{script}', *rest])
        return host.call(verb.command(Call(verb.name, values, {})))
    except host.Broken as why:
        why.tell()
        return BROKEN
    except host.Ended as end:
        return end.status
    finally:
        os.environ.clear()
        os.environ.update(before)


def make_report(path: str, status: int, folder: str) -> bool:
    """The report, which costs the verb no more than a warning, and what others want to read.

    path: where the results are.  folder: where they are to go; '' for nowhere.
    """
    python = [sys.executable, '-B']
    if results.left(path) and subprocess.run([*python, f'{SCRIPTS}/report.py'], check=False).returncode:
        print('lab: warning: there is no new report, see above', file=sys.stderr)
    return not folder or not subprocess.run(
        [*python, f'{SCRIPTS}/export.py', os.path.basename(path), str(status), folder], check=False).returncode


def closing(verb: str, status: int) -> str:
    """The last words of a call that did not end well."""
    if verb == 'shell' and status != BROKEN:
        return ''               # it is the shell's own status
    failure = find(verb).failure
    if status == FAILED and failure:
        return f'lab: make {verb}: {failure} (exit status {FAILED})'
    if status == REFUSED:
        return f'lab: make {verb}: the call makes no sense, see above (exit status {REFUSED})'
    if status == BROKEN:
        return f'lab: make {verb}: the lab could not do its work, so that is no verdict (exit status {BROKEN})'
    return ''


def main() -> int:
    environment = dict(os.environ)
    try:
        asked = Asked(sys.argv[1:], environment)
        result = calls.check(asked.goals, asked.given, environment)
        if asked.verb == 'help':
            print(calls.help_text())
            return 0
        calls.known_verb(asked.verb)
    except Wrong as why:
        print(f'lab: error: {why}', *(f'     {hint}' for hint in why.hints),
              f'lab: nothing was done: the call makes no sense (exit status {REFUSED})',
              sep='\n', file=sys.stderr)
        return REFUSED
    verb = find(asked.verb)
    values = result[verb.name]
    tell_inherited(asked, values)
    began = environment_for(verb.name, values, asked, environment)
    wanted = verb.results and results.prepare(verb.name, values, began)
    status = perform(verb, values, began)
    if wanted and not make_report(began[results.VARIABLE], status, values.get('RESULTS', '')):
        print(f'lab: error: there are no results in {values["RESULTS"]}, see above', file=sys.stderr)
        status = status or BROKEN
    if verb.name != 'shell' and REFUSED < status < 128:
        status = BROKEN         # whatever the script's last command meant by it
    words = closing(verb.name, status)
    if words:
        print(words, file=sys.stderr)
    return status


if __name__ == '__main__':
    end_with(main)
