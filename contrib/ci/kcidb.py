#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a submission to KCIDB, KernelCI's database of results, of what RESULTS=DIR gave.

    kcidb.py --origin ORIGIN [OPTION]... DIR/results.json >submission.json

KCIDB's own tools take the output: kcidb-validate looks at it, kcidb-submit sends it.  ORIGIN is
the name that KernelCI knows the submitter by.  Each kernel becomes a checkout, each of its
configurations and engines a build, each case a test.  A run that names no kernel is left out.

The schema is version 5.3 of KCIDB's.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any

VERSION = {'major': 5, 'minor': 3}
STATUS = {'passed': 'PASS', 'failed': 'FAIL', 'skipped': 'SKIP'}
# What the kernel is built for, by what runs it
ARCHITECTURE = {'uml': 'um', 'qemu': 'x86_64'}
# Of an excerpt of a log, in the schema
LONGEST = 16384
Record = dict[str, Any]


def word(text: str) -> str:
    """A part of a test's path: letters, digits, - and _"""
    return re.sub(r'[^A-Za-z0-9_-]+', '_', text).strip('_') or '_'


def path_of(case: str) -> str:
    """'generic/fsm_test(mtty_mig-full) fsm.cdev.go' is mtty_mig.generic.fsm_test_mtty_mig-full.fsm.cdev.go"""
    where, _, name = case.partition(' ')
    name, colon, parameter = name.partition(':')
    parts = where.split('/') + (name.split('.') if name else [])
    if colon:
        parts[-1] += colon + parameter
    return '.'.join(['mtty_mig', *map(word, parts)])


def text(words: str) -> str:
    """The schema takes no zero byte."""
    return words.replace('\0', '?')


def test(case: Record, number: int, build: str, origin: str, run: Record, record: Record) -> Record:
    told: Record = {
        'id': f'{build}:{word(run["name"])}:{record["began"]}:{number}', 'origin': origin, 'build_id': build,
        'path': path_of(case['name']), 'status': STATUS[case['status']],
        'environment': {'comment': text(f'{run["engine"]}, {run.get("flavour") or ""}'.rstrip(', ')),
                        'misc': {'seed': run.get('seed'), 'call': run['call']}},
        'misc': {'name': case['name'], 'mtty_mig_commit': record.get('commit', '')},
    }
    if case.get('seconds') is not None:
        told['duration'] = case['seconds']
    if record.get('began'):
        told['start_time'] = record['began']
    if case.get('reason'):
        told['comment'] = text(case['reason'])
    if case.get('diagnostics'):
        told['log_excerpt'] = text('\n'.join(case['diagnostics']))[-LONGEST:]
    return told


def submission(record: Record, args: argparse.Namespace) -> Record:
    """All of it; checkouts and builds once each."""
    checkouts: dict[str, Record] = {}
    builds: dict[str, Record] = {}
    tests: list[Record] = []
    for run in record['runs']:
        if not run.get('kernel'):
            print(f'kcidb.py: {run["name"]} names no kernel, and is left out', file=sys.stderr)
            continue
        # What is told of a tree is not told of another one with the same release.
        checkout = f'{args.origin}:{args.git_commit or "linux-" + run["kernel"]}'
        checkouts[checkout] = {
            'id': checkout, 'origin': args.origin, 'valid': True, 'comment': f'Linux {run["kernel"]}',
            **{key: value for key, value in (
                ('tree_name', args.tree), ('git_repository_url', args.git_url),
                ('git_repository_branch', args.git_branch), ('git_commit_hash', args.git_commit)) if value}}
        build = f'{checkout}:{run["engine"]}-{run.get("flavour") or "default"}'
        builds[build] = {
            'id': build, 'origin': args.origin, 'checkout_id': checkout, 'status': 'PASS',
            'architecture': ARCHITECTURE.get(run['engine'], run['engine']), 'config_name': run.get('flavour') or '',
            'compiler': record.get('versions', {}).get('compiler', '')}
        tests += [test(case, number, build, args.origin, run, record)
                  for number, case in enumerate(run['cases'], start=1)]
    return {'version': VERSION, 'checkouts': list(checkouts.values()), 'builds': list(builds.values()),
            'tests': tests}


def matching(pattern: str, what: str) -> Any:
    def check(words: str) -> str:
        if not re.fullmatch(pattern, words):
            raise argparse.ArgumentTypeError(f"'{words}' is not {what}")
        return words
    return check


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', maxsplit=1)[0])
    parser.add_argument('--origin', required=True, type=matching('[a-z0-9_]+', 'small letters, digits and _'),
                        help='the submitter, as KernelCI knows it')
    parser.add_argument('--tree', help='the name of the tree, as in "next"')
    parser.add_argument('--git-url', type=matching('(https|git)://.*', 'a https:// or git:// address'),
                        help='where the kernel is from')
    parser.add_argument('--git-branch', help='and which branch')
    parser.add_argument('--git-commit', type=matching('[0-9a-f]{40}', 'the 40 digits of a commit'),
                        help='of the kernel, not of mtty-mig')
    parser.add_argument('results', help='results.json, as RESULTS=DIR has it')
    args = parser.parse_args()
    try:
        with open(args.results, encoding='utf-8') as file:
            record = json.load(file)
    except (OSError, ValueError) as why:
        parser.error(f'{args.results}: {why}')
    if not isinstance(record, dict) or 'runs' not in record:
        parser.error(f'{args.results} is no results.json of RESULTS=DIR')
    if len({run.get('kernel') for run in record['runs'] if run.get('kernel')}) > 1 and args.git_commit:
        parser.error('--git-commit is one kernel, and the results are of several: call the verb with KERNEL=')
    told = submission(record, args)
    if not told['tests']:
        print('kcidb.py: there is nothing to submit: no run of these results names its kernel', file=sys.stderr)
        return 3
    print(json.dumps(told, indent=1))
    return 0


if __name__ == '__main__':
    sys.exit(main())
