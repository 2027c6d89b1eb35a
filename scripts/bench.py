#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a table, a JSON file and plots of what tools/mig-bench has measured.

Only ratios are judged: what the device takes, against what the machine takes for the
same work without it, round by round.  A row has a goal, which the table shows, and a
bound with a wide margin.  Exit status 1 says that a ratio is beyond its bound in each
round: a machine that is busy for a moment does not fail the run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from typing import Any, NamedTuple

import ktap
import table
from results import closing, leave

MIB = 1 << 20
# (row, x) -> side -> round -> (nanoseconds, amount)
Samples = dict[tuple[str, int], dict[str, dict[int, tuple[int, int]]]]


class Row(NamedTuple):
    name: str
    what: str
    beside: str         # '': nothing
    unit: str           # of a figure: MB/s, us, bytes
    goal: float = 0     # of the ratio; 0 is none
    bound: float = 0    # where the run fails
    first: bool = False     # the ratio is to the same row's first x


# A ratio of MB/s has to be high, every other one low.
ROWS = [
    Row('save', 'read() in STOP_COPY, by buffer', 'read() of a memfd', 'MB/s', 0.95, 0.2),
    Row('load', 'write() in RESUMING, by buffer', 'write() to a memfd', 'MB/s', 0.90, 0.1),
    Row('arc-p2p', 'to RUNNING_P2P and back, by memory', 'mtty', 'us', 1.2, 10),
    Row('arc-stop', 'to STOP and back', 'mtty', 'us', 1.2, 10),
    Row('arc-stop-copy', 'to STOP_COPY and back', 'mtty', 'us', 1.5, 10),
    Row('arc-pre-copy', 'to PRE_COPY and back', 'mtty', 'us', 1.5, 10),
    Row('arc-resuming', 'to RESUMING', 'mtty', 'us', 1.5, 100),
    Row('reset', 'reset', 'mtty', 'us', 1.5, 100),
    Row('pre-copy-bytes', 'sent in pre-copy, by pages', 'bytes changed', 'bytes', 1.005, 1.005),
    Row('pre-copy-rest', 'left for STOP_COPY', '', 'bytes'),
    Row('report', 'REPORT of 1 TiB, by dirty pages', 'memset', 'us', 0.5, 5),
    Row('fill', 'engine, FILL', 'memset', 'MB/s', 0.5, 0.01),
    Row('devices', 'a device, by their number', 'one alone', 'us', 1.25, 4, first=True),
    Row('beside', 'saved side by side', 'one alone', 'MB/s', 1.7, 0.8, first=True),
    Row('beside-memfd', 'memfds read side by side', 'one alone', 'MB/s', first=True),
]


def read_samples(path: str) -> Samples:
    samples: Samples = defaultdict(lambda: defaultdict(dict))
    with open(path, encoding='utf-8') as lines:
        for line in lines:
            row, x, side, number, nanoseconds, amount = line.split()
            samples[row, int(x)][side][int(number)] = int(nanoseconds), int(amount)
    return samples


def figure(row: Row, sample: tuple[int, int]) -> float:
    nanoseconds, amount = sample
    if row.unit == 'bytes':
        # The amount of something, where the time is of no interest
        return nanoseconds
    if row.unit == 'MB/s':
        return amount * 1000 / max(nanoseconds, 1)
    # A time is one of each thing that was done; but a report's amount is bytes.
    return nanoseconds / 1000 / (1 if row.name == 'report' else amount)


def spread(values: list[float]) -> dict[str, float]:
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values)}


def one_result(row: Row, x: int, device: dict[int, float], peer: dict[int, float]) -> dict[str, Any]:
    result: dict[str, Any] = {'row': row.name, 'x': x, 'unit': row.unit,
                              'device': spread(list(device.values()))}
    if not peer:
        return result
    if not row.first:
        result['peer'] = spread(list(peer.values()))
    ratios = [device[each] / peer[each] for each in device if each in peer]
    high = row.unit == 'MB/s'
    result['ratio'] = spread(ratios)
    if row.goal:
        result['goal'] = row.goal
        median = result['ratio']['median']
        result['met'] = median >= row.goal if high else median <= row.goal
        result['failed'] = (max(ratios) < row.bound if high else min(ratios) > row.bound)
    return result


def results(samples: Samples) -> list[dict[str, Any]]:
    found = []
    for row in ROWS:
        first: dict[int, float] = {}
        for name, x in sorted(samples):
            if name != row.name:
                continue
            sides = {side: {number: figure(row, sample) for number, sample in each.items()}
                     for side, each in samples[name, x].items()}
            peer = first if row.first else sides.get('peer', {})
            found.append(one_result(row, x, sides['device'], peer))
            first = first or sides['device']
    return found


def short(value: float) -> str:
    return f'{value:.3g}' if value < 1000 else f'{value:.0f}'


def span(values: dict[str, float] | None, unit: str = '') -> str:
    if not values:
        return ''
    return f'{short(values["median"])}{unit and " " + unit} ({short(values["min"])}-{short(values["max"])})'


def size(x: int) -> str:
    for unit, shift in (('MiB', 20), ('KiB', 10)):
        if x >= 1 << shift and not x % (1 << shift):
            return f'{x >> shift} {unit}'
    return str(x)


def x_text(row: Row, x: int) -> str:
    return size(x) if row.name in ('save', 'load', 'reset', 'fill') or row.name.startswith('arc') else str(x)


def print_table(found: list[dict[str, Any]], before: dict[tuple[str, int], dict[str, Any]]) -> None:
    rows = [['what', 'of', 'device', 'beside', 'ratio', 'goal', ''] + ['ratio before'] * bool(before)]
    by_name = {row.name: row for row in ROWS}
    for each in found:
        row = by_name[each['row']]
        goal = each.get('goal')
        sign = '>=' if row.unit == 'MB/s' else '<='
        old = before.get((each['row'], each['x']), {})
        rows.append([row.what, x_text(row, each['x']), span(each['device'], row.unit),
                     f'{row.beside} {span(each.get("peer"), row.unit)}' if each.get('ratio') else '',
                     span(each.get('ratio')), f'{sign} {goal}' if goal else '',
                     {True: 'met', False: 'missed'}.get(each.get('met'), '')]
                    + [span(old.get('ratio'))] * bool(before))
    print('\n'.join(table.lines(rows, 4)))


# Plots: a file, its rows, the axes
PLOTS = [
    ('throughput', ('save', 'load'), 'size of the buffer', 'MB/s'),
    ('arcs', ('arc-p2p', 'arc-stop', 'arc-stop-copy', 'arc-pre-copy', 'arc-resuming', 'reset'),
     'size of device memory', 'us'),
    ('report', ('report',), 'dirty pages', 'us'),
    ('devices', ('devices',), 'devices', 'us a device'),
]


def gnuplot_script(found: list[dict[str, Any]], name: str, rows: tuple[str, ...], x: str, y: str) -> str:
    """Nothing if there is nothing to show."""
    blocks, curves = [], []
    by_name = {row.name: row for row in ROWS}
    marks = {}
    for colour, row in enumerate(rows, 1):
        for side in ('device', 'peer'):
            points = [f'{max(each["x"], 1)} {each[side]["median"]} {each[side]["min"]} {each[side]["max"]}'
                      for each in found if each['row'] == row and side in each]
            if points:
                marks.update({max(each['x'], 1): x_text(by_name[row], each['x'])
                              for each in found if each['row'] == row})
                block = f'$d{len(blocks)}'
                blocks.append('\n'.join([f'{block} << END', *points, 'END']))
                # What is to be compared has one colour
                curves.append(f'{block} with yerrorlines title "{row}, {side}" linecolor {colour}'
                              + (' dashtype 2' if side == 'peer' else ''))
    if not curves:
        return ''
    return '\n'.join([*blocks, 'set terminal svg size 800,500 background "white"',
                      f'set output "{name}.svg"', 'set logscale x', 'set yrange [0:*]',
                      'set xtics (' + ', '.join(f'"{text}" {at}' for at, text in sorted(marks.items())) + ')',
                      f'set xrange [{min(marks)}/2.0:{max(marks)}*2.0]',
                      f'set title "{name}: median, least and greatest"',
                      f'set xlabel "{x}"', f'set ylabel "{y}"', 'set grid',
                      'set key outside', 'plot ' + ', '.join(curves), ''])


def plot(found: list[dict[str, Any]], out: str) -> None:
    if not shutil.which('gnuplot'):
        print('lab: no plots: there is no gnuplot (on Debian: apt-get install gnuplot-nox)')
        return
    for name, rows, x, y in PLOTS:
        script = gnuplot_script(found, name, rows, x, y)
        if script:
            subprocess.run(['gnuplot'], input=script, text=True, check=True, cwd=out)
            print(f'lab: {out}/{name}.svg')


def load_baseline(path: str) -> dict[tuple[str, int], dict[str, Any]]:
    if not path:
        return {}
    with open(path, encoding='utf-8') as file:
        return {(each['row'], each['x']): each for each in json.load(file)['results']}


def case_of(result: dict[str, Any]) -> ktap.Case:
    """A ratio as a test case; what has no bound is none that could fail."""
    name = f'bench {result["row"]} {result["x"]}'
    if 'failed' not in result:
        return ktap.Case(name, 'skipped', 'has no bound')
    if not result['failed']:
        return ktap.Case(name, 'passed')
    return ktap.Case(name, 'failed', f'the ratio {span(result["ratio"])} is far beyond its goal, {result["goal"]}')


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    args.add_argument('--release', required=True, help='of the kernel')
    args.add_argument('--engine', required=True)
    args.add_argument('--flavour', required=True)
    args.add_argument('--out', required=True, help='a directory')
    args.add_argument('--baseline', default='', help='an earlier JSON')
    args.add_argument('samples')
    args = args.parse_args()

    before = load_baseline(args.baseline)
    samples = read_samples(args.samples)
    found = results(samples)
    rounds = max(number for sides in samples.values() for each in sides.values() for number in each)
    about = {'kernel': args.release, 'engine': args.engine, 'flavour': args.flavour,
             'processors': os.cpu_count(), 'rounds': rounds}
    print(f'\nLinux {args.release}, {args.engine}, {args.flavour}; median of {rounds} rounds (min-max)\n')
    print_table(found, before)
    name = f'{args.out}/{args.release}-{args.engine}.json'
    with open(name, 'w', encoding='utf-8') as file:
        json.dump({**about, 'results': found}, file, indent=1)
        file.write('\n')
    print(f'\nlab: {name}')
    plot(found, args.out)

    cases = [case_of(each) for each in found]
    leave({'cases': [case.as_dict() for case in cases], 'bench': {**about, 'results': found}})
    failed = [each for each in found if each.get('failed')]
    for each in failed:
        print(f'lab: {each["row"]} {each["x"]}: the ratio {span(each["ratio"])} is far beyond its goal, '
              f'{each["goal"]}, in each round')
    print(closing(ktap.last_line(cases), not failed), flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
