# SPDX-License-Identifier: GPL-2.0-only
"""The catalogue's parser, and who names which rule."""

import contextlib
import io
import json
import os
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import ktap  # noqa: E402
import rules  # noqa: E402


def section(name, skip='', summary='It holds.', **fields):
    """A rule; skip: a field to leave out, fields: other values"""
    values = {'level': 'must', 'text': '``x.h``: "words"', 'kept by': 'driver', 'needs': 'none',
              'seen': 'A sign.'}
    values.update({key.replace('_', ' '): value for key, value in fields.items()})
    lines = [name, '-' * len(name), '']
    lines += [f':{key}: {value}'.rstrip() for key, value in values.items() if key != skip]
    return '\n'.join(lines + ['', summary, '', ''])


PROJECT = rules.Project(os.path.normpath(rules.TOP))

CHAPTER = '''\
How to read it
==============

:level: not a rule's field

Rules
=====

'''


class Page(unittest.TestCase):
    def test_a_rule_and_a_kind_of_rules(self):
        one = rules.page_text(PROJECT, 'MIG-PRE-06')
        self.assertTrue(one.startswith('MIG-PRE-06  '))
        for word in ('level', 'kept by', 'precopy_test ', 'migf-end-of-file-in-precopy', 'on 6.12'):
            self.assertIn(word, one)
        several = rules.page_text(PROJECT, 'MIG-PRE')
        self.assertIn(one, several)
        self.assertIn('\nMIG-PRE-07  ', several)
        self.assertNotIn('\nMIG-RES-', several)


class Parsing(unittest.TestCase):
    def parse(self, text):
        return rules.Catalogue('r.rst', CHAPTER + text).rules

    def refuses(self, text, what, line=None):
        with self.assertRaises(rules.CatalogueError) as caught:
            self.parse(text)
        self.assertIn(what, str(caught.exception))
        self.assertRegex(str(caught.exception), r'^r\.rst:\d+: ')
        if line:
            self.assertIn(f'r.rst:{CHAPTER.count(chr(10)) + line}: ', str(caught.exception))

    def test_one_rule(self):
        got = self.parse(section('MIG-FSM-03', needs='P2P PRE_COPY') + 'More words.\n')
        self.assertEqual(got['MIG-FSM-03'].as_dict(), {
            'level': 'must', 'text': '``x.h``: "words"', 'kept_by': 'driver',
            'needs': ['P2P', 'PRE_COPY'], 'seen': 'A sign.', 'summary': 'It holds.'})

    def test_value_over_several_lines(self):
        got = self.parse(section('MIG-FSM-03', seen='One\n       two.'))
        self.assertEqual(got['MIG-FSM-03'].fields['seen'], 'One two.')

    def test_gap_in_numbers_is_a_rule_given_up(self):
        self.assertEqual(list(self.parse(section('MIG-A-01') + section('MIG-A-03'))),
                         ['MIG-A-01', 'MIG-A-03'])

    def test_errors(self):
        one = section('MIG-A-01')
        self.refuses('', 'no rule')
        self.refuses(one + one, 'MIG-A-01 is there twice', 1 + one.count('\n'))
        self.refuses(section('MIG-A-02') + one, 'MIG-A-01 is out of order')
        self.refuses(one + section('MIG-B-01') + section('MIG-A-02'), 'apart from its group')
        self.refuses(section('MIG-A-1'), '"MIG-A-1" is no rule ID', 1)
        self.refuses(section('Words'), '"Words" is no rule ID')
        self.refuses('MIG-A-01\n========\n', 'is a chapter')
        self.refuses(one.replace('--------', '---------'), 'not as long as the title', 2)
        self.refuses(section('MIG-A-01', colour='red'), 'unknown field "colour"', 9)
        self.refuses(one.replace(':seen:', ':level: must\n:seen:'), '"level" is there twice')
        self.refuses(one.replace(':seen:', 'seen:'), 'not a field', 8)
        for name in rules.FIELDS:
            self.refuses(section('MIG-A-01', skip=name), f'no field "{name}"', 1)
        self.refuses(section('MIG-A-01', seen=''), 'field "seen" is empty')
        self.refuses(section('MIG-A-01', level='may'), '"level" is none of')
        self.refuses(section('MIG-A-01', kept_by='luck'), '"kept by" is none of')
        for needs in ('NOTHING', 'none P2P', 'P2P P2P', 'P2P, PRE_COPY'):
            self.refuses(section('MIG-A-01', needs=needs), '"needs" is not')
        self.refuses(section('MIG-A-01', text='"words"'), 'does not begin with')
        self.refuses(section('MIG-A-01', summary='It holds'), 'not one line', 10)
        self.refuses(section('MIG-A-01', summary='It\nholds.'), 'not one line')
        self.refuses(section('MIG-A-01', summary='x' * 79 + '.'), 'not one line')
        self.refuses(section('MIG-A-01', summary=''), 'not one line')
        self.refuses(section('MIG-A-01', kept_by='core', no_mutant='x'), 'the core keeps')

    def test_all_errors_are_told(self):
        with self.assertRaises(rules.CatalogueError) as caught:
            self.parse(section('MIG-A-01', level='x') + section('MIG-A-02', skip='seen'))
        self.assertEqual(len(str(caught.exception).splitlines()), 2)

    def test_quotes(self):
        header = '/*\n * These words\n *\tare quoted, and\n * [others].\n */\n'
        for quote, found in (('These words are quoted', True), ('words [...] others', True),
                             ('others [...] gone', False), ('Those words', False)):
            got = list(rules.quotes(self.parse(section('MIG-A-01', text=f'``x``: "{quote}"')),
                                    header))
            self.assertEqual([not wrong for _, wrong, _ in got], [found], quote)
        none = self.parse(section('MIG-A-01', text='``f()``: not its words'))
        self.assertEqual(list(rules.quotes(none, header)), [])

    def test_the_catalogue_of_this_tree(self):
        path = os.path.join(rules.TOP, 'Documentation', 'rules.rst')
        with open(path, encoding='utf-8') as text:
            self.assertGreater(len(rules.Catalogue(path, text.read()).rules), 70)


class Names(unittest.TestCase):
    def test_what_a_piece_defines(self):
        for code, names in (
                ('static int go(struct dut *dut, int to)\n{\n\tint x = f(to);\n}', {'go'}),
                ('int two(int a,\n\tint b);', {'two'}),
                ('static const struct {\n\tint a;\n} arcs[] = {\n\t{ S(A) },\n};', {'arcs'}),
                ('static const struct f {\n\tint a;\n} table[2] = {\n\t{ 1 },\n};', {'table'}),
                ('static int one, two = three;', {'one', 'two'}),
                ('static void __printf(1, 2) say(const char *fmt)\n{\n}', {'say'}),
                ('struct f {\n\tint a;\n};', set()),
                ('typedef int (*fn)(void);', set())):
            self.assertEqual(rules.names_of(code), names, code)

    def test_comments(self):
        self.assertEqual(rules.without_comments('a /* "b */ "/* c" // d\ne'), 'a   "/* c"  \ne')


FIXTURE_H = '''\
#ifndef FIXTURE_H
#define FIXTURE_H
#define DUT_FIXTURE(name, needs) \\
	FIXTURE(name) \\
	{ \\
		int x; \\
	}; \\
	\\
	FIXTURE_SETUP(name) \\
	{ \\
		dut_open(variant->flags); \\
	}
#endif
'''

DUT_C = '''\
/* "MIG-A-09" in a comment is nothing */
static void hidden(void)
{
	rule("MIG-A-07");
}

void dut_open(int flags)
{
	rule("MIG-A-01");
}
'''

LIB_C = '''\
void lib_call(void)
{
	local();
}

static void local(void)
{
	rule("MIG-A-02");
}
'''

LIB_H = '''\
#define CHECK_BOTH(x) do {	\\
	rule("MIG-A-03 MIG-A-04");	\\
} while (0)
'''

A_TEST_C = '''\
#include "../lib/lib.h"

static const struct {
	const char *rule;
} table[] = {
	{ "MIG-A-05" },
};

static void local(void)
{
	rule("MIG-A-06");
}

TEST(direct)
{
	rule("MIG-A-08");
	x->table = y.local;
}

TEST(through_a_table)
{
	use(table);
}

TEST(none)
{
	/* "MIG-A-08" */
	hidden();
	other_test();
}

#include "dut_fixture.h"

DUT_FIXTURE(one, DUT_ANY);

TEST_F(one, through_the_setup)
{
}

TEST_F_TIMEOUT(one, through_a_macro, 60)
{
	CHECK_BOTH(1);
}

DUT_FIXTURE(two, DUT_ANY);

TEST_F(two, through_the_library)
{
	lib_call();
}

FIXTURE(three)
{
};

FIXTURE_SETUP(three)
{
}

TEST_F(three, through_its_own)
{
	local();
}

TEST_HARNESS_MAIN
'''

B_TEST_C = '''\
void other_test(void)
{
	rule("MIG-A-08");
}

TEST(b)
{
	other_test();
}

TEST_HARNESS_MAIN
'''


class Tree(unittest.TestCase):
    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        self.top = where.name
        self.write('Documentation/rules.rst', CHAPTER + ''.join(
            section(f'MIG-A-{n:02}', kept_by='core' if n > 2 else 'driver') for n in range(1, 9)
            if n != 7))
        for path, text in (('generic/dut_fixture.h', FIXTURE_H), ('generic/dut.c', DUT_C),
                           ('lib/lib.c', LIB_C), ('lib/lib.h', LIB_H),
                           ('generic/a_test.c', A_TEST_C), ('generic/b_test.c', B_TEST_C)):
            self.write('selftests/' + path, text)

    def write(self, path, text):
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)

    def run_main(self, *args):
        out = io.StringIO()
        argv, sys.argv = sys.argv, ['rules.py', '--top', self.top, *args]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                status = rules.main()
        finally:
            sys.argv = argv
        return status, out.getvalue()

    def check(self):
        """(status, {failed case: diagnostics}, KTAP)"""
        status, text = self.run_main('check')
        parser = ktap.Parser('rules')
        for line in text.splitlines():
            parser.feed(line)
        cases = parser.finish(status).cases
        self.assertEqual(text.splitlines()[-1], ktap.last_line(cases))
        return (status, {case.name[len('rules '):]: ' '.join(case.diagnostics) for case in cases
                         if case.status == 'failed'}, text)

    def test_who_names_what(self):
        self.assertEqual(json.loads(self.run_main('json')[1])['tests'], {
            'a_test': {
                'global.direct': ['MIG-A-08'],
                'global.through_a_table': ['MIG-A-05'],
                'global.none': [],
                'one.through_the_setup': ['MIG-A-01'],
                'one.through_a_macro': ['MIG-A-01', 'MIG-A-03', 'MIG-A-04'],
                'two.through_the_library': ['MIG-A-01', 'MIG-A-02'],
                'three.through_its_own': ['MIG-A-06'],
            },
            'b_test': {'global.b': ['MIG-A-08']}})

    def test_tests_for_stand_ins(self):
        self.write('selftests/standins/bench.c', 'void below(void)\n{\n\trule("MIG-A-02");\n}\n')
        self.write('selftests/standins/b_test.c', 'TEST(b)\n{\n\tbelow();\n\tother_test();\n}\n')
        tests = json.loads(self.run_main('json')[1])['tests']
        # other_test() of generic/b_test.c is none of its own.
        self.assertEqual(tests['standins/b_test'], {'global.b': ['MIG-A-02']})
        self.assertEqual(tests['b_test'], {'global.b': ['MIG-A-08']})

    def test_failures_are_told(self):
        status, failed, _ = self.check()
        self.assertEqual(status, 1)
        self.assertEqual(set(failed), {'a_test global.none names a rule',
                                       'sources name only rules that exist'})
        self.assertIn('selftests/generic/a_test.c:25', failed['a_test global.none names a rule'])
        self.assertIn('selftests/generic/dut.c:2: MIG-A-07',
                      failed['sources name only rules that exist'])

    def repair(self):
        self.write('selftests/generic/a_test.c', A_TEST_C.replace('other_test()', 'local()'))
        self.write('selftests/generic/dut.c', DUT_C.replace('MIG-A-07', 'MIG-A-08'))

    def test_no_mutants_yet(self):
        self.repair()
        status, failed, text = self.check()
        self.assertEqual((status, failed), (0, {}))
        self.assertIn('MIG-A-01 has a mutant # SKIP selftests/mutants is not there', text)
        self.assertNotIn('MIG-A-03 has a mutant', text)

    def test_rule_without_a_test(self):
        self.repair()
        self.write('selftests/lib/lib.c', LIB_C.replace('"MIG', '"NOT'))
        self.assertEqual(set(self.check()[1]), {'MIG-A-02 has a test'})

    def test_mutants(self):
        self.repair()
        self.write('selftests/mutants/0001-x.patch',
                   'Words\nRules: MIG-A-01\nRules: MIG-A-03, MIG-A-04\n---\n'
                   '--- a/x\n+++ b/x\nRules: MIG-A-02\n')
        self.assertEqual(set(self.check()[1]), {'MIG-A-02 has a mutant'})
        self.write('selftests/mutants/0002-y.patch', 'Rules: MIG-A-02 MIG-Z-01\n--- a/x\n')
        status, failed, _ = self.check()
        self.assertEqual((status, set(failed)), (1, {'0002-y names only rules that exist'}))
        self.assertIn('MIG-Z-01', failed['0002-y names only rules that exist'])

    def test_excuse_for_no_mutant(self):
        self.repair()
        self.write('selftests/mutants/0001-x.patch', 'Rules: MIG-A-01\n--- a/x\n')
        self.write('Documentation/rules.rst', CHAPTER + ''.join(
            section(f'MIG-A-{n:02}', no_mutant='because') for n in range(1, 9) if n != 7))
        _, failed, text = self.check()
        self.assertEqual(set(failed), {'MIG-A-01 has a mutant'})
        self.assertIn('MIG-A-02 has a mutant # SKIP because', text)

    def test_broken_catalogue(self):
        self.write('Documentation/rules.rst', CHAPTER + section('MIG-A-01', level='may'))
        status, failed, text = self.check()
        self.assertEqual((status, set(failed)), (1, {'catalogue'}))
        self.assertIn('Documentation/rules.rst:9: MIG-A-01', text)
        self.assertEqual(self.run_main('json')[0], 1)

    def test_tables(self):
        self.write('selftests/mutants/0001-x.patch', 'Rules: MIG-A-01\n--- a/x\n')
        status, text = self.run_main('table')
        self.assertEqual(status, 0)
        self.assertIn(textwrap.dedent('''\
            MIG-A-01    must    It holds.
                        tests   a_test one.through_the_setup
                                a_test one.through_a_macro
                                a_test two.through_the_library
                        mutants 0001-x

            MIG-A-02    must    It holds.
                        tests   a_test two.through_the_library
                        mutants (none)
            '''), text)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)
        self.assertIn('7 rules, 0 without a test; 2 that a driver can break, 1 without a mutant',
                      text)
        for form in ('rst', 'html'):
            status, text = self.run_main('table', '--format', form)
            self.assertEqual(status, 0)
            for word in ('MIG-A-01', 'two.through_the_library', '0001-x', 'the core keeps it'):
                self.assertIn(word, text)


if __name__ == '__main__':
    unittest.main()
