#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make mutants DRIVER=core: mistakes in the vfio core, which the tests have to notice.

A mutant is a patch in selftests/mutants/core to the kernel's drivers/vfio or
drivers/iommu/iommufd.  It is put into a copy of the source of the kernel, which
shares its files with the cached one and its objects from mutant to mutant, and the
selftests of this project's device run on that kernel: first, without sanitizers, what
the patch expects to notice, then all, with them, and with a look for leaks.
"""

from __future__ import annotations

import argparse
import email.parser
import fcntl
import fnmatch
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

import exits
import ktap
import runs

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
MUTANTS = f'{REPO}/selftests/mutants/core'
# What waits for long, and what is about our driver's memory.  A pattern is for the names with
# and without their folders.
ALL = '!(*stuck_test|*stuck_session_test|*fail_nth_test)'


class Broken(Exception):
    """The lab could not do its work."""


class Mutant(NamedTuple):
    """A patch, with a header as of a mail."""
    name: str
    path: str
    subject: str
    killed_by: str          # a pattern: the programs that are expected to notice it
    survives: str           # why no test can notice it
    files: list[str]

    @classmethod
    def read(cls, path: str) -> Mutant:
        with open(path, encoding='utf-8') as file:
            text = file.read()
        head = email.parser.Parser().parsestr(text, headersonly=True)
        words = str(head['Killed-by'] or '').split()
        return cls(os.path.basename(path).removesuffix('.patch'), path, str(head['Subject'] or ''),
                   words[0] if len(words) == 1 else f'@({"|".join(words)})' if words else '',
                   ' '.join(str(head['Survives'] or '').split()), re.findall(r'^--- a/(\S+)$', text, re.M))


def read_all(pattern: str = '') -> list[Mutant]:
    found = [Mutant.read(path) for path in sorted(glob.glob(f'{MUTANTS}/*.patch'))]
    return [mutant for mutant in found
            if any(fnmatch.fnmatch(mutant.name, each) for each in pattern.split() or ['*'])]


class Tree:
    """A copy of a kernel's source, in which files can be changed."""

    def __init__(self, source: str, path: str) -> None:
        self.source = os.path.realpath(source)
        self.path = path
        if not os.path.isdir(path):
            scratch = f'{path}.{os.getpid()}'
            shutil.rmtree(scratch, ignore_errors=True)
            # Most of it is never changed: the same files by another name.
            subprocess.run(['cp', '-al', self.source, scratch], check=True)
            # It is a tree like a user's: what is built of it is make's to judge.
            os.unlink(f'{scratch}/.mtty-mig-stamp')
            os.rename(scratch, path)

    def restore(self, files: list[str]) -> None:
        """These are as in the source.  patch(1) may not write into a file that both share."""
        for name in files:
            with open(f'{self.source}/{name}', 'rb') as file:
                wanted = file.read()
            shared = os.path.samefile(f'{self.source}/{name}', f'{self.path}/{name}')
            with open(f'{self.path}/{name}', 'rb') as file:
                same = file.read() == wanted
            if same and not shared:
                continue
            os.unlink(f'{self.path}/{name}')
            with open(f'{self.path}/{name}', 'wb') as file:
                file.write(wanted)

    def apply(self, mutant: Mutant) -> None:
        self.restore(mutant.files)
        done = subprocess.run(['patch', '-p1', '-s', '--no-backup-if-mismatch', '-i', mutant.path],
                              cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode:
            self.restore(mutant.files)
            raise Broken(f'the patch does not apply: {done.stdout.strip()}')


def failures(tree: Tree, tests: str, sanitize: bool, log: str) -> list[str]:
    """What fails of the selftests."""
    status, lines = runs.follow([f'{REPO}/scripts/verb.sh', 'selftests', f'KERNEL={tree.path}',
                                 f'SAN={int(sanitize)}', f'LEAKS={int(sanitize)}', f'TEST={tests}'],
                                log, False)
    found = next((match[1] for line in reversed(lines)
                  if (match := re.match(r'lab: results: (\S+\.json) ', line))), '')
    if not found or status not in (0, exits.FAILED):
        raise Broken(next((line for line in lines if 'error: ' in line), 'the run came to no end'))
    with open(found, encoding='utf-8') as file:
        results = json.load(file)
    return ([case['name'] for case in results['cases'] if case['status'] == 'failed']
            + [f'the kernel: {report[0]}' for report in results['kernel_reports']])


def hunt_one(tree: Tree, mutant: Mutant, log: str) -> list[str]:
    tree.apply(mutant)
    try:
        seen = failures(tree, mutant.killed_by, False, f'{log}-1.log') if mutant.killed_by else []
        tests = f'@({ALL}|{mutant.killed_by})' if mutant.killed_by else ALL
        return seen or failures(tree, tests, True, f'{log}-2.log')
    finally:
        tree.restore(mutant.files)


def verdict(mutant: Mutant, seen: list[str], seconds: float) -> ktap.Case:
    name = f'core {mutant.name}'
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


def hunt(tree: Tree, mutants: list[Mutant], logs: str) -> list[ktap.Case]:
    tree.restore(sorted({name for mutant in read_all() for name in mutant.files}))
    expected = sorted({mutant.killed_by for mutant in mutants if mutant.killed_by})
    for number, tests in enumerate(expected):
        broken = failures(tree, tests, False, f'{logs}-as-it-is-{number}.log')
        if broken:
            raise Broken(f'{broken[0]} fails with the core as it is')
    cases = []
    for number, mutant in enumerate(mutants, start=1):
        begun = time.monotonic()
        try:
            case = verdict(mutant, hunt_one(tree, mutant, f'{logs}-{mutant.name}'),
                           time.monotonic() - begun)
        except Broken as why:
            case = ktap.Case(f'core {mutant.name}', 'failed', str(why))
        cases.append(case)
        print(f'{"not ok" if case.status == "failed" else "ok"} {number} {case.name}'
              + (' # SKIP' if case.status == 'skipped' else '')
              + (f': {case.reason}' if case.status == 'failed' else ''), flush=True)
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--source', required=True, help="the kernel's")
    parser.add_argument('--tree', required=True, help='where its copy is, or will be')
    parser.add_argument('--pattern', default='', help='words: only mutants of such names')
    parser.add_argument('--logs', required=True, help='what logs begin with')
    args = parser.parse_args()
    os.makedirs(os.path.dirname(args.tree), exist_ok=True)
    try:
        with open(f'{args.tree}.lock', 'w', encoding='utf-8') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Broken(f"another 'make mutants DRIVER=core' is at work in {args.tree}") from None
            cases = hunt(Tree(args.source, args.tree), read_all(args.pattern), args.logs)
    except Broken as why:
        print(f'lab: error: {why}', file=sys.stderr)
        return exits.BROKEN
    ktap.write_json(f'{args.logs}.json', cases)
    ktap.write_junit(f'{args.logs}.xml', cases)
    print(f'\nlab: logs and results: {args.logs}*')
    print(ktap.last_line(cases), flush=True)
    return exits.FAILED if ktap.count(cases)['failed'] else 0


if __name__ == '__main__':
    exits.end_with(main)
