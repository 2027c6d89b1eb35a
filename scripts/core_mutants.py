#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""make mutants DRIVER=core: mistakes in the vfio core, which the tests have to notice.

A mutant is a patch in selftests/mutants/core to the kernel's drivers/vfio (or its
header) or drivers/iommu/iommufd.  It is put into a copy of the source of the kernel,
which shares its files with the cached one and its objects from mutant to mutant, and
the selftests of this project's device run on that kernel: first, without sanitizers,
what the patch expects to notice, then all, with them, and with a look for leaks.  Where
only these notice something (Needs: san, or leaks), the first ones run so, too.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys

import exits
import hunt
import ktap
import runs
import shard

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
MUTANTS = f'{REPO}/selftests/mutants/core'
# What waits for long, and what is about our driver's memory.  A pattern is for the names with
# and without their folders.
ALL = '!(*stuck_test|*stuck_session_test|*fail_nth_*)'


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

    def apply(self, mutant: hunt.Mutant) -> None:
        self.restore(mutant.files)
        done = subprocess.run(['patch', '-p1', '-s', '--no-backup-if-mismatch', '-i', mutant.path],
                              cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode:
            self.restore(mutant.files)
            raise hunt.Broken(f'the patch does not apply: {done.stdout.strip()}')


def failures(tree: Tree, tests: str, sanitize: bool, log: str) -> list[str]:
    """What fails of the selftests."""
    status, lines = runs.follow([f'{REPO}/scripts/verb.sh', 'selftests', f'KERNEL={tree.path}',
                                 f'SAN={int(sanitize)}', f'LEAKS={int(sanitize)}', f'TEST={tests}'],
                                log, False)
    found = next((match[1] for line in reversed(lines)
                  if (match := re.match(r'lab: results: (\S+\.json) ', line))), '')
    if not found or status not in (0, exits.FAILED):
        raise hunt.Broken(hunt.why_not(lines))
    with open(found, encoding='utf-8') as file:
        results = json.load(file)
    return ([case['name'] for case in results['cases'] if case['status'] == 'failed']
            + [f'the kernel: {report[0]}' for report in results['kernel_reports']])


def look(tree: Tree, mutant: hunt.Mutant, log: str) -> list[str]:
    """What notices a mistake, if anything does."""
    tree.apply(mutant)
    try:
        seen = failures(tree, mutant.killed_by, mutant.sanitized, f'{log}-1.log') if mutant.killed_by else []
        tests = f'@({ALL}|{mutant.killed_by})' if mutant.killed_by else ALL
        return seen or failures(tree, tests, True, f'{log}-2.log')
    finally:
        tree.restore(mutant.files)


def hunt_all(tree: Tree, mutants: list[hunt.Mutant], logs: str) -> list[ktap.Case]:
    """First the core as it is: what is expected to notice something has to pass with that."""
    tree.restore(sorted({name for mutant in hunt.read_all(MUTANTS) for name in mutant.files}))
    expected = sorted({(mutant.killed_by, mutant.sanitized) for mutant in mutants if mutant.killed_by})
    for number, (tests, sanitized) in enumerate(expected):
        broken = failures(tree, tests, sanitized, f'{logs}-as-it-is-{number}.log')
        if broken:
            raise hunt.Broken(f'{broken[0]} fails with the core as it is')
    return hunt.hunt('core', mutants, lambda mutant: look(tree, mutant, f'{logs}-{mutant.name}'))


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
                raise hunt.Broken(f"another 'make mutants DRIVER=core' is at work in {args.tree}") from None
            mutants = shard.share(hunt.read_all(MUTANTS, args.pattern), shard.take())
            cases = hunt_all(Tree(args.source, args.tree), mutants, args.logs)
    except hunt.Broken as why:
        print(f'lab: error: {why}', file=sys.stderr)
        return exits.BROKEN
    return hunt.finish(cases, args.logs)


if __name__ == '__main__':
    exits.end_with(main)
