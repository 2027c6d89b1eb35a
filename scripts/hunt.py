# SPDX-License-Identifier: GPL-2.0-only
"""Mutants of code that is not this project's: the kernel's drivers, and the vfio core.

drivers.py and core_mutants.py know how one is looked at.  Here is what they share: the
patches, the verdict on one, and how a hunt is told.
"""

from __future__ import annotations

import email.parser
import fnmatch
import glob
import os
import re
import time
from typing import Any, Callable, NamedTuple

import exits
import ktap
import results


class Broken(Exception):
    """A mutant could not be looked at."""


class Mutant(NamedTuple):
    """A patch, with a header as of a mail."""
    name: str
    path: str
    subject: str
    killed_by: str          # a pattern: the programs that are expected to notice it
    survives: str           # why no test can notice it
    files: list[str]        # what it changes
    sanitized: bool = False  # only a kernel with sanitizers, and a look for leaks, notices it
    rule: str = ''          # the first one that it breaks

    @classmethod
    def read(cls, path: str) -> Mutant:
        with open(path, encoding='utf-8') as file:
            text = file.read()
        head = email.parser.Parser().parsestr(text, headersonly=True)
        words = str(head['Killed-by'] or '').split()
        rules = str(head['Rules'] or 'none').split()
        return cls(os.path.basename(path).removesuffix('.patch'), path, str(head['Subject'] or ''),
                   words[0] if len(words) == 1 else f'@({"|".join(words)})' if words else '',
                   ' '.join(str(head['Survives'] or '').split()),
                   re.findall(r'^--- a/(\S+)$', text, re.M), head['Needs'] in ('san', 'leaks'),
                   '' if rules == ['none'] else rules[0])


def read_all(folder: str, pattern: str = '') -> list[Mutant]:
    """pattern: words; those of such names."""
    found = [Mutant.read(path) for path in sorted(glob.glob(f'{folder}/*.patch'))]
    return [mutant for mutant in found
            if any(fnmatch.fnmatch(mutant.name, each) for each in pattern.split() or ['*'])]


def why_not(lines: list[str]) -> str:
    """Why a run gave no verdict."""
    return next((line for line in lines if 'error: ' in line), 'the run came to no end')


def verdict(where: str, mutant: Mutant, seen: list[str], seconds: float) -> ktap.Case:
    """What a mutant comes to.  where: what it is a mistake in; seen: what noticed it."""
    name = f'{where} {mutant.name}'
    if seen and mutant.survives:
        return ktap.Case(name, 'failed', f'{seen[0]} notices it, though the patch says that nothing can')
    if seen:
        more = f' and {len(seen) - 1} more' if seen[1:] else ''
        print(f'# killed   {name}  by {seen[0]}{more}  {seconds:.0f} s', flush=True)
        return ktap.Case(name, 'passed')
    if mutant.survives:
        print(f'# survives {name}: {mutant.survives}', flush=True)
        return ktap.Case(name, 'skipped', mutant.survives)
    print(f'# SURVIVES {name}: {mutant.subject}  {seconds:.0f} s', flush=True)
    return ktap.Case(name, 'failed', 'no test noticed it')


def hunt(where: str, mutants: list[Mutant], look: Callable[[Mutant], list[str]]) -> list[ktap.Case]:
    """Look at each, and tell of it.  look: gives what noticed one, or raises Broken."""
    cases = []
    for number, mutant in enumerate(mutants, start=1):
        begun = time.monotonic()
        try:
            case = verdict(where, mutant, look(mutant), time.monotonic() - begun)
        except Broken as why:
            case = ktap.Case(f'{where} {mutant.name}', 'failed', str(why))
        cases.append(case)
        print(f'{"not ok" if case.status == "failed" else "ok"} {number} {case.name}'
              + (' # SKIP' if case.status == 'skipped' else '')
              + (f': {case.reason}' if case.status == 'failed' else ''), flush=True)
    return cases


def finish(cases: list[ktap.Case], logs: str, **more: Any) -> int:
    """The files, the last line, and the exit status.

    logs: what their names begin with.  more: for the report.
    """
    results.leave({**ktap.write_json(f'{logs}.json', cases), **more})
    ktap.write_junit(f'{logs}.xml', cases)
    print(f'\nlab: logs and results: {logs}*')
    good = not ktap.count(cases)['failed']
    print(results.closing(ktap.last_line(cases), good), flush=True)
    return 0 if good else exits.FAILED
