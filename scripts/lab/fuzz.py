# SPDX-License-Identifier: GPL-2.0-only
"""The fuzzer of the migration stream (selftests/fuzz), on the host."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Iterable, Sequence, TYPE_CHECKING

from lab.cache import Cache, hash_files, hash_text, quote, remove
from lab.host import Broken, first_line, jobs, say
from lab.values import REPO

if TYPE_CHECKING:
    from lab.lab import Lab

FUZZ = f'{REPO}/selftests/fuzz'
# What was found, where the user sees it
FOUND = f'{REPO}/build/fuzz'
# So many take about five seconds, and the same seed finds the same.
CHECK_RUNS = 15000
# The longest stream of a device with four pages has 17 KiB.
OPTIONS = ('-max_len=20480', '-timeout=20', '-rss_limit_mb=2048', '-print_final_stats=1',
           f'-artifact_prefix={FOUND}/')
# What of its output says nothing of a failure: its own frames, and the input, which is kept
NOISE = re.compile(
    r'^#[0-9]+\t|^INFO: |^Running: |^Executed |^\*\*\* |^stat::|^$'
    r'|BuildId: | fuzzer::|: Running [0-9]+ inputs|^MS: |^0x|^Base64: |\\0[0-9]{2}'
    r'|^artifact_prefix|/libc/|/csu/|nptl/|sysdeps|stdlib/abort|libFuzzer has rudim|Combine libF')
# Its built sources, of the selftests' for devices
SOURCES = [f'selftests/device/lib/{name}' for name in ('stream_spec.c', 'stream_spec.h', 'stream_format.h',
                                                        'xxh64.c', 'xxh64.h')]


def build(cache: Cache, uapi: str, out: str) -> str:
    """The program; called with the cache locked."""
    own = [f'selftests/fuzz/{name}' for name in os.listdir(FUZZ) if re.search(r'\.[ch]$|^Makefile$', name)]
    key = hash_text(hash_files('mtty-mig', *own, *SOURCES, 'selftests/lib/check.h'), uapi,
                    first_line('clang', '--version'))
    if not cache.finished(out, key):
        say('building the fuzzer')
        remove(out)
        os.makedirs(out)
        cache.step('fuzz', 'make', '-C', FUZZ, f'-j{jobs()}', f'UAPI={uapi}/include', f'OUTPUT={out}')
        cache.stamp(out, key)
    return f'{out}/stream_fuzz'


def inputs(folder: str) -> list[str]:
    """All in a directory."""
    return sorted(f'{place}/{name}' for place, _, names in os.walk(folder)
                  for name in names if name != 'README')


def kept(text: str) -> list[str]:
    """Where the input is that the output says was kept."""
    lines = []
    for path in re.findall(r'Test unit written to (.*)', text):
        path = path.removeprefix(f'{REPO}/')
        lines += [f'the input is kept: {path}', f'to replay it: make fuzz INPUT={path}',
                  f'when it is fixed: cp {path} selftests/fuzz/crashes/, and make check replays it']
    return lines


def why(text: str) -> list[str]:
    """What matters of what libFuzzer has to say of a failure."""
    lines = [line for line in text.splitlines() if not NOISE.search(line)]
    return [line.replace(f'{REPO}/selftests/fuzz/../', 'selftests/').replace(f'{REPO}/', '', 1)
            for line in lines][:40]


def result(number: int, name: str, command: Sequence[str]) -> None:
    """Run it, print a result line."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', check=False)
    text = done.stdout
    if done.returncode == 0:
        for line in text.splitlines():
            if line.startswith('verdicts: '):
                print(f'# {line}')
            line, hits = re.subn(r'^#[0-9]*\tDONE *', '# ', line)
            if hits:
                print(line)
        print(f'ok {number} {name}', flush=True)
        return
    # When inputs are replayed, the last one named is the one.
    last = text.replace(f'{REPO}/', '').splitlines()[-1:]
    running = re.findall('^Running: .*', text.replace(f'{REPO}/', ''), re.M)
    for line in [*(running[-1:] or last), *why(text), *kept(text)]:
        print(f'# {line}')
    print(f'not ok {number} {name}', flush=True)


def check(program: str) -> int:
    """What make check has of it, as KTAP."""
    os.makedirs(FOUND, exist_ok=True)
    print('TAP version 13\n1..4', flush=True)
    for number, name in enumerate(('corpus', 'edges', 'crashes'), start=1):
        found = inputs(f'{FUZZ}/{name}')
        if found:
            print(f'# {len(found)} inputs')
            result(number, f'{name}_replay', [program, *OPTIONS, *found])
        else:
            print(f'ok {number} {name}_replay # SKIP there is no input')
    with tempfile.TemporaryDirectory() as corpus:
        result(4, 'fuzz_runs', [program, *OPTIONS, f'-runs={CHECK_RUNS}', '-seed=1', corpus,
                                *(f'{FUZZ}/{name}' for name in ('corpus', 'edges', 'crashes'))])
    return 0


class Progress:
    """How far it is, of all that libFuzzer prints: once every few seconds."""

    def __init__(self) -> None:
        self.last = 0.0

    def line(self, text: str) -> None:
        """One of its output."""
        found = re.match(r'#([0-9]+)\t(\S+)(.*)', text)
        if not found or time.monotonic() < self.last + 5 and found[2] != 'DONE':
            return
        self.last = time.monotonic()
        values = dict(re.findall(r'(\S+): (\S+)', found[3]))
        print(f'lab: {int(found[1]):9d} runs, {values.get("exec/s", "")} each second, '
              f'{values.get("cov", "")} edges, {values.get("ft", "")} features, '
              f'{values.get("corp", "")} inputs', flush=True)


def count(folder: str) -> int:
    """Of files."""
    return sum(len(names) for _, _, names in os.walk(folder))


def run(lab: Lab) -> int:
    """make fuzz"""
    lab.set_up_source('fuzz')
    os.makedirs(f'{FOUND}/corpus', exist_ok=True)
    built = build(lab.cache, lab.uapi, f'{lab.programs}/fuzz')
    program = f'{FOUND}/stream_fuzz'
    remove(program)
    shutil.copy(built, program)
    lab.cache.unlock()
    if lab.get('INPUT'):
        # It ends with a status of its own for each kind of finding.
        return 1 if subprocess.run([program, *OPTIONS, lab.get('INPUT')], check=False).returncode else 0
    if lab.get('MERGE', '0') != '0':
        merge(program)
        return 0
    return hunt(lab, program)


def hunt(lab: Lab, program: str) -> int:
    """Fuzz as long as was asked for."""
    limit = f'-runs={lab.get("RUNS")}' if lab.get('RUNS') else f'-max_total_time={lab.get("SECONDS", "60")}'
    seed = lab.get('SEED') or str(random.SystemRandom().randrange(1 << 31))
    log = f'{FOUND}/log'
    before = count(f'{FOUND}/corpus')
    say(f'fuzzing the reader of the stream: {limit} SEED={seed}')
    status = lab.cache.follow(log, [
        program, *OPTIONS, limit, f'-seed={seed}', f'{FOUND}/corpus',
        *(f'{FUZZ}/{name}' for name in ('corpus', 'edges', 'crashes')),
        f'{REPO}/selftests/device/golden'], each=Progress().line)
    with open(log, encoding='utf-8', errors='replace') as file:
        text = file.read()
    if status:
        say('it found something:')
        quote(why(text))
        tell(kept(text))
    edges = re.findall(r'^INFO: Loaded 1 modules *\(([0-9]*) inline', text, re.M)
    runs = re.findall(r'^#([0-9]+)\t', text, re.M)
    say(f'{"".join(edges[:1])} edges in all, {(runs or ["0"])[-1]} runs; {count(f"{FOUND}/corpus") - before} '
        "new inputs in build/fuzz/corpus ('make fuzz MERGE=1' takes what counts into selftests/fuzz/corpus)")
    tell(re.findall('^verdicts: .*', text, re.M))
    say('the whole output: build/fuzz/log')
    if status < 0:
        return 128 - status
    return 1 if status else 0


def tell(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


def merge(program: str) -> None:
    """As few and as short inputs as reach, with those in edges/, the same edges of the
    program as all that there are.  How often they are reached is left to the fuzzer, for
    there is no end to it."""
    new = f'{FOUND}/merged'
    remove(new)
    shutil.copytree(f'{FUZZ}/edges', new)
    os.unlink(f'{new}/README')
    with open(f'{FOUND}/log', 'wb') as log:
        done = subprocess.run([program, *OPTIONS, '-merge=1', '-use_counters=0', new, f'{FUZZ}/corpus',
                               f'{FOUND}/corpus', f'{REPO}/selftests/device/golden'],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise Broken('the merge failed; its output is in build/fuzz/log')
    for path in inputs(f'{FUZZ}/edges') + [f'{FUZZ}/edges/README']:
        remove(path.replace(f'{FUZZ}/edges', new, 1))
    remove(f'{FUZZ}/corpus')
    shutil.move(new, f'{FUZZ}/corpus')
    size = sum(os.path.getsize(path) for path in inputs(f'{FUZZ}/corpus'))
    say(f'selftests/fuzz/corpus has now {count(f"{FUZZ}/corpus")} inputs, {size} bytes')


def main(program: str) -> int:
    """As a unit of make check."""
    try:
        return check(program)
    except BrokenPipeError:
        sys.stderr.close()
        return 141
