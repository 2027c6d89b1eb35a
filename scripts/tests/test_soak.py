# SPDX-License-Identifier: GPL-2.0-only
"""make soak: what is run how often, what is told of it, and that it ends what it
starts.  The guest is a shell that says what a guest says."""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import types
import unittest
from unittest import mock

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path.insert(0, SCRIPTS)
import guest  # noqa: E402
import machine  # noqa: E402
import soak  # noqa: E402

SELFTESTS = f'{SCRIPTS}/../selftests'
# As guest-init.sh; what stands in for the programs is in "program".
GUEST = r'''
log() { printf '%s\n' "$*" >&"$LOG"; }
mark() { log "@$TOKEN $*"; printf '@%s %s\n' "$TOKEN" "$*" >&"$OUT"; }
cd "$LAB" && . ./job
number=0
for unit in $UNITS; do
	number=$((number + 1))
	[ ! -e stop ] && [ ! -e "stop$TOKEN" ] || break
	mkdir claims/$number 2>/dev/null || continue
	mark begin "$unit"
	(. ./program) >&"$OUT"
	status=$?
	[ $status != 99 ] || exit
	mark end $status
done
[ ! -e late ] || log "$(cat late)"
mark done 0
sleep 1000
'''
PASSES = 'printf "TAP version 13\\n1..1\\nok 1 one\\n"'
FAILS = 'printf "TAP version 13\\n1..1\\n# wanted 1, got 2\\nnot ok 1 one\\n"; exit 1'


def command(_args: argparse.Namespace, _name: str, words: list[str], log: int, out: int,
            keyboard: bool) -> list[str]:
    assert not keyboard
    given = [word for word in words if word.startswith(('LAB=', 'TOKEN='))]
    return ['env', *given, f'LOG={log}', f'OUT={out}', 'bash', '-c', GUEST]


ENGINE = types.SimpleNamespace(prepare=lambda args, guests: {}, command=command)


def kernel(place: str, name: str, processors: int = 1, about: str = 'sanitize') -> str:
    """What the verb prepares."""
    os.makedirs(f'{place}/{name}')
    options = ['--engine', 'uml', '--kernel', 'none', '--run', f'{place}/{name}', '--log', 'none',
               '--memory', '1', '--processors', str(processors), '--guests', '2', '--leaks', '0',
               '--timeout', '0', '--silence', '0', '--test-timeout', '9', '--args=', '--append=']
    with open(f'{place}/{name}/options', 'w', encoding='utf-8') as file:
        file.write(''.join(f'{word}\0' for word in options))
    with open(f'{place}/{name}/about', 'w', encoding='utf-8') as file:
        file.write(f'{name}\n{about}\nKERNEL={name}\n')
    return f'{place}/{name}'


class Shares(unittest.TestCase):
    KERNELS = ['a', 'b', 'c']

    def all(self, runs: int, programs: list[list[str]], **more: tuple[bool, ...]) \
            -> list[tuple[str, bool, list[str]]]:
        return [(str(share.kernel), share.loaded, share.take(10**6))
                for share in soak.shares(self.KERNELS, programs, runs, 7, **more)]

    def test_each_program_so_often(self) -> None:
        for runs in (1, 2, 6, 7, 500):
            with self.subTest(runs):
                found = self.all(runs, [['x'], ['y']])
                names = collections.Counter(unit.split('%')[0] for *_, units in found
                                            for unit in units)
                self.assertEqual(names, {'x': runs, 'y': runs})
                loaded = sum(len(units) for _, load, units in found if load)
                self.assertLessEqual(abs(loaded - runs), 2)
                shares = [len(units) for *_, units in found]
                self.assertLessEqual(max(shares) - min(shares), 2)

    def test_each_pair_once(self) -> None:
        for number in (1, 2, 3, 4):
            with self.subTest(number):
                shares = soak.shares(list(range(number)), [['x']], 1, 0)
                self.assertEqual({(share.kernel, share.loaded) for share in shares},
                                 set(itertools.product(range(number), (False, True))))
                self.assertEqual(len(shares), 2 * number)

    def test_only_with_load(self) -> None:
        self.assertEqual([load for _, load, _ in self.all(9, [['x']], loads=(True,))], [True] * 3)

    def test_each_seed_once(self) -> None:
        seeds = [int(unit.split('%')[1]) for *_, units in self.all(9, [['x'], ['y']])
                 for unit in units]
        self.assertEqual(sorted(seeds), list(range(7, 25)))

    def test_first_seed_is_that_of_a_single_run(self) -> None:
        self.assertEqual(self.all(1, [['x']])[0], ('a', False, ['x%7']))

    def test_units_take_turns(self) -> None:
        first = self.all(24, [['x@1', 'x@2', 'x@1', 'x@3']])[0][2]
        self.assertEqual([unit.split('%')[0] for unit in first], ['x@1', 'x@2', 'x@1', 'x@3'])

    def test_what_comes_back_is_next(self) -> None:
        share = soak.shares(self.KERNELS, [['x']], 0, 1)[0]
        taken = share.take(5)
        share.give_back(taken[3:])
        self.assertEqual(share.take(3)[:2], taken[3:])
        self.assertEqual(len(share.take(100)), 100)


class Loads(unittest.TestCase):
    def test_one_a_processor_and_none_is_left(self) -> None:
        with soak.Load(True) as load:
            self.assertEqual(len(load.loops), len(os.sched_getaffinity(0)))
            self.assertEqual([loop.poll() for loop in load.loops], [None] * len(load.loops))
        self.assertNotIn(None, [loop.poll() for loop in load.loops])

    def test_none(self) -> None:
        with soak.Load(False) as load:
            self.assertEqual(load.loops, [])

    def test_ends_with_its_parent(self) -> None:
        code = ('import sys, time\nimport soak\n'
                'with soak.Load(True) as load:\n'
                '    print(*(loop.pid for loop in load.loops), flush=True)\n    time.sleep(1000)\n')
        with subprocess.Popen([sys.executable, '-B', '-c', code], cwd=SCRIPTS,
                              stdout=subprocess.PIPE, encoding='ascii') as parent:
            assert parent.stdout
            loops = parent.stdout.readline().split()
            self.assertTrue(loops)
            parent.kill()
        # They have nobody who waits for them but init.
        def state(pid: str) -> str:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                    open(f'/proc/{pid}/stat', encoding='ascii') as file:
                return file.read().rpartition(')')[2].split()[0]
            return 'gone'
        until = time.monotonic() + 600
        while any(state(pid) not in ('gone', 'Z') for pid in loops):
            self.assertLess(time.monotonic(), until, 'a busy loop goes on')
            time.sleep(0.05)


class Soaking(unittest.TestCase):
    """All of it, but for the kernels."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.logs = f'{place.name}/logs'
        os.mkdir(self.logs)
        self.kernels = [kernel(f'{place.name}/run', name) for name in ('k1', 'k2')]

    def soak(self, program: str, units: tuple[str, ...] = ('x', 'y'), **more: object) \
            -> tuple[int, str]:
        """Exit status, and what was printed."""
        for place in self.kernels:
            with open(f'{place}/program', 'w', encoding='utf-8') as file:
                file.write(program)
        args = argparse.Namespace(run=f'{self.place}/run', log=self.logs, runs=0, seconds=0,
                                  seed=1, load=0, programs=list(units))
        vars(args).update(more)
        self.it = soak.Soak(args, [soak.Kernel(place) for place in self.kernels])
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), \
                mock.patch.dict(machine.ENGINES, uml=ENGINE):
            status = self.it.main()
        return status, shown.getvalue()

    def last_line(self, shown: str) -> str:
        return shown.splitlines()[-1]

    def table(self, shown: str) -> dict[tuple[str, str], list[str]]:
        rows = [line.split() for line in shown[shown.index('program  kernel'):].split('\n\n')[0]
                .splitlines()[1:]]
        return {(row[0], row[1]): row[2:] for row in rows}

    def test_all_pass(self) -> None:
        status, shown = self.soak(PASSES, runs=8, load=None)
        self.assertEqual((status, self.last_line(shown)), (0, '16 passed, 0 failed, 0 skipped'))
        self.assertTrue(shown.startswith('KTAP version 1\n1..16\n'))
        self.assertRegex(shown, r'\nok 16 [xy] SEED=\d+ on Linux k[12]( under load)? \(0\.\d s\)\n')
        for row in self.table(shown).values():
            self.assertEqual(row[:3], ['4', '2', '0'])
        # No log of a guest is kept
        self.assertEqual(sorted(os.listdir(self.logs)), ['soak.json', 'soak.xml'])

    def test_failure(self) -> None:
        status, shown = self.soak(f'case $unit in x*%3) {FAILS} ;; *) {PASSES} ;; esac',
                                  units=('x@full',), runs=4)
        self.assertEqual((status, self.last_line(shown)), (1, '3 passed, 1 failed, 0 skipped'))
        self.assertIn('\nnot ok ', shown)
        self.assertIn('    # wanted 1, got 2\n', shown)
        told = shown[shown.index('\nlab: failed:'):]
        self.assertIn('x(full) SEED=3 on Linux', told)
        self.assertIn('| # wanted 1, got 2', told)
        # Seeds are given out turn by turn.
        self.assertIn('again: make selftests KERNEL=k2 TEST=x TYPES=full SEED=3\n', told)
        log = told.split('     log: ')[1].split('\n')[0]
        with open(log, encoding='utf-8') as file:
            self.assertIn('--- begin x@full%3', file.read())
        with open(f'{self.logs}/x-full-3.tap', encoding='utf-8') as file:
            self.assertIn('not ok 1 one', file.read())
        with open(f'{self.logs}/soak.json', encoding='utf-8') as file:
            self.assertEqual(json.load(file)['failed'], 1)

    def test_command_under_load(self) -> None:
        _, shown = self.soak(FAILS, units=('x',), runs=1, load=1)
        self.assertIn('again: make soak RUNS=1 LOAD=1 KERNEL=k1 TEST=x SEED=1\n', shown)

    def test_report_of_the_kernel(self) -> None:
        report = 'log "BUG: KASAN: use-after-free in f+0x1/0x2"; log " Call Trace:"'
        status, shown = self.soak(f'case $unit in *%1) {report} ;; esac; {PASSES}',
                                  units=('x',), runs=6)
        self.assertEqual((status, self.last_line(shown)), (1, '5 passed, 1 failed, 0 skipped'))
        self.assertIn('x SEED=1 on Linux k1\n     kernel: BUG: KASAN: use-after-free in f', shown)

    def test_report_beside_the_programs(self) -> None:
        for place in self.kernels:
            with open(f'{place}/late', 'w', encoding='utf-8') as file:
                file.write('WARNING: at the end')
        status, shown = self.soak(PASSES, units=('x',), runs=1)
        self.assertEqual((status, self.last_line(shown)), (1, '1 passed, 1 failed, 0 skipped'))
        self.assertIn('  guest on Linux k1: WARNING: at the end\n', shown)

    def test_guest_that_dies(self) -> None:
        status, shown = self.soak(f'case $unit in *%2) exit 99 ;; esac; {PASSES}', units=('x',),
                                  runs=8)
        self.assertEqual((status, self.last_line(shown)), (1, '7 passed, 1 failed, 0 skipped'))
        self.assertIn('the guest died while this ran', shown)

    def test_guest_that_runs_nothing(self) -> None:
        with mock.patch.object(ENGINE, 'command', lambda *_, **__: ['false']):
            status, shown = self.soak(PASSES, runs=4)
        self.assertEqual(status, 1)
        # Each of the two kernels: that its guests die, and that this ran nothing
        self.assertEqual(shown.count('ran no program\n'), 4)
        self.assertIn('\n0 passed, ', '\n' + self.last_line(shown))

    def test_skipped(self) -> None:
        status, shown = self.soak('printf "1..0 # SKIP no device\\n"; exit 4', units=('x',), runs=2)
        self.assertEqual((status, self.last_line(shown)), (1, '0 passed, 0 failed, 2 skipped'))
        self.assertIn('lab: the run failed: no program passed', shown)

    def test_by_time(self) -> None:
        """By a clock that each run moves by a second."""
        judged = soak.Soak.judged
        now = itertools.count()
        clock = types.SimpleNamespace(now=0, monotonic=lambda: clock.now)

        def moved(it: soak.Soak, run: soak.Run) -> None:
            judged(it, run)
            clock.now = next(now)
        with mock.patch.object(soak, 'BATCH', 3), mock.patch.object(soak, 'time', clock), \
                mock.patch.object(soak.Soak, 'judged', moved):
            status, shown = self.soak(PASSES, seconds=9)
        passed = int(self.last_line(shown).split()[0])
        self.assertEqual(status, 0)
        self.assertIn(f'\n1..{passed}\n', shown)
        # The tenth run is the last, or belongs to the last turn
        self.assertIn(passed, (10, 11, 12))
        self.assertEqual(shown.count('\n# turn '), 4)
        self.assertEqual(sum(int(row[0]) for row in self.table(shown).values()), passed)

    def test_turn_that_is_over(self) -> None:
        """Its guests take no more; what they have not taken comes in the next turn."""
        with mock.patch.object(soak, 'TURN', 0):
            status, shown = self.soak(f'until [ -e stop ]; do sleep 0.01; done; {PASSES}', runs=8)
        self.assertEqual((status, self.last_line(shown)), (0, '16 passed, 0 failed, 0 skipped'))
        # Of each turn's two guests one runs a program, or both do
        self.assertIn(shown.count('\n# turn '), range(8, 17))

    def test_interrupted(self) -> None:
        """In a process of its own, which gets the signal of Ctrl-C."""
        for place in self.kernels:
            with open(f'{place}/program', 'w', encoding='utf-8') as file:
                file.write(f'case $unit in *%[12]) ;; *) sleep 1000 ;; esac; {PASSES}')
        code = ('import sys\nsys.path.insert(0, "tests")\n'
                'import machine, soak, test_soak\n'
                'machine.ENGINES["uml"] = test_soak.ENGINE\nsys.exit(soak.main())\n')
        with subprocess.Popen(
                [sys.executable, '-B', '-c', code, '--run', f'{self.place}/run', '--log', self.logs,
                 '--runs', '9', '--seed', '1', '--load', '1', 'x', 'y'], cwd=SCRIPTS,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding='utf-8') as process:
            assert process.stdout
            shown = ''
            while shown.count('\nok ') < 2:
                line = process.stdout.readline()
                self.assertTrue(line, shown)
                shown += line
            process.send_signal(signal.SIGINT)
            shown += process.stdout.read()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.last_line(shown), '2 passed, 0 failed, 0 skipped')
        self.assertEqual(self.table(shown)['x', 'k1'][:3], ['1', '1', '0'])


class Programs(unittest.TestCase):
    def test_those_that_are_marked_are_programs(self) -> None:
        def names(target: str) -> list[str]:
            return subprocess.run(['make', '-s', '--no-print-directory', '-C', SELFTESTS, target],
                                  check=True, capture_output=True, text=True).stdout.split()
        marked = names('list-random')
        self.assertIn('device/stress_test', marked)
        self.assertEqual(sorted(set(marked)), sorted(marked))
        self.assertLessEqual(set(marked), set(names('list')))

    def test_label(self) -> None:
        self.assertEqual(guest.label('generic/life_test@full@-v@cdev%7'),
                         'generic/life_test(full) SEED=7')
        self.assertEqual(guest.label('device/race_test'), 'device/race_test')


if __name__ == '__main__':
    unittest.main()
