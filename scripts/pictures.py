#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of Documentation/protocol.rst, drawn from the sources.

    pictures.py write       draw all of them: Documentation/pictures/NAME.dot
    pictures.py paths       print what is drawn of arcs and paths, as text

The states, the arcs of each capability set and the paths of SET_STATE are what
selftests/lib/mig_model.c computes from the uAPI's text; it is compiled and asked. What
runs in a state, and what an arc does to a session, is read from mtty-mig/fsm.c. The
pre-copy in time is the output of make run on Documentation/start.rst.

scripts/tests/test_pictures.py fails if a picture is not up to date.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from lab.values import read

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
FOLDER = f'{REPO}/Documentation/pictures'
MODEL = f'{REPO}/selftests/lib/mig_model.c'
FSM = f'{REPO}/mtty-mig/fsm.c'
OUTPUT = f'{REPO}/Documentation/start.rst'

# The names of the pictures, and the flags that the device has besides STOP_COPY
SETS = {'stop-copy': (), 'p2p': ('P2P',), 'pre-copy': ('PRE_COPY',), 'full': ('P2P', 'PRE_COPY')}

# The model needs nothing of the uAPI but these names: a host's header may be too old.
HEADER = '''
#include <linux/types.h>
enum vfio_device_mig_state {
	VFIO_DEVICE_STATE_ERROR, VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RUNNING,
	VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_RUNNING_P2P,
	VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_NR
};
#define VFIO_MIGRATION_STOP_COPY	1
#define VFIO_MIGRATION_P2P		2
#define VFIO_MIGRATION_PRE_COPY		4
'''
ASK = '''
#include <stdio.h>
#include "mig_model.h"
static const char * const names[] = {
	"ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P",
};
int main(void)
{
	for (int s = 0; s < VFIO_DEVICE_STATE_NR; s++)
		printf("state %s %d\\n", names[s], mig_model_saving(s));
	for (int flags = 1; flags <= MIG_FLAGS_ALL; flags += 2)
		for (int from = 0; from < VFIO_DEVICE_STATE_NR; from++)
			for (int to = 0; to < VFIO_DEVICE_STATE_NR; to++) {
				struct mig_path path;

				if (!mig_model_paths(flags, from, to, &path))
					continue;
				printf("path %d %s", flags, names[from]);
				for (unsigned int i = 0; i < path.len; i++)
					printf(" %s", names[path.state[i]]);
				putchar('\\n');
			}
	return 0;
}
'''

Path = tuple[str, ...]


@dataclass
class Model:
    """What mig_model.c says."""

    saving: dict[str, bool] = field(default_factory=dict)       # for each state
    paths: dict[str, list[Path]] = field(default_factory=dict)  # for each set, from first to last state

    def arcs(self, name: str) -> list[Path]:
        """The paths of one arc."""
        return [path for path in self.paths[name] if len(path) == 2]

    def states(self, name: str) -> list[str]:
        used = {state for path in self.paths[name] for state in path}
        return [state for state in self.saving if state in used]


def ask_model() -> Model:
    flags = {str(1 + 2 * ('P2P' in more) + 4 * ('PRE_COPY' in more)): name for name, more in SETS.items()}
    model = Model(paths={name: [] for name in SETS})
    with tempfile.TemporaryDirectory() as place:
        os.mkdir(f'{place}/linux')
        for name, text in (('linux/vfio.h', HEADER), ('ask.c', ASK)):
            with open(f'{place}/{name}', 'w', encoding='utf-8') as file:
                file.write(text)
        subprocess.run(['gcc', '-Wall', '-Werror', '-I', place, '-I', os.path.dirname(MODEL),
                        '-o', f'{place}/ask', f'{place}/ask.c', MODEL], check=True)
        said = subprocess.run([f'{place}/ask'], check=True, text=True, stdout=subprocess.PIPE).stdout
    for line in said.splitlines():
        kind, first, *rest = line.split()
        if kind == 'state':
            model.saving[first] = rest == ['1']
        else:
            model.paths[flags[first]].append(tuple(rest))
    return model


@dataclass
class Arc:
    """A row of the driver's table."""

    start: str
    end: str
    prepare: str
    commit: str


@dataclass
class Driver:
    """What fsm.c says."""

    arcs: list[Arc]
    runs: dict[str, str]    # for each state that runs: MTTY_RUNNING or MTTY_RUNNING_P2P


def read_driver(text: str) -> Driver:
    arcs = [Arc(*words) for words in re.findall(
        r'^\tARC\((\w+),\s+(\w+),\s+(\w+), \w+, (\w+)\),$', text, re.M)]
    runs = {}
    body = text[text.index('static enum mtty_run state_run('):]
    for cases, run in re.findall(r'((?:\tcase VFIO_DEVICE_STATE_\w+:\n)+)\t\treturn (\w+);', body[:body.index('\n}')]):
        runs.update({state: run for state in re.findall(r'VFIO_DEVICE_STATE_(\w+)', cases)})
    if not arcs or not runs:
        raise ValueError('fsm.c does not look as it did')
    return Driver(arcs, runs)


# How a state looks: by how much of the device runs in it
COLOURS = {'MTTY_RUNNING': '#b7e1b0', 'MTTY_RUNNING_P2P': '#f3e2a0', '': '#d9d9d9'}
MEANS = {'MTTY_RUNNING': 'runs', 'MTTY_RUNNING_P2P': 'runs, no DMA to peers', '': 'stopped'}
HEAD = '''\
// SPDX-License-Identifier: GPL-2.0-only
// Written by scripts/pictures.py write
digraph {
	graph [layout=neato, splines=true, outputorder=edgesfirst];
	node [shape=box, style="filled,rounded", fontname="sans-serif", fontsize=11, fillcolor="white",
		height=0.3, margin="0.1,0.05"];
	edge [fontname="sans-serif", fontsize=9, arrowsize=0.7];
'''


def place(x: float, y: float) -> str:
    return f'pos="{x:.2f},{y:.2f}!"'


def state_node(name: str, state: str, driver: Driver, x: float, y: float, more: str = '') -> str:
    colour = COLOURS[driver.runs.get(state, '')]
    return f'\t"{name}" [label="{state}", fillcolor="{colour}", {place(x, y)}{more}];'


def words_node(name: str, label: str, x: float, y: float, more: str = '') -> str:
    return f'\t"{name}" [shape=plain, style="", label="{label}", {place(x, y)}{more}];'


def fsm(model: Model, driver: Driver, name: str) -> str:
    """The states in columns by what runs, in rows by their session; an arrowhead is an arc."""
    columns = list(COLOURS)
    lines = [HEAD.rstrip('\n')]
    states = model.states(name)
    used = [run for run in columns if any(driver.runs.get(state, '') == run for state in states)]
    for run in used:
        lines.append(words_node(f'column {run}', MEANS[run], 1.9 * used.index(run), 1.6))
    for state in states:
        row = 1.1 if model.saving[state] else -1.1 if state == 'RESUMING' else 0
        lines.append(state_node(state, state, driver, 1.9 * used.index(driver.runs.get(state, '')), row))
    for row, label in ((1.1, 'saving'), (0, 'no session'), (-1.1, 'resuming')):
        lines.append(words_node(f'row {label}', label, -1.25, row))
    arcs = set(model.arcs(name))
    for start, end in sorted(arcs):
        if (end, start) not in arcs:
            lines.append(f'\t"{start}" -> "{end}";')
        elif start < end:
            lines.append(f'\t"{start}" -> "{end}" [dir=both];')
    return '\n'.join([*lines, '}', ''])


def chains(model: Model, driver: Driver, name: str) -> str:
    """Each path of several arcs, one a row."""
    lines = [HEAD.rstrip('\n')]
    for row, path in enumerate(path for path in model.paths[name] if len(path) > 2):
        for column, state in enumerate(path):
            lines.append(state_node(f'{row}.{column}', state, driver, 1.75 * column, -0.42 * row,
                                    ', penwidth=2' if column in (0, len(path) - 1) else ', color="#888888"'))
            if column:
                lines.append(f'\t"{row}.{column - 1}" -> "{row}.{column}";')
    return '\n'.join([*lines, '}', ''])


# A phase in the life of a data fd: its place, and what a user can do with the fd
PHASES = {
    'none': ((0, 0), 'no data fd'),
    'pre-copy': ((5, 1.8), 'saving, pre-copy\\nread(): data, then ENOMSG\\nVFIO_MIG_GET_PRECOPY_INFO'),
    'stop-copy': ((5, 0), 'saving, STOP_COPY\\nread(): the rest, then 0'),
    'resuming': ((5, -1.8), 'resuming\\nwrite(): the stream'),
    'dead': ((10, 0), 'dead\\nread() and write(): ENODEV'),
}


def phases(arc: Arc) -> tuple[str, str] | None:
    """Which phase an arc ends, and which one it begins, by what the driver calls in it."""
    begins = {'mtty_migf_save': 'stop-copy' if arc.commit == 'finish_save' else 'pre-copy',
              'mtty_migf_resume': 'resuming'}
    if arc.prepare in begins:
        return 'none', begins[arc.prepare]
    if arc.commit == 'finish_save':
        return 'pre-copy', 'stop-copy'
    if arc.commit == 'load_device':
        return 'resuming', 'dead'
    if arc.commit == 'end_session':
        return 'stop-copy' if arc.start == 'STOP_COPY' else 'pre-copy', 'dead'
    return None


def life(model: Model, driver: Driver) -> str:
    """The life of a data fd: an edge has the arcs that lead from one phase to the next."""
    edges: dict[tuple[str, str], list[str]] = {}
    for arc in driver.arcs:
        step = phases(arc)
        if not step and model.saving[arc.start]:
            step = 'pre-copy', 'pre-copy'       # both are in it: nothing ends, nothing begins
        if step:
            edges.setdefault(step, []).append(f'{arc.start} to {arc.end}')
    lines = [HEAD.rstrip('\n')]
    for name, ((x, y), label) in PHASES.items():
        lines.append(f'\t"{name}" [label="{label}", {place(x, y)}];')
    for (start, end), arcs in edges.items():
        lines.append(f'\t"{start}" -> "{end}";')
        (x, y), (x2, y2) = PHASES[start][0], PHASES[end][0]
        lines.append(f'\t"{start} {end}" [shape=plain, style=filled, fontsize=9, label="' + '\\n'.join(arcs)
                     + f'", {place((x + x2) / 2, (y + y2) / 2 + (0.65 if start == end else 0))}];')
    # reset_locked() ends any session, and close calls it.
    for start in ('pre-copy', 'stop-copy', 'resuming'):
        lines.append(f'\t"{start}" -> "dead" [style=dashed, color="#b03030"];')
    lines.append(words_node('dashed', 'dashed: VFIO_DEVICE_RESET,\\nor the last close', 10, 1.8))
    return '\n'.join([*lines, '}', ''])


STEP = re.compile(r'^ +(source|destination) +(\w+) +-> (\w+) +([\d.]+) ms')
SENT = re.compile(r'^ +round (\d+) +\[#+\.*\] +(\S+ \S+) +\S+ MiB/s +(\S+ \S+) +(\S+ \S+)$')
REST = re.compile(r'^ +stream +the rest, to its end +\S+ ms +(\S+ \S+)$')
SECTION = re.compile(r'^ +(Destination gets ready|Pre-copy: .*|Downtime: .*)$')


def time(model: Model, driver: Driver, output: str) -> str:
    """What make run printed, from top to bottom: source, stream and destination."""
    lines = [HEAD.rstrip('\n')]
    lane = {'source': 0.0, 'destination': 5.2}
    arcs = set(model.arcs('full'))
    at = {'source': '', 'destination': ''}
    row = 0.0
    for label, x in (('source', 0.0), ('stream', 2.6), ('destination', 5.2)):
        lines.append(words_node(f'lane {label}', f'<b>{label}</b>', x, 0.9, ', fontsize=12').replace(
            f'"<b>{label}</b>"', f'<<b>{label}</b>>'))

    def reach(side: str, state: str) -> None:
        name = f'{side} {row:.2f}'
        lines.append(state_node(name, state, driver, lane[side], -row))
        if at[side]:
            lines.append(f'\t"{at[side]}" -> "{name}";')
        at[side] = name

    reach('source', 'RUNNING')
    reach('destination', 'RUNNING')
    for text in output.splitlines():
        section, step, sent, rest = (each.match(text) for each in (SECTION, STEP, SENT, REST))
        if section:
            row += 0.7
            lines.append(words_node(f'section {row:.2f}', section.group(1).replace(', ', ',\\n'), -2.0, -row))
        elif step:
            side, start, end = step.group(1, 2, 3)
            if (start, end) not in arcs:
                raise ValueError(f'start.rst has an arc that is none: {start} to {end}')
            row += 0.55
            reach(side, end)
        elif sent or rest:
            row += 0.55
            label = f'round {sent.group(1)}: {sent.group(2)} sent\\ninitial {sent.group(3)}, dirty {sent.group(4)}' \
                if sent else f'the rest: {rest.group(1) if rest else ""}'
            lines.append(words_node(f'sent {row:.2f}', label, 2.6, -row, ', fontsize=10'))
            for name, x in (('from', 0.85), ('to', 4.35)):
                lines.append(f'\t"{name} {row:.2f}" [shape=point, width=0.02, {place(x, -row - 0.2)}];')
            lines.append(f'\t"from {row:.2f}" -> "to {row:.2f}" [color="#3060a0"];')
            row += 0.1
    if not (at['source'].endswith(' 0.00') or at['destination'].endswith(' 0.00')):
        return '\n'.join([*lines, '}', ''])
    raise ValueError('start.rst has no output of make run')


def draw() -> dict[str, str]:
    """{name: dot} of all pictures."""
    model, driver = ask_model(), read_driver(read(FSM))
    result = {f'fsm-{name}': fsm(model, driver, name) for name in SETS}
    result |= {f'paths-{name}': chains(model, driver, name) for name in SETS}
    return result | {'data-fd': life(model, driver), 'time': time(model, driver, read(OUTPUT))}


def main(argv: list[str]) -> int:
    if argv == ['write']:
        os.makedirs(FOLDER, exist_ok=True)
        for name, text in draw().items():
            with open(f'{FOLDER}/{name}.dot', 'w', encoding='utf-8') as file:
                file.write(text)
    elif argv == ['paths']:
        for name, paths in ask_model().paths.items():
            print(f'{name}:')
            for path in paths:
                print('    ' + ' -> '.join(path))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as why:
        sys.exit(f'pictures.py: {why}')
