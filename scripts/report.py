#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The report of what was run last: build/report/index.html, one file without network.

    report.py [--data FOLDER] [--output FILE]

Each verb that tests something leaves its results as JSON below build/report/data: VERB.json,
or for make check a file a row in check/ (see results.py).  The report shows all that is
there: first what was run last, and its failures; below them what earlier runs have left.
It needs nothing but the Python library, and a browser nothing but the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import glob
import json
import math
import os
import re
import string
import sys
import time
from typing import Any, Iterable, Iterator

import details
import exits
import drawings
from drawings import Arc, escape

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
FOLDER = f'{REPO}/build/report'
TEMPLATE = f'{REPO}/scripts/report.html'
STATES = ('ERROR', 'STOP', 'RUNNING', 'STOP_COPY', 'RESUMING', 'RUNNING_P2P', 'PRE_COPY', 'PRE_COPY_P2P')
RULE = re.compile(r'\bMIG-[A-Z0-9]+-\d\d\b')
# Cases of KUnit's suite fsm: what was asked of which type
TRANSITION = re.compile(r'^kunit fsm_(?:transition|error_refuses)\.(\w+): (\w+) to (\w+)$')
ONE_ARC = re.compile(r'^kunit fsm_arc\.(\w+): (\w+) to (\w+)$')
# Of our driver
TYPES = ('none', 'base', 'p2p', 'precopy', 'full', 'vpri')
STATUSES = ('failed', 'passed', 'skipped')
VERDICTS = ('FAIL', 'pass', 'skip')
# What is open in the page before anybody has asked for more
OPEN = 12
SLOWEST = 20
WORDS = 40
Record = dict[str, Any]


@dataclasses.dataclass
class Run:
    """One run's results, as a verb has left them."""

    name: str
    data: Record

    @property
    def cases(self) -> list[Record]:
        return list(self.data.get('cases', ()))

    @property
    def about(self) -> Record:
        return dict(self.data.get('about') or {})

    @property
    def call(self) -> dict[str, str]:
        return dict(self.about.get('call') or {})

    @property
    def verb(self) -> str:
        return self.call.get('verb', '')

    @property
    def group(self) -> str:
        """The call that it belongs to: rows of make check belong to one."""
        return self.name.partition('/')[0]

    @property
    def ended(self) -> float:
        return float(self.about.get('ended') or 0)

    @property
    def reports(self) -> list[tuple[str, list[str]]]:
        """What the kernel reported, and during what."""
        lines = self.data.get('kernel_reports', ())
        units = self.data.get('report_units') or [''] * len(lines)
        return [*zip(units, lines), *((where, trace) for where, trace in self.data.get('traces', ()))]

    def count(self, status: str) -> int:
        return sum(case['status'] == status for case in self.cases)

    @property
    def problems(self) -> int:
        """A run in which nothing passed is one, too."""
        number = self.count('failed') + len(self.data.get('kernel_reports', ()))
        return number or int(not self.count('passed'))

    def system(self) -> str:
        about = self.about
        kernel = f'Linux {about["kernel"]}' if about.get('kernel') else ''
        return ', '.join(filter(None, (kernel, about.get('engine'), about.get('flavour'))))

    def command(self) -> str:
        """The call that it was."""
        return ' '.join(['make', self.verb, *(f'{name}={quoted(text)}' for name, text in self.call.items()
                                              if name not in ('verb', 'CACHE', 'RESULTS'))])


def quoted(text: str) -> str:
    return text if re.fullmatch(r'[\w./:,@%+=-]+', text) else "'" + text.replace("'", "'\\''") + "'"


def read_runs(folder: str) -> list[Run]:
    """All results that were left there, the last one first; what is damaged is an error."""
    runs = []
    for path in sorted(glob.glob(f'{glob.escape(folder)}/**/*.json', recursive=True)):
        with open(path, encoding='utf-8') as file:
            try:
                data = json.load(file)
            except ValueError as why:
                raise SystemExit(f'report.py: {path} is damaged ({why}); remove it') from why
        if isinstance(data, dict) and 'cases' in data:
            runs.append(Run(os.path.relpath(path, folder).removesuffix('.json'), data))
    last = {run.group: max(other.ended for other in runs if other.group == run.group) for run in runs}
    return sorted(runs, key=lambda run: (-last[run.group], run.group, number_of(run.name)))


def number_of(name: str) -> int:
    found = re.search(r'/(\d+)', name)
    return int(found[1]) if found else 0


def arc_list() -> list[Arc]:
    """The arcs of all capability sets, as the driver has them."""
    with open(f'{REPO}/mtty-mig/arcs.h', encoding='utf-8') as file:
        return re.findall(r'^\tARC\((\w+),\s*(\w+)\)', file.read(), re.M)


def table(head: Iterable[str], rows: Iterable[str], kind: str = '') -> str:
    top = ''.join(head)
    return (f'<div class="scroll"><table{f" class={kind}" if kind else ""}>'
            + (f'<thead><tr>{top}</tr></thead>' if top else '')
            + f'<tbody>{"".join(rows)}</tbody></table></div>')


def row(*cells: tuple[str, object]) -> str:
    """Cells with their classes."""
    return '<tr>' + ''.join(f'<td{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{escape(text)}</td>'
                            for kind, text in cells) + '</tr>'


def heads(*words: str) -> list[str]:
    """A word that begins with > is over numbers."""
    return [f'<th class="number">{escape(word[1:])}</th>' if word[:1] == '>' else f'<th>{escape(word)}</th>'
            for word in words]


def pre(lines: Iterable[str]) -> str:
    return f'<pre>{escape(chr(10).join(lines))}</pre>'


# Failures

def again(case: str, run: Run) -> str:
    """The line that runs a case alone; nothing if there is none."""
    call = {name: text for name, text in run.call.items()
            if name in ('KERNEL', 'ENGINE', 'SAN', 'LEAKS', 'TREE', 'QEMU', 'BACKEND', 'DRIVER')}
    where, _, name = case.partition(' ')
    verb, words = run.verb, {}
    if verb == 'conformance' or verb == 'drivers':
        rule = RULE.search(case)
        if verb == 'drivers':
            words = {'DRIVER': where}
        elif rule:
            words = {'RULE': rule[0]}
    elif verb == 'mutants':
        words = {'MUTANT': case.split()[-1]}
    elif verb == 'bench':
        words = {key: text for key, text in run.call.items() if key in ('ROWS', 'RUNS')}
    elif verb == 'coverage':
        return 'make coverage'
    elif where.startswith('interop/'):
        verb, words = 'interop', {'TEST': name.split('.')[-1]} if name else {}
    else:
        return again_in_guest(where, name, call)
    return ' '.join(['make', verb, *(f'{key}={quoted(text)}' for key, text in {**call, **words}.items())])


def again_in_guest(where: str, name: str, call: dict[str, str]) -> str:
    """The same of KUnit's cases and of selftests."""
    seed = re.match(r'SEED=(\w+) ?', name)
    name = name[seed.end():] if seed else name
    program = re.match(r'[\w/-]+', where)
    words = {}
    if where == 'kunit':
        verb = 'kunit'
        suite, _, test = name.partition('.')
        if suite.startswith('mtty_mig_') or suite.startswith('standins_'):
            words = {'TEST': suite.removeprefix('mtty_mig_') + (f'.{test}' if test else '')}
        elif suite:
            words = {'TEST': f'*.{suite}'}
    elif program and '/' in program[0] and not program[0].startswith('host/'):
        verb = 'selftests'
        words = {'SEED': seed[1]} if seed else {}
        device = re.search(r'\((.*)\)', where)
        words.update({'TYPES': device[1]} if device else {})
        words['TEST'] = program[0]
    else:
        return ''
    return ' '.join(['make', verb, *(f'{key}={quoted(text)}' for key, text in {**call, **words}.items())])


def violations(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(rule, what was expected, what was seen), each once."""
    found: dict[tuple[str, str, str], None] = {}
    for line in lines:
        match = details.conformance.VIOLATED.match(line)
        if match:
            what, _, seen = match['what'].partition(', seen ')
            found[match['rule'], what, seen] = None
    return iter(found)


def rule_line(rule: str, texts: dict[str, str], linked: set[str]) -> str:
    name = f'<a href="#{rule}">{rule}</a>' if rule in linked & set(texts) else f'<b>{rule}</b>'
    return f'<p>{name} {escape(texts.get(rule, "is in no catalogue"))}</p>'


def show_failure(case: Record, run: Run, texts: dict[str, str], linked: set[str]) -> str:
    lines = case.get('diagnostics', [])
    reason = case.get('reason', '')
    out = [f'<article><h3>{escape(case["name"])}</h3><p class="where">'
           f'{escape(", ".join(filter(None, (run.command(), run.system()))))}</p>']
    told = list(violations(lines))
    named = list(dict.fromkeys([rule for rule, _, _ in told]
                               + RULE.findall('\n'.join([case['name'], reason]))))
    for rule in named:
        out.append(rule_line(rule, texts, linked))
        pairs = [(what, seen) for each, what, seen in told if each == rule]
        if pairs:
            out.append('<dl>' + ''.join(f'<dt>expected</dt><dd>{escape(what)}</dd><dt>seen</dt>'
                                        f'<dd>{escape(seen)}</dd>' for what, seen in pairs) + '</dl>')
    if reason:
        out.append(f'<p>{escape(reason)}</p>')
    if lines:
        out.append(pre(lines) if not told else f'<details><summary>output of the test</summary>{pre(lines)}</details>')
    words = run.data.get('words', {}).get(case['name'].partition(' ')[0])
    if words:
        out.append(f'<details><summary>the kernel meanwhile</summary>{pre(words[-WORDS:])}</details>')
    line = again(case['name'], run)
    if line:
        out.append(f'<p class="dim">Alone:</p><code class="again">{escape(line)}</code>')
    return ''.join(out) + '</article>'


def failures_of(run: Run, texts: dict[str, str], linked: set[str]) -> list[str]:
    out = [show_failure(case, run, texts, linked) for case in run.cases if case['status'] == 'failed']
    out += [f'<article><h3>The kernel reported{f", during {escape(unit)}" if unit else ""}</h3>'
            f'<p class="where">{escape(run.command())}, {escape(run.system())}</p>{pre(lines)}</article>'
            for unit, lines in run.reports]
    if not run.cases:
        out.append(f'<article><h3>{escape(run.command())}</h3><p>No test ran.</p></article>')
    elif not out and not run.count('passed'):
        out.append(f'<article><h3>{escape(run.command())}</h3><p>No test passed: all were skipped.</p></article>')
    return out


def folded(articles: list[str]) -> str:
    """The first ones, and the rest behind a click."""
    out = ''.join(articles[:OPEN])
    if articles[OPEN:]:
        out += f'<details><summary>{len(articles) - OPEN} more</summary>{"".join(articles[OPEN:])}</details>'
    return out


def show_failures(runs: list[Run], texts: dict[str, str], linked: set[str]) -> str:
    now = [article for run in runs if run.group == runs[0].group for article in failures_of(run, texts, linked)]
    before = [article for run in runs if run.group != runs[0].group for article in failures_of(run, texts, linked)]
    out = folded(now) or '<p class="dim">None.</p>'
    if before:
        out += f'<details><summary>{len(before)} in earlier runs</summary>{"".join(before)}</details>'
    return out


# States and arcs

def worst(statuses: Iterable[str]) -> str:
    found = set(statuses)
    return next((status for status in STATUSES if status in found), 'none')


def asked(runs: list[Run], pattern: re.Pattern[str]) -> dict[str, dict[Arc, str]]:
    """{type: {(from, to): the worst status}}"""
    seen: dict[str, dict[Arc, list[str]]] = {}
    for run in runs:
        for case in run.cases:
            match = pattern.match(case['name'])
            if match:
                seen.setdefault(match[1], {}).setdefault((match[2], match[3]), []).append(case['status'])
    return {kind: {pair: worst(found) for pair, found in pairs.items()} for kind, pairs in seen.items()}


def show_matrices(runs: list[Run]) -> str:
    """For each set of capabilities, each state by each: what became of that SET_STATE."""
    signs = {'failed': '×', 'skipped': '–'}
    out = []
    for kind, pairs in asked(runs, TRANSITION).items():
        lines = ''.join(
            f'<tr><th scope="row">{source}</th>' + ''.join(
                f'<td class="{pairs.get((source, to), "none")}" title="{source} to {to}: '
                f'{pairs.get((source, to), "not asked")}">{signs.get(pairs.get((source, to), ""), "")}</td>'
                for to in STATES) + '</tr>' for source in STATES)
        tops = ''.join(f'<th><span>{name}</span></th>' for name in STATES)
        out.append(f'<figure><figcaption>{escape(kind)}</figcaption><div class="scroll"><table class="matrix">'
                   f'<thead><tr><th></th>{tops}</tr></thead><tbody>{lines}</tbody></table></div></figure>')
    if not out:
        return ''
    return ('<p class="note">SET_STATE from each state (left) to each (top), for each set of capabilities, as '
            'the KUnit suite fsm asks for it. Green: the answer was the right one, also where that is a '
            'refusal. Red: it was not. From a state that the set does not have nothing is asked.</p>'
            f'<div class="grid-of">{"".join(out)}</div>')


@dataclasses.dataclass
class Taken:
    """What is known of an arc."""

    done: int = 0
    errors: int = 0
    bad: int = 0        # errors in tests that failed
    cases: list[str] = dataclasses.field(default_factory=list)

    def look(self, arc: Arc) -> drawings.Look:
        failed = self.bad or 'failed' in self.cases
        kind = 'failed' if failed else 'passed' if self.done or 'passed' in self.cases else 'none'
        return drawings.Look(kind, 1.4 + min(3.2, 0.8 * math.log10(1 + self.done)),
                             f'{arc[0]} to {arc[1]}: {self.words()}')

    def words(self) -> str:
        return (f'taken {self.done} times, {self.errors} errors of which {self.bad} in tests that failed; '
                f'KUnit: {self.cases.count("passed")} passed, {self.cases.count("failed")} failed')


def arcs_taken(runs: list[Run], arcs: list[Arc]) -> dict[Arc, Taken]:
    found = {arc: Taken() for arc in arcs}
    for run in runs:
        for pairs in run.data.get('arcs', {}).values():
            for name, (done, errors, bad) in pairs.items():
                source, _, to = name.partition('>')
                taken = found.setdefault((source, to), Taken())
                taken.done += done
                taken.errors += errors
                taken.bad += bad
    for pairs in asked(runs, ONE_ARC).values():
        for pair, status in pairs.items():
            found.setdefault(pair, Taken()).cases.append(status)
    return found


def show_fsm(runs: list[Run], arcs: list[Arc]) -> str:
    found = arcs_taken(runs, arcs)
    if not any(taken.done or taken.errors or taken.cases for taken in found.values()):
        return ''
    picture = drawings.fsm(list(found), {arc: taken.look(arc) for arc, taken in found.items()})
    lines = [row(('', f'{source} → {to}'), ('number', taken.done), ('number', taken.errors),
                 ('number failed' if taken.bad else 'number', taken.bad),
                 ('number failed' if 'failed' in taken.cases else 'number',
                  f'{taken.cases.count("passed")} of {len(taken.cases)}' if taken.cases else ''))
             for (source, to), taken in found.items()]
    return ('<p class="note">All arcs of the driver, from mtty-mig/arcs.h. Green: taken; the thicker, the '
            'oftener. Red: a KUnit case about it failed, or it ended in an error in a selftest that failed. '
            'Dashed: never taken. The selftests count each arc on the way of a SET_STATE, for all devices; an '
            'error by itself is none: tests make arcs fail. KUnit has a case for each arc and type.</p>'
            f'<div class="columns">{picture}'
            + table(heads('arc', '>taken', '>errors', '>in failed tests', '>KUnit passed'), lines) + '</div>')


# Rules by device

def rules_by_device(runs: list[Run]) -> dict[str, dict[str, str]]:
    """{device: {rule: verdict}}; of several runs the worst counts."""
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        for device, verdicts in run.data.get('rules', {}).items():
            mine = found.setdefault(device, {})
            for rule, verdict in verdicts.items():
                mine[rule] = min(mine.get(rule, verdict), verdict, key=VERDICTS.index)
    return dict(sorted(found.items(), key=lambda item: place_of(item[0])))


def place_of(device: str) -> tuple[int, int, str]:
    """Ours first, by what they are capable of; then the kernel's."""
    name, _, kind = device.partition('-')
    return (('mtty_mig', 'mtty').index(name) if name in ('mtty_mig', 'mtty') else 2,
            TYPES.index(kind) if kind in TYPES else len(TYPES), device)


def show_rules(devices: dict[str, dict[str, str]], texts: dict[str, str]) -> str:
    if not devices:
        return ''
    lines = []
    for device, verdicts in devices.items():
        numbers = [list(verdicts.values()).count(word) for word in ('pass', 'FAIL', 'skip')]
        whole = sum(numbers) or 1
        lines.append(f'<tr><td>{escape(device)}</td>' + ''.join(
            f'<td class="number {kind if number else ""}">{number}</td>'
            for kind, number in zip(('passed', 'failed', 'skipped'), numbers))
            + f'<td><span class="bar"><i class="good" style="width:{100 * numbers[0] / whole:.1f}%;float:left"></i>'
              f'<i class="bad" style="width:{100 * numbers[1] / whole:.1f}%;float:left"></i></span></td></tr>')
    known = {rule for verdicts in devices.values() for rule in verdicts}
    names = ''.join(f'<th>{re.sub("[- ]", "<br>", escape(device), count=1)}</th>' for device in devices)
    body = [f'<tr id="{rule}"><th scope="row">{rule}</th>' + ''.join(
        f'<td class="{verdicts.get(rule, "")}">{verdicts.get(rule, "")}</td>' for verdicts in devices.values())
        + f'<td class="text">{escape(text)}</td></tr>' for rule, text in texts.items() if rule in known]
    return (table(heads('device', '>pass', '>FAIL', '>skip', ''), lines, 'bars')
            + f'<p class="note">{len(known)} of {len(texts)} rules were looked at. No word: no test of that '
              'rule ran for that device. What it says in full: make rules RULE=.</p>'
              '<div class="tools"><input type="search" id="word" placeholder="MIG-RES, a word, skip" '
              'aria-label="only rules with these letters"><label><input type="checkbox" id="bad"> '
              'only what FAILs</label></div>'
            + table([f'<th>rule</th>{names}<th class="text">what it says</th>'], body, 'rules'))


# The rest

def show_slowest(runs: list[Run]) -> str:
    units = sorted(((float(unit['seconds']), unit['name'], run) for run in runs for unit in run.data.get('units', ())),
                   key=lambda each: -each[0])[:SLOWEST]
    longest = units[0][0] if units else 0
    lines = [f'<tr><td>{escape(name)}</td><td class="dim">{escape(run.system())}</td><td class="number">'
             f'{seconds:.1f} s</td><td><span class="bar"><i style="width:{100 * seconds / (longest or 1):.1f}%">'
             '</i></span></td></tr>' for seconds, name, run in units]
    return table([], lines, 'bars') if lines else ''


def percent(part: int, whole: int) -> str:
    return f'{math.floor(1000 * part / whole) / 10 if whole else 100:.1f} %'


def show_coverage(runs: list[Run]) -> str:
    run = next((run for run in runs if 'coverage' in run.data), None)
    if not run:
        return ''
    data = run.data['coverage']
    total = [sum(numbers[n] for numbers in data['files'].values()) for n in range(4)]
    lines = []
    for name, numbers in [('all', total), *data['files'].items()]:
        n_lines, lines_hit, branches, branches_hit, *_ = numbers
        lines.append(f'<tr><td>{escape(name)}</td><td class="number">{percent(lines_hit, n_lines)}</td>'
                     f'<td class="number">{lines_hit} of {n_lines}</td>'
                     f'<td class="number">{percent(branches_hit, branches)}</td><td class="number">'
                     f'{branches_hit} of {branches}</td><td><span class="bar"><i class="good" style="width:'
                     f'{100 * lines_hit / (n_lines or 1):.1f}%"></i></span></td></tr>')
    words = [f'{what}: {whole - len(missing)} of {whole}' + (f', not {", ".join(missing)}' if missing else '')
             for what, (whole, missing) in (('arcs taken', data['arcs']), ('fault points hit', data['points']))]
    return (f'<p class="note">{escape("; ".join(words).capitalize())}. The bar is that of the lines. Line by line: '
            'build/coverage/index.html.</p>'
            + table(heads('file', '>lines', '>', '>branches', '>', ''), lines, 'bars'))


def show_mutants(runs: list[Run]) -> str:
    out = []
    for run in runs:
        if run.verb != 'mutants' or not run.cases:
            continue
        rooms: dict[str, list[int]] = {}
        for case, room in mutants_of(run):
            numbers = rooms.setdefault(room, [0, 0, 0])
            numbers[('passed', 'skipped', 'failed').index(case['status'])] += 1
        lines = [row(('', room), ('number passed' if killed else 'number', killed), ('number', explained),
                     ('number failed' if left else 'number', left))
                 for room, (killed, explained, left) in sorted(rooms.items())]
        out.append(f'<h3>{escape(run.command())}</h3>'
                   + table(heads('part', '>killed', '>survive, with a reason', '>not noticed'), lines))
    return ''.join(out)


def mutants_of(run: Run) -> Iterator[tuple[Record, str]]:
    """Each with the part of the code that it is in."""
    rooms = {mutant['name']: mutant['room'] for mutant in run.data.get('mutants', ())}
    for case in run.cases:
        yield case, rooms.get(case['name'], case['name'].partition(' ')[0])


# The plots of the bench: rows that share the axes
PLOTS = (
    ('Throughput, by buffer', ('save', 'load'), 'bytes', 'MB/s'),
    ('Arcs, by device memory', ('arc-p2p', 'arc-stop', 'arc-stop-copy', 'arc-pre-copy', 'arc-resuming', 'reset'),
     'bytes', 'µs'),
    ('Pre-copy, by changed pages', ('pre-copy-bytes', 'pre-copy-rest'), 'pages', 'bytes'),
    ('Report of dirty pages', ('report',), 'dirty pages', 'µs'),
    ('Devices at once', ('devices',), 'devices', 'µs a device'),
    ('Saved side by side', ('beside',), 'devices', 'MB/s'),
)


def show_bench(runs: list[Run]) -> str:
    run = next((run for run in runs if 'bench' in run.data), None)
    if not run:
        return ''
    found = run.data['bench']['results']
    plots = ''.join(drawings.plot(title, x, y, curves_of(found, names)) for title, names, x, y in PLOTS)
    lines = [row(('', f'{each["row"]} {each["x"]}'), ('number', spread(each['device'], each['unit'])),
                 ('number', spread(each.get('peer'), each['unit'])), ('number', spread(each.get('ratio'))),
                 ('number', each.get('goal', '')),
                 ('failed' if each.get('failed') else 'passed' if each.get('met') else 'skipped',
                  {True: 'met', False: 'missed'}.get(each.get('met'), ''))) for each in found]
    about = run.data['bench']
    return (f'<p class="note">Linux {escape(about["kernel"])}, {escape(about["engine"])}, '
            f'{escape(about["processors"])} processors, rounds: {escape(about["rounds"])}. Median, least and most. '
            'Solid: the device; dashed: what it is compared with.</p>'
            f'<div class="grid-of plots">{plots}</div><details><summary>all figures</summary>'
            + table(heads('row', '>device', '>beside', '>ratio', '>goal', ''), lines) + '</details>')


def spread(values: dict[str, float] | None, unit: str = '') -> str:
    if not values:
        return ''
    return f'{values["median"]:.4g} ({values["min"]:.4g}-{values["max"]:.4g}) {unit}'.rstrip()


def curves_of(found: list[Record], names: Iterable[str]) -> list[drawings.Curve]:
    """Two of each row: the device, and its peer, if it has one."""
    curves = []
    for name in names:
        for side, label in (('device', name), ('peer', f'{name}, beside')):
            # A logarithm has no place for what is nothing.
            points = [(max(each['x'], 1), each[side]['median'], each[side]['min'], each[side]['max'])
                      for each in found if each['row'] == name and side in each and each[side]['min'] > 0]
            curves.append(drawings.Curve(label, side, points))
    return curves if any(curve.points for curve in curves) else []


def show_skipped(runs: list[Run]) -> str:
    reasons: dict[str, int] = {}
    for run in runs:
        for case in run.cases:
            if case['status'] == 'skipped':
                reason = case.get('reason') or 'no reason given'
                reasons[reason] = reasons.get(reason, 0) + 1
    lines = [row(('number', number), ('text', reason))
             for reason, number in sorted(reasons.items(), key=lambda item: -item[1])]
    return table(heads('>tests', 'reason'), lines) if lines else ''


def when(seconds: float) -> str:
    return time.strftime('%Y-%m-%d %H:%M', time.localtime(seconds)) if seconds else ''


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def show_runs(runs: list[Run]) -> str:
    lines = []
    for run in runs:
        about = run.about
        numbers = [(f'number {status}' if run.count(status) and status != 'skipped' else 'number', run.count(status))
                   for status in STATUSES]
        lines.append(row(('text', run.command()), ('', run.system()), *numbers,
                         ('number', duration(about['seconds']) if about.get('seconds') else ''),
                         ('', about.get('commit', '')), ('', when(run.ended))))
    versions = {name: text for run in reversed(runs) for name, text in run.about.get('versions', {}).items()}
    return (table(heads('run', 'kernel', '>failed', '>passed', '>skipped', '>took', 'commit', 'ended'), lines)
            + ('<h3 style="margin-top:1.5rem">Versions</h3>' + table([], [
                row(('dim', name), ('text', text)) for name, text in versions.items()]) if versions else ''))


def about_last(runs: list[Run]) -> str:
    """What was run last, in a line."""
    seconds = sum(run.about.get('seconds') or 0 for run in runs)
    kernels = list(dict.fromkeys(filter(None, (run.system() for run in runs))))
    skipped = sum(run.count('skipped') for run in runs)
    return ' · '.join(filter(None, (
        '; '.join(kernels), f'{skipped} skipped' if skipped else '', duration(seconds) if seconds else '',
        f'commit {runs[0].about["commit"]}' if runs[0].about.get('commit') else '',
        when(max(run.ended for run in runs)))))


def verdict_of(runs: list[Run]) -> str:
    bad = sum(run.problems for run in runs)
    passed = sum(run.count('passed') for run in runs)
    failed = sum(run.count('failed') for run in runs)
    if not bad:
        return f'All {passed} passed' if passed > 1 else 'It passed'
    if not passed and not failed:
        return 'No test passed'
    return (f'{failed} of {passed + failed} failed' if failed
            else f'The kernel reported {bad} problem{"s" if bad > 1 else ""}')


def page(runs: list[Run], texts: dict[str, str], arcs: list[Arc]) -> str:
    last = [run for run in runs if run.group == runs[0].group]
    bad = any(run.problems for run in last)
    devices = rules_by_device(runs)
    parts = [
        ('failures', 'Failures', 'Failures', show_failures(runs, texts, {rule for verdicts in devices.values() for rule in verdicts})),
        ('states', 'Arcs', 'States and arcs', show_fsm(runs, arcs)),
        ('matrix', 'Matrix', 'From state to state', show_matrices(runs)),
        ('rules', 'Rules', 'Rules by device', show_rules(devices, texts)),
        ('slowest', 'Slowest', 'Slowest programs', show_slowest(runs)),
        ('coverage', 'Coverage', 'Coverage', show_coverage(runs)),
        ('mutants', 'Mutants', 'Mutants', show_mutants(runs)),
        ('bench', 'Bench', 'Bench', show_bench(runs)),
        ('skipped', 'Skipped', 'Why tests were skipped', show_skipped(runs)),
        ('runs', 'Runs', 'Runs and versions', show_runs(runs)),
    ]
    with open(TEMPLATE, encoding='utf-8') as file:
        template = string.Template(file.read())
    return template.substitute(
        verdict='failed' if bad else 'passed', title=escape(verdict_of(last)),
        over=escape(f'mtty-mig · {call_of(last)}'),
        about=escape(about_last(last)),
        links=''.join(f'<a href="#{name}">{word}</a>' for name, word, _, text in parts if text),
        sections='\n'.join(f'<section><h2 id="{name}">{title}</h2>{text}</section>'
                           for name, _, title, text in parts if text))


def call_of(runs: list[Run]) -> str:
    """The call that these runs were; of several rows only which verb it was."""
    return f'make {runs[0].group}' if '/' in runs[0].name else runs[0].command()


def write(path: str, text: str) -> None:
    """All of it, or what was there before."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(f'{path}.new', 'w', encoding='utf-8') as out:
        out.write(text)
    os.replace(f'{path}.new', path)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n', maxsplit=1)[0])
    parser.add_argument('--data', default=f'{FOLDER}/data', help='where the results are')
    parser.add_argument('--output', default=f'{FOLDER}/index.html')
    args = parser.parse_args()
    runs = read_runs(args.data)
    if not runs:
        print(f'report.py: there are no results in {args.data}; make check leaves some', file=sys.stderr)
        return exits.BROKEN
    write(args.output, page(runs, details.sentences(), arc_list()))
    return 0


if __name__ == '__main__':
    exits.end_with(main)
