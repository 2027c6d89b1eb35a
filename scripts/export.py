#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Results of a call for others to read: one JUnit XML, one KTAP and one JSON.

    export.py NAME STATUS FOLDER

NAME is what the call's results are kept under in build/report/data (see results.py), STATUS
what it ended with.  The files in FOLDER are junit.xml, results.ktap and results.json.  A call
that could not do its work leaves files that say so.
"""

from __future__ import annotations

import json
import re
import sys
import time
import xml.etree.ElementTree as ET
from typing import Any

import exits
import ktap
import report
import results

JUNIT, KTAP, JSON = results.EXPORTED
STATUSES = ('passed', 'failed', 'skipped')


def stamp(seconds: float) -> str:
    """A time as ISO 8601 has it, in UTC."""
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(seconds)) if seconds else ''


def cases_of(run: report.Run) -> list[dict[str, Any]]:
    """Its cases; a report of the kernel is one, too."""
    reports = [{'name': f'kernel {lines[0].strip()}', 'status': 'failed', 'diagnostics': lines,
                'reason': 'the kernel reported' + (f', during {unit}' if unit else '')}
               for unit, lines in run.reports[:len(run.data.get('kernel_reports', ()))]]
    return run.cases + reports


def broken(status: int) -> dict[str, Any]:
    """The case of a call that has left nothing, as an empty SHARD= does."""
    if not status:
        return {'name': 'lab verb', 'status': 'skipped', 'reason': 'there was nothing to do'}
    return {'name': 'lab verb', 'status': 'failed', 'diagnostics': [],
            'reason': f'it ended with exit status {status}, and left no results'}


def as_record(name: str, status: int, runs: list[report.Run]) -> dict[str, Any]:
    """All there is to know of a call."""
    about = runs[0].about if runs else {}
    told: list[dict[str, Any]] = [{
        'name': run.name, 'call': run.command(), **{key: run.about.get(key) for key in
                                                    ('kernel', 'engine', 'flavour', 'seed', 'seconds')},
        **({'bench': run.data['bench']} if 'bench' in run.data else {}),
        'ended': stamp(run.ended), 'cases': cases_of(run)} for run in runs]
    every = [case for run in told for case in run['cases']]
    if not every:
        every = [broken(status)]
        told = [{'name': name, 'call': f'make {name}', 'cases': every}]
    return {'name': name, 'status': status, 'commit': about.get('commit') or results.commit(),
            'began': stamp(about.get('began', 0)), 'ended': stamp(max((run.ended for run in runs), default=0)),
            'versions': about.get('versions', {}),
            **{word: sum(case['status'] == word for case in every) for word in STATUSES}, 'runs': told}


def as_junit(record: dict[str, Any]) -> ET.Element:
    """A suite for each run."""
    top = ET.Element('testsuites', name='mtty-mig', tests=str(sum(record[word] for word in STATUSES)),
                     failures=str(record['failed']), skipped=str(record['skipped']))
    for run in record['runs']:
        count = {word: sum(case['status'] == word for case in run['cases']) for word in STATUSES}
        suite = ET.SubElement(top, 'testsuite', name=run['name'], tests=str(len(run['cases'])),
                              failures=str(count['failed']), skipped=str(count['skipped']))
        if run.get('ended'):
            suite.set('timestamp', run['ended'].rstrip('Z'))
        if run.get('seconds') is not None:
            suite.set('time', f'{run["seconds"]:.3f}')
        properties = ET.SubElement(suite, 'properties')
        for key in ('call', 'kernel', 'engine', 'flavour', 'seed'):
            ET.SubElement(properties, 'property', name=key, value=ktap.printable(str(run.get(key) or '')))
        ET.SubElement(properties, 'property', name='commit', value=record['commit'])
        for case in run['cases']:
            where, _, name = ktap.printable(case['name']).partition(' ')
            item = ET.SubElement(suite, 'testcase', classname=where, name=name or where)
            if case.get('seconds') is not None:
                item.set('time', f'{case["seconds"]:.3f}')
            reason = ktap.printable(case.get('reason') or case['status'])
            if case['status'] == 'failed':
                ET.SubElement(item, 'failure', message=reason).text = ktap.printable(
                    '\n'.join(case.get('diagnostics', ())))
            elif case['status'] == 'skipped':
                ET.SubElement(item, 'skipped', message=reason)
    return top


def as_ktap(record: dict[str, Any]) -> str:
    """Flat; a case of several runs begins with its run's name."""
    every = [(run, case) for run in record['runs'] for case in run['cases']]
    out = ['KTAP version 1', f'1..{len(every)}']
    for number, (run, case) in enumerate(every, start=1):
        words = f'{run["name"]} {case["name"]}' if len(record['runs']) > 1 else case['name']
        # What follows a # would be taken for a directive.
        words = re.sub(r'\s+', ' ', words).replace('#', '\\#')
        reason = re.sub(r'\s+', ' ', case.get('reason') or '')
        if case['status'] == 'failed':
            out += [f'# {line}'.rstrip() for line in [reason, *case.get('diagnostics', ())] if line]
        out.append(f'{"not ok" if case["status"] == "failed" else "ok"} {number} {words}'
                   + (f' # SKIP {reason}'.rstrip() if case['status'] == 'skipped' else ''))
    return '\n'.join(out) + '\n'


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return exits.REFUSED
    name, status, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    runs = [run for run in report.read_runs(results.FOLDER) if run.group == name]
    record = as_record(name, status, runs)
    report.write(f'{folder}/{JSON}', json.dumps(record, indent=1) + '\n')
    report.write(f'{folder}/{KTAP}', as_ktap(record))
    ET.indent(junit := as_junit(record))
    report.write(f'{folder}/{JUNIT}', "<?xml version='1.0' encoding='utf-8'?>\n"
                 + ET.tostring(junit, encoding='unicode') + '\n')
    return 0


if __name__ == '__main__':
    exits.end_with(main)
