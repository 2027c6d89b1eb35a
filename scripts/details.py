# SPDX-License-Identifier: GPL-2.0-only
"""What the report wants to know of tests that ran in a guest, beside their results."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from typing import Any, Iterable, Mapping

import ktap
import rules

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
sys.path.insert(0, f'{REPO}/selftests/generic')

import conformance  # noqa: E402  pylint: disable=wrong-import-position,wrong-import-order

# A program's units with the results of each
Results = Iterable[tuple[str, list[ktap.Case]]]
ARCS = re.compile(r'^# arcs: (.*)$')
ONE_ARC = re.compile(r'(\w+>\w+) (\d+) (\d+)')
# Lines of the kernel's log that are kept of a unit
LAST = 40


@functools.cache
def sentences() -> dict[str, str]:
    """{rule: its sentence}"""
    path = 'Documentation/rules.rst'
    with open(f'{REPO}/{path}', encoding='utf-8') as file:
        catalogue = rules.Catalogue(path, file.read())  # type: ignore[no-untyped-call]
    return {name: plain(rule.summary) for name, rule in catalogue.rules.items()}


def plain(text: str) -> str:
    """Without ReST's marks."""
    return re.sub(r'``|(?<!\w)\*|\*(?!\w)', '', text)


def rule_lines(case: ktap.Case) -> list[str]:
    """The rules that a case found violated, each with its sentence."""
    found = [match['rule'] for match in map(conformance.VIOLATED.match, case.diagnostics) if match]
    return [f'{rule}: {sentences().get(rule, "is in no catalogue")}' for rule in dict.fromkeys(found)]


def split(unit: str) -> tuple[str, str]:
    """(program, type of device or '') of PROGRAM[@TYPE[@WORD...]][%SEED]"""
    program, _, rest = unit.partition('%')[0].partition('@')
    return program, rest.partition('@')[0]


def catalogue() -> dict[str, Any]:
    """The rules and which test names which, from the sources: who runs one program has no rules.json."""
    return dict(rules.as_json(rules.Project(REPO, None, None)))  # type: ignore[no-untyped-call]


def by_device(results: Results) -> dict[str, dict[str, str]]:
    """{device: {rule: verdict}} of generic programs."""
    reports: dict[str, Any] = {}
    known = None
    for unit, cases in results:
        program, device = split(unit)
        if not device or not program.startswith(('generic/', 'standins/')):
            continue
        known = known or catalogue()
        report = reports.setdefault(device, conformance.Report(known))
        for case in cases:
            # The parser's name is what is run, and for what; then the test.
            test = case.name.partition(' ')[2]
            report.add(conformance.name_of(program), re.sub(r'^SEED=\w+ ?', '', test), case)
    return {device: {row['rule']: row['verdict'] for row in report.rows()}
            for device, report in reports.items()}


def arcs(results: Results) -> dict[str, dict[str, list[int]]]:
    """{device: {FROM>TO: [taken, errors, errors in tests that failed]}}

    A program without types of device is about ours.
    """
    found: dict[str, dict[str, list[int]]] = {}
    for unit, cases in results:
        device = split(unit)[1] or 'mtty_mig'
        for case in cases:
            for line in case.diagnostics:
                told = ARCS.match(line)
                for arc, taken, errors in ONE_ARC.findall(told[1]) if told else ():
                    numbers = found.setdefault(device, {}).setdefault(arc, [0, 0, 0])
                    numbers[0] += int(taken)
                    numbers[1] += int(errors)
                    numbers[2] += int(errors) * (case.status == 'failed')
    return found


def words(logs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """{unit: the end of what the kernel said meanwhile}.  logs: of each log's name the units."""
    found: dict[str, list[str]] = {}
    for name, units in logs.items():
        wanted = set(units)
        if not wanted:
            continue
        unit = ''
        with contextlib.suppress(FileNotFoundError), open(name, encoding='utf-8', errors='replace') as log:
            for line in log:
                if line.startswith('--- '):
                    word, _, rest = line.rstrip('\n')[4:].partition(' ')
                    # A mark that was too long has no more than its beginning.
                    unit = next((each for each in wanted if rest and each.startswith(rest)), '') \
                        if word == 'begin' else ''
                elif unit:
                    kept = found.setdefault(unit, [])
                    kept.append(line.rstrip('\r\n'))
                    del kept[:-LAST]
    return found
