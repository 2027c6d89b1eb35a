# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: what is read of a patch, what becomes of its result; and that the
patches which are there are good."""

import argparse
import contextlib
import io
import os
import sys
import tempfile
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import guest  # noqa: E402
import mutants  # noqa: E402

TOP = os.path.join(os.path.dirname(__file__), '..', '..')
HEAD = '''\
Subject: A lock is not taken
Rules: MIG-FSM-01 MIG-LIFE-12
Killed-by: kunit device/race_test
Needs: leaks

It is taken elsewhere.
A user sees nothing.

'''
PATCH = '''\
--- a/mtty-mig/fsm.c
+++ b/mtty-mig/fsm.c
@@ -2,3 +2,3 @@
 one
-two
+2
 three
'''


def read(text, name='fsm-lock'):
    return mutants.Mutant(f'/somewhere/{name}.patch', text)


class Header(unittest.TestCase):
    def refused(self, text, words, name='fsm-lock'):
        with self.assertRaisesRegex(mutants.BadMutant, words):
            read(text, name)

    def test_fields(self):
        mutant = read(HEAD + PATCH)
        self.assertEqual(mutant.name, 'fsm-lock')
        self.assertEqual(mutant.subject, 'A lock is not taken')
        self.assertEqual(mutant.rules, ['MIG-FSM-01', 'MIG-LIFE-12'])
        self.assertEqual(mutant.hints, ['kunit', 'device/race_test'])
        self.assertEqual(mutant.why, 'It is taken elsewhere.\nA user sees nothing.')
        self.assertEqual(mutant.survives, '')
        self.assertTrue(mutant.leaks)
        self.assertEqual(mutant.files, ['mtty-mig/fsm.c'])
        self.assertEqual(mutant.room, 'fsm')
        self.assertEqual(mutant.patch, PATCH)

    def test_needs_nothing_else_by_default(self):
        self.assertFalse(read(HEAD.replace('Needs: leaks\n', '') + PATCH).leaks)

    def test_rules_none(self):
        self.assertEqual(read(HEAD.replace('MIG-FSM-01 MIG-LIFE-12', 'none') + PATCH).rules,
                         ['none'])

    def test_explanation_over_several_lines(self):
        text = HEAD.replace('Killed-by: kunit device/race_test', 'Survives: no test\n can see it')
        self.assertEqual(read(text + PATCH).survives, 'no test can see it')

    def test_no_patch(self):
        self.refused(HEAD, 'no patch')

    def test_no_text(self):
        self.refused(HEAD[:HEAD.index('It is')] + '\n' + PATCH, 'says nothing')

    def test_missing_field(self):
        for field, words in (('Subject', 'Subject'), ('Rules', 'Rules'), ('Killed-by', 'either')):
            with self.subTest(field):
                lines = [line for line in HEAD.splitlines(True) if not line.startswith(field)]
                self.refused(''.join(lines) + PATCH, words)

    def test_unknown_field(self):
        self.refused(HEAD.replace('Needs:', 'Wants:') + PATCH, 'no field Wants')

    def test_field_twice(self):
        self.refused('Rules: none\n' + HEAD + PATCH, 'Rules twice')

    def test_bad_rule(self):
        for bad in ('MIG-FSM-1x', 'FSM-01', 'none MIG-FSM-01', ''):
            with self.subTest(bad):
                self.refused(HEAD.replace('MIG-FSM-01 MIG-LIFE-12', bad) + PATCH, 'Rules')

    def test_bad_need(self):
        self.refused(HEAD.replace('leaks', 'luck') + PATCH, 'Needs is')

    def test_killed_and_survives(self):
        self.refused('Survives: no\n' + HEAD + PATCH, 'either')

    def test_changes_something_else(self):
        self.refused(HEAD + PATCH + PATCH.replace('mtty-mig/fsm', 'kunit/fsm_kunit'),
                     'something else')

    def test_bad_name(self):
        self.refused(HEAD + PATCH, 'name', 'fsm_Lock')


class Applying(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.addCleanup(self.tree.cleanup)
        os.mkdir(f'{self.tree.name}/mtty-mig')
        self.path = f'{self.tree.name}/mtty-mig/fsm.c'

    def apply(self, before):
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write(before)
        mutants.apply(read(HEAD + PATCH), self.tree.name)
        with open(self.path, encoding='utf-8') as file:
            return file.read()

    def test_applies(self):
        self.assertEqual(self.apply('zero\none\ntwo\nthree\n'),
                         'zero\none\n2\nthree\n')

    def test_applies_where_lines_have_moved(self):
        self.assertEqual(self.apply('new\n' * 9 + 'one\ntwo\nthree\n'),
                         'new\n' * 9 + 'one\n2\nthree\n')

    def test_no_fuzz(self):
        with self.assertRaisesRegex(mutants.BadMutant, 'does not apply'):
            self.apply('zero\none\ntwo\n3\n')


class Judging(unittest.TestCase):
    KILLS = [('device/race_test', 'race.one', 'Expected 1 == 2')]

    def setUp(self):
        self.plain = read(HEAD + PATCH)
        self.explained = read(HEAD.replace('Killed-by: kunit device/race_test',
                                           'Survives: because') + PATCH)

    def test_killed(self):
        self.assertEqual(mutants.judge(self.plain, 'killed', self.KILLS).status, 'passed')

    def test_survived(self):
        self.assertEqual(mutants.judge(self.plain, 'survived', []).status, 'failed')

    def test_explained(self):
        case = mutants.judge(self.explained, 'survived', [])
        self.assertEqual((case.status, case.reason), ('skipped', 'survives: because'))

    def test_explanation_out_of_date(self):
        case = mutants.judge(self.explained, 'killed', self.KILLS)
        self.assertEqual(case.status, 'failed')
        self.assertIn('race.one', case.reason)

    def test_broken(self):
        for mutant in (self.plain, self.explained):
            case = mutants.judge(mutant, 'broken', [('', '', 'does not compile:\nfsm.c:3: no')])
            self.assertEqual(case.status, 'failed')
            self.assertIn('fsm.c:3: no', case.diagnostics)

    def test_table_counts_all(self):
        lines = mutants.table([(self.plain, 'killed', self.KILLS, 1.0),
                               (self.plain, 'survived', [], 2.0),
                               (self.plain, 'broken', self.KILLS, 0.4),
                               (self.explained, 'survived', [], 2.0)])
        self.assertEqual(lines[-1].split(), ['all', '4', '1', '1', '2', '5'])

    def test_steps(self):
        def steps(hints, leaks=False):
            mutant = types.SimpleNamespace(hints=hints.split(), leaks=leaks)
            return mutants.steps(mutant, ['kunit', 'a', 'b@x', 'b@y'])
        self.assertEqual(steps('a'), [(['a', 'kunit', 'b@x', 'b@y'], False, '')])
        self.assertEqual(steps('b'), [(['b@x', 'b@y', 'kunit', 'a'], False, '')])
        self.assertEqual(steps(''), [(['kunit', 'a', 'b@x', 'b@y'], False, '')])
        self.assertEqual(steps('a', leaks=True), [(['a'], True, ''),
                                                  (['kunit', 'b@x', 'b@y'], False, '')])
        # One suite first; all of them later, if it did not notice
        self.assertEqual(steps('kunit/fsm a'), [
            (['kunit', 'a'], False, ' kunit.filter_glob=mtty_mig_fsm'),
            (['kunit', 'b@x', 'b@y'], False, '')])

    def test_hint_is_a_program_or_a_unit(self):
        units = ['kunit', 'generic/fsm_test@full', 'generic/fsm_test@base@-v@cdev']
        self.assertEqual(mutants.units_of('kunit', units), ['kunit'])
        self.assertEqual(mutants.units_of('kunit/fsm', units), ['kunit'])
        self.assertEqual(mutants.units_of('generic/fsm_test', units), units[1:])
        self.assertEqual(mutants.units_of('generic/fsm_test@full', units), [units[1]])
        self.assertEqual(mutants.units_of('generic/fsm', units), [])


class Hunting(unittest.TestCase):
    """What a guest says, and what is made of it."""

    def setUp(self):
        log = tempfile.NamedTemporaryFile(suffix='.log')
        self.addCleanup(log.close)
        self.addCleanup(lambda: self.hunt.log_file.close())
        args = types.SimpleNamespace(timeout=0, silence=0, test_timeout=9, keep_going=False)
        self.hunt = mutants.Hunt(args, log.name)

    def program(self, *lines, status=0, name='device/race_test', end=True):
        self.hunt.mark('log', f'begin {name}')
        self.hunt.mark('out', f'begin {name}')
        self.hunt.out(''.join(line + '\n' for line in lines))
        if end:
            self.hunt.mark('out', f'end {status}')
            self.hunt.mark('log', f'end {status}')

    def ended(self):
        self.hunt.ended()
        return self.hunt.kills

    def test_nothing(self):
        self.program('TAP version 13', '1..1', 'ok 1 race.one')
        self.hunt.mark('log', 'begin kunit')
        self.hunt.log('[    1.0] KTAP version 1\n[    1.0] ok 1 suite\n')
        self.hunt.mark('log', 'end 0')
        self.assertEqual(self.ended(), [])
        self.assertEqual(self.hunt.finished, ['device/race_test', 'kunit'])

    def test_case_at_once(self):
        self.program('TAP version 13', '1..2', '# race_test.c:7:one:Expected 1 == 2',
                     'not ok 1 race.one', end=False)
        self.assertEqual(self.hunt.kills, [('device/race_test', 'race.one',
                                            'race_test.c:7:one:Expected 1 == 2')])
        self.assertIsNotNone(self.hunt.stop_at)

    def test_each_unit_once(self):
        self.hunt.args.keep_going = True
        self.program('TAP version 13', '1..2', 'not ok 1 race.one', 'not ok 2 race.two', status=1)
        self.program('TAP version 13', '1..1', 'not ok 1 a.b', status=1, name='device/a_test')
        self.assertEqual([kill[:2] for kill in self.ended()],
                         [('device/race_test', 'race.one'), ('device/a_test', 'a.b')])
        self.assertIsNone(self.hunt.stop_at)

    def test_program_that_a_signal_ended(self):
        self.program('TAP version 13', '1..2', 'ok 1 race.one', status=139)
        self.assertIn('signal 11', self.ended()[0][2])

    def test_kunit_case(self):
        self.hunt.mark('log', 'begin kunit')
        self.hunt.log('KTAP version 1\n    # Subtest: fsm\n    1..1\n    not ok 1 walk\n')
        self.assertEqual(self.hunt.kills[0][:2], ('kunit', 'fsm.walk'))

    def test_kunit_case_that_does_not_end(self):
        self.hunt.mark('log', 'begin kunit')
        self.hunt.log('    # Subtest: fsm\n    1..1\n'
                      '    # walk: EXPECTATION FAILED at kunit/fsm_kunit.c:1\n')
        self.assertEqual(self.hunt.kills,
                         [('kunit', 'walk', 'EXPECTATION FAILED at kunit/fsm_kunit.c:1')])

    def test_report_of_the_kernel(self):
        self.program('TAP version 13', '1..1', '#  RUN           race.one ...', end=False)
        self.hunt.log('[    2.0] BUG: KASAN: slab-use-after-free in walk+0x1/0x2\n')
        self.hunt.out('ok 1 race.one\n#  RUN           race.two ...\n')
        self.hunt.judge_reports()
        self.assertEqual(self.hunt.kills, [])
        self.hunt.log('[    2.0] Call Trace:\n[    2.0] ---[ end trace 0 ]---\n')
        self.hunt.judge_reports()
        self.assertEqual(self.hunt.kills, [
            ('device/race_test', 'race.one', 'BUG: KASAN: slab-use-after-free in walk+0x1/0x2')])
        self.assertIsNotNone(self.hunt.stop_at)
        self.assertEqual(len(self.ended()), 1)

    def test_report_that_is_cut_off(self):
        self.program('TAP version 13', '1..1', end=False)
        self.hunt.log('[    2.0] kernel BUG at fsm.c:1\n')
        self.assertEqual(self.ended()[0], ('device/race_test', '', 'kernel BUG at fsm.c:1'))

    def test_report_that_is_known(self):
        self.program('TAP version 13', '1..1', end=False)
        self.hunt.log('WARNING: CPU: 0 PID: 1 at drivers/vfio/group.c:1 '
                      'vfio_group_release+0x1/0x2\n ? vfio_create_group+0x3/0x4\n'
                      '---[ end trace 0 ]---\n')
        self.hunt.out('ok 1 race.one\n')
        self.hunt.mark('out', 'end 0')
        self.assertEqual(self.ended(), [])

    def test_leak(self):
        self.program('TAP version 13', '1..1', 'ok 1 race.one')
        self.hunt.mark('log', 'leaks')
        self.hunt.log('unreferenced object 0x1 (size 8):\n  backtrace (crc 0):\n'
                      '    kmalloc+0x1/0x2\n    mem_new+0x3/0x4 [mtty_mig]\n')
        self.assertEqual(self.hunt.kills, [])
        self.assertEqual(self.ended(), [('leaks', '', 'leaked memory: mem_new+0x3/0x4 [mtty_mig]')])

    def test_guest_that_died(self):
        self.program('TAP version 13', '1..1', '#  RUN           race.one ...', end=False)
        self.hunt.guest.why = 'the guest died'
        self.assertEqual(self.ended(), [('device/race_test', 'race.one', 'the guest died')])
        self.assertEqual(self.hunt.finished, ['device/race_test'])

    def test_module_that_cannot_be_unloaded(self):
        self.program('TAP version 13', '1..1', 'ok 1 race.one')
        self.hunt.mark('log', 'broken the module x cannot be unloaded after the tests')
        self.hunt.mark('out', 'broken the module x cannot be unloaded after the tests')
        self.assertEqual(len(self.ended()), 1)


class Patches(unittest.TestCase):
    """Those of the project."""

    def test_each_is_well_formed_and_applies(self):
        patches = mutants.read_all(f'{TOP}/selftests/mutants')
        self.assertGreaterEqual(len(patches), 75)
        with tempfile.TemporaryDirectory() as tree:
            mutants.copy_sources(TOP, f'{tree}/src')
            for mutant in patches:
                with self.subTest(mutant.name):
                    mutants.apply(mutant, f'{tree}/src', '--check')

    def test_names_begin_with_the_room(self):
        for mutant in mutants.read_all(f'{TOP}/selftests/mutants'):
            with self.subTest(mutant.name):
                self.assertTrue(os.path.exists(f'{TOP}/mtty-mig/{mutant.name.split("-")[0]}.c'))

    def test_label(self):
        self.assertEqual(mutants.describe(('generic/a_test@full', 'x.y', 'no')),
                         f'{guest.label("generic/a_test@full")}::x.y (no)')


class Broken(unittest.TestCase):
    def test_a_patch_that_is_none_is_no_verdict(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f'{folder}/selftests/mutants')
            for part in mutants.SOURCES:
                os.mkdir(f'{folder}/{part}')
            with open(f'{folder}/selftests/mutants/fsm-x.patch', 'w', encoding='utf-8') as out:
                out.write('nothing')
            args = argparse.Namespace(repo=folder, scratch=folder, pattern='*', units=[], some=False)
            with contextlib.redirect_stderr(io.StringIO()) as err:
                self.assertEqual(mutants.run(args), 3)
        self.assertIn('fsm-x.patch: has no patch', err.getvalue())


if __name__ == '__main__':
    unittest.main()
