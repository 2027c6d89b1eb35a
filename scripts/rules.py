#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which test checks a rule of Documentation/rules.rst, which mutant breaks it.

A test of selftests/generic or selftests/standins names a rule by a string
literal, "MIG-FSM-03", in its own body, in the FIXTURE_SETUP of its fixture (or
in the macro that declares that, DUT_FIXTURE for one), or in anything of its program that is reached from there: a function, table or
macro at the top level of its own file, of selftests/generic, selftests/standins
or selftests/lib.  A mutant names its rules in lines
"Rules: MIG-FSM-03 ..." before its diff.

check    KTAP: no rule without a test, no test without a rule, and so on
table    rule, tests, mutants, for people
page     all that is known of one rule
json     the same for programs
quotes   whether the words that the catalogue quotes stand in these headers
"""

import argparse
import glob
import html
import json
import os
import re
import sys
import textwrap

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')

LEVELS = ('must', 'should')
KEEPERS = ('driver', 'core', 'driver and core')
NEEDS = ('none', 'STOP_COPY', 'P2P', 'PRE_COPY', 'DMA_LOGGING', 'REINIT')
FIELDS = ('level', 'text', 'kept by', 'needs', 'seen')
OPTIONAL = ('no mutant',)

RULE_ID = re.compile(r'^MIG-([A-Z0-9]+)-(\d\d)$')
LOOSE_ID = re.compile(r'\bMIG-[A-Z0-9]+-\w+')
FIELD = re.compile(r'^:([^:]+):(?: +(.*))?$')
SOURCE = re.compile(r'^``[^`]+``: \S')
QUOTE = re.compile(r'^``([^`]+)``: "(.*)"$')


class CatalogueError(Exception):
    """The catalogue is not as it must be; one message a line."""


class Rule:
    """One rule: its fields, .summary, its first sentence, and .body, the lines after that."""

    def __init__(self, name, line):
        self.name = name
        self.line = line
        self.fields = {}
        self.summary = ''
        self.body = []

    @property
    def by_driver(self):
        return self.fields['kept by'] != 'core'

    def as_dict(self):
        return {'level': self.fields['level'], 'text': self.fields['text'],
                'kept_by': self.fields['kept by'], 'needs': self.fields['needs'].split(),
                'seen': self.fields['seen'], 'summary': self.summary}


class Catalogue:
    """Reads the page; .rules is {ID: Rule} in its order."""

    def __init__(self, path, text):
        self.path = path
        self.lines = text.split('\n')
        self.errors = []
        self.rules = {}
        self._groups = {}
        self._last_group = None
        starts = [n for n in range(len(self.lines)) if self._is_title(n)]
        for start, end in zip(starts, starts[1:] + [len(self.lines)]):
            title = self.lines[start]
            if self.lines[start + 1][0] == '-':
                self._rule(title, start, end)
            elif RULE_ID.match(title):
                self._error(start, f'{title} is a chapter, not a section')
        if not self.rules:
            self._error(0, 'no rule')
        if self.errors:
            raise CatalogueError('\n'.join(self.errors))

    def _error(self, line, what):
        self.errors.append(f'{self.path}:{line + 1}: {what}')

    def _is_title(self, number):
        """A line with another below that underlines it."""
        below = self.lines[number + 1] if number + 1 < len(self.lines) else ''
        if not re.match(r'^(-{2,}|={2,})$', below) or not re.match(r'^\w', self.lines[number]):
            return False
        if len(below) != len(self.lines[number]):
            self._error(number + 1, 'the line is not as long as the title above it')
        return True

    def _rule(self, title, start, end):
        match = RULE_ID.match(title)
        if not match:
            self._error(start, f'"{title}" is no rule ID')
            return
        if title in self.rules:
            self._error(start, f'{title} is there twice')
            return
        group, number = match.group(1), int(match.group(2))
        if group in self._groups and group != self._last_group:
            self._error(start, f'{title} stands apart from its group')
        elif number <= self._groups.get(group, 0):
            self._error(start, f'{title} is out of order')
        self._groups[group] = number
        self._last_group = group
        self.rules[title] = Rule(title, start + 1)
        self._content(self.rules[title], start + 2, end)

    def _content(self, rule, number, end):
        at = number
        while at < end and not self.lines[at]:
            at += 1
        name = None
        while at < end and self.lines[at]:
            line = self.lines[at]
            match = FIELD.match(line)
            if match:
                name = match.group(1)
                if name not in FIELDS + OPTIONAL:
                    self._error(at, f'{rule.name}: unknown field "{name}"')
                elif name in rule.fields:
                    self._error(at, f'{rule.name}: field "{name}" is there twice')
                rule.fields[name] = match.group(2) or ''
            elif line.startswith(' ') and name:
                rule.fields[name] = f'{rule.fields[name]} {line.strip()}'.strip()
            else:
                self._error(at, f'{rule.name}: not a field')
            at += 1
        self._fields(rule)
        while at < end and not self.lines[at]:
            at += 1
        rule.summary = self.lines[at] if at < end else ''
        if not rule.summary.endswith('.') or len(rule.summary) > 79 or \
           at + 1 < end and self.lines[at + 1]:
            self._error(min(at, end - 1),
                        f'{rule.name}: the first paragraph is not one line, the rule')
        rule.body = '\n'.join(self.lines[at + 1:end]).strip().split('\n')

    def _fields(self, rule):
        where = rule.line - 1

        def one_of(name, values):
            if rule.fields.get(name, values[0]) not in values:
                self._error(where, f'{rule.name}: "{name}" is none of {", ".join(values)}')

        for name in FIELDS:
            if name not in rule.fields:
                self._error(where, f'{rule.name}: no field "{name}"')
        for name, value in rule.fields.items():
            if not value:
                self._error(where, f'{rule.name}: field "{name}" is empty')
        one_of('level', LEVELS)
        one_of('kept by', KEEPERS)
        needs = rule.fields.get('needs', 'none').split()
        if not set(needs) <= set(NEEDS) or len(set(needs)) != len(needs) or \
           'none' in needs and len(needs) > 1:
            self._error(where, f'{rule.name}: "needs" is not none or some of '
                               f'{", ".join(NEEDS[1:])}')
        if not SOURCE.match(rule.fields.get('text', '``x``: y')):
            self._error(where, f'{rule.name}: "text" does not begin with ``where``:')
        if 'no mutant' in rule.fields and rule.fields.get('kept by') == 'core':
            self._error(where, f'{rule.name}: "no mutant" of a rule that the core keeps')


# C, as far as the style of the kernel goes: what is at the top level begins in
# column 0 and ends in a line that begins with } or ends with ;.

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')
WORD = re.compile(r'(?<![\w.])(?<!->)[A-Za-z_]\w*')
DEFINE = re.compile(r'^#\s*define\s+(\w+)(\([^)]*\))?(.*)$', re.S)
TEST = re.compile(r'^(TEST|TEST_SIGNAL|TEST_F|TEST_F_SIGNAL|TEST_F_TIMEOUT)'
                  r'\(\s*(\w+)\s*(?:,\s*(\w+))?')
# Of a fixture in its own words, or of one that a macro declares
SETUP = re.compile(r'^(?:FIXTURE_SETUP\(\s*(\w+)\s*\)|[A-Z]+_FIXTURE\w*\(\s*(\w+)\s*,)')


def without_comments(text):
    """Each comment is a blank, or as many newlines as it had."""
    def blank(match):
        token = match.group()
        if token[0] != '/':
            return token
        return '\n' * token.count('\n') or ' '
    return TOKEN.sub(blank, text)


def without_strings(text):
    return TOKEN.sub(lambda match: '""', text)


def names_of(code):
    """What the code at top level defines: a function, or variables."""
    # Neither sign is one of C's: @ stands for (...), $ for {...}
    shape = without_strings(code)
    for inner, sign in ((r'\{[^{}]*\}', ' $ '), (r'\([^()]*\)', '@'), (r'\[[^\[\]]*\]', ' ')):
        before = None
        while shape != before:
            before, shape = shape, re.sub(inner, sign, shape)
    shape = re.sub(r'\b__\w+\s*@', ' ', shape)         # __attribute__((...))
    if re.match(r'\s*typedef\b', shape):
        return set()
    function = re.search(r'(\w+)\s*@', shape.split('=')[0])
    if function:
        return {function.group(1)}
    shape = re.sub(r'=[^,;]*', '=', shape)
    return set(re.findall(r'(\b[A-Za-z_]\w*)\s*(?=[=;,])', shape))


class Definition:
    """A piece of C: the names that it has, those that it uses, and its IDs."""

    def __init__(self, path, line, code, names, static):
        self.path = path
        self.line = line
        self.code = code
        self.names = names
        self.static = static
        self.words = set(WORD.findall(without_strings(code)))
        self.ids = set()
        for string in STRING.findall(code):
            self.ids.update(LOOSE_ID.findall(string))


class Source:
    """A file of C, taken apart."""

    def __init__(self, path, text):
        self.path = path
        self.definitions = []
        self.tests = []         # (name of the test, fixture or None, Definition)
        self.setups = {}        # fixture: [Definition]
        lines = without_comments(text).split('\n')
        chunk, start, depth = [], 0, 0
        number = 0
        while number < len(lines):
            first = number
            line = lines[number].rstrip()
            number += 1
            if line.startswith('#'):
                while line.endswith('\\') and number < len(lines):
                    line = line[:-1] + '\n' + lines[number].rstrip()
                    number += 1
                self._directive(line, first)
                continue
            if not chunk:
                if not line or line[0].isspace():
                    continue
                start, depth = first, 0
            chunk.append(line)
            bare = without_strings(line)
            depth += len(re.findall(r'[{(]', bare)) - len(re.findall(r'[})]', bare))
            if line in ('}', '};') or not depth and (
                    line.endswith(';') or line.startswith('}') and not line.endswith('=')):
                self._top_level('\n'.join(chunk), start)
                chunk = []
        if chunk:
            self._top_level('\n'.join(chunk), start)

    def _directive(self, line, number):
        match = DEFINE.match(line)
        if match:
            name, _, body = match.groups()
            self.definitions.append(Definition(self.path, number + 1, body, {name}, True))

    def _top_level(self, code, number):
        test, setup = TEST.match(code), SETUP.match(code)
        static = code.startswith('static')
        piece = Definition(self.path, number + 1, code,
                           set() if test or setup else names_of(code), static)
        if test and test.group(1).startswith('TEST_F'):
            self.tests.append((f'{test.group(2)}.{test.group(3)}', test.group(2), piece))
        elif test:
            self.tests.append((f'global.{test.group(2)}', None, piece))
        elif setup:
            self.setups.setdefault(setup.group(1) or setup.group(2), []).append(piece)
        else:
            self.definitions.append(piece)


class Sources:
    """All of selftests/generic and of selftests/standins, with selftests/lib as far as it is used.

    tests: {program: {test: [IDs]}}; where: {program: {test: (path, line)}}
    A program of selftests/standins has its folder in its name.
    """

    def __init__(self, selftests):
        self.files = {}
        self.tests = {}
        self.where = {}
        folders = [os.path.join(selftests, name) for name in ('generic', 'lib', 'standins')]
        for folder in filter(os.path.isdir, folders):
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                if name.endswith(('.c', '.h')):
                    with open(path, encoding='utf-8') as text:
                        self.files[path] = Source(path, text.read())
        programs = [path for path in self.files
                    if os.path.dirname(path) != folders[1] and self.files[path].tests]
        self._shared = [path for path in self.files if path not in programs]
        for path in programs:
            name = os.path.relpath(path, folders[0] if path.startswith(folders[0]) else selftests)[:-2]
            self.tests[name] = {}
            self.where[name] = {}
            for test, fixture, piece in self.files[path].tests:
                roots = [piece] + self.files[path].setups.get(fixture, [])
                self.tests[name][test] = sorted(self._reached(path, roots))
                self.where[name][test] = (piece.path, piece.line)

    def all_ids(self):
        """[(ID, path, line)] wherever they stand, reached or not"""
        found = set()
        for source in self.files.values():
            pieces = source.definitions + [test[2] for test in source.tests]
            for setups in source.setups.values():
                pieces += setups
            for piece in pieces:
                found.update((name, piece.path, piece.line) for name in piece.ids)
        return sorted(found)

    def _named(self, path, word):
        """Definitions of a word in a file, or in what is linked with it."""
        own = [piece for piece in self.files[path].definitions if word in piece.names]
        if own:
            return own
        return [piece for other in self._shared for piece in self.files[other].definitions
                if word in piece.names and (other.endswith('.h') or not piece.static)]

    def _reached(self, path, roots):
        ids, seen, todo = set(), set(), list(roots)
        while todo:
            piece = todo.pop()
            if id(piece) in seen:
                continue
            seen.add(id(piece))
            ids |= piece.ids
            # A macro's words mean what they mean where it is used
            within = piece.path if piece.path.endswith('.c') else path
            for word in piece.words:
                todo += self._named(within, word)
        return ids


def read_mutants(folder):
    """{name: [IDs]} of the patches, or None if there are none yet"""
    if not os.path.isdir(folder):
        return None
    mutants = {}
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.patch'):
            continue
        rules = []
        with open(os.path.join(folder, name), encoding='utf-8') as patch:
            for line in patch:
                if line.startswith(('diff ', '--- ')):
                    break
                if line.startswith('Rules:'):
                    ids = line[len('Rules:'):].replace(',', ' ').split()
                    rules += [name for name in ids if name != 'none']
        mutants[name[:-len('.patch')]] = rules
    return mutants


class Project:
    """The catalogue, the tests and the mutants of a tree."""

    def __init__(self, top, page=None, selftests=None):
        self.top = top
        path = page or os.path.join(top, 'Documentation', 'rules.rst')
        selftests = selftests or os.path.join(top, 'selftests')
        with open(path, encoding='utf-8') as text:
            self.rules = Catalogue(os.path.relpath(path, top), text.read()).rules
        self.sources = Sources(selftests)
        self.mutants = read_mutants(os.path.join(selftests, 'mutants'))

    def tests_of(self, rule):
        return [f'{program} {test}' for program, tests in self.sources.tests.items()
                for test, ids in tests.items() if rule in ids]

    def mutants_of(self, rule):
        return [name for name, ids in (self.mutants or {}).items() if rule in ids]

    def place(self, path, line):
        return f'{os.path.relpath(path, self.top)}:{line}'


def checks(project):
    """Yields (name, what is wrong or None, why it was skipped or None)."""
    rules = project.rules
    for name in rules:
        yield (f'{name} has a test', None if project.tests_of(name) else 'no test names it', None)
    for name, rule in rules.items():
        if not rule.by_driver:
            continue
        mutants, excuse = project.mutants_of(name), rule.fields.get('no mutant')
        wrong = why = None
        if project.mutants is None:
            why = 'selftests/mutants is not there'
        elif mutants and excuse:
            wrong = f'"no mutant", but there is {mutants[0]}'
        elif excuse:
            why = excuse
        elif not mutants:
            wrong = 'no mutant breaks it'
        yield f'{name} has a mutant', wrong, why
    for program, tests in project.sources.tests.items():
        for test, ids in tests.items():
            where = project.place(*project.sources.where[program][test])
            yield (f'{program} {test} names a rule',
                   None if ids else f'{where}: names none', None)
    unknown = [f'{project.place(path, line)}: {name}'
               for name, path, line in project.sources.all_ids() if name not in rules]
    yield 'sources name only rules that exist', '; '.join(unknown) or None, None
    if project.mutants is None:
        yield 'mutants name only rules that exist', None, 'selftests/mutants is not there'
    for mutant, ids in (project.mutants or {}).items():
        unknown = [name for name in ids if name not in rules]
        yield (f'{mutant} names only rules that exist',
               f'selftests/mutants/{mutant}.patch: {" ".join(unknown)}' if unknown else None, None)


def print_ktap(results, out):
    """Print one case a result; say whether none failed."""
    results = list(results)
    numbers = {'passed': 0, 'failed': 0, 'skipped': 0}
    print('KTAP version 1', file=out)
    print(f'1..{len(results)}', file=out)
    for number, (name, wrong, why) in enumerate(results, 1):
        if wrong:
            print(f'# {wrong}\nnot ok {number} {name}', file=out)
            numbers['failed'] += 1
        elif why:
            print(f'ok {number} {name} # SKIP {why}', file=out)
            numbers['skipped'] += 1
        else:
            print(f'ok {number} {name}', file=out)
            numbers['passed'] += 1
    print('{passed} passed, {failed} failed, {skipped} skipped'.format(**numbers), file=out)
    return not numbers['failed']


def totals(project):
    without = sum(not project.tests_of(name) for name in project.rules)
    driver = [name for name, rule in project.rules.items() if rule.by_driver]
    bare = sum(not project.mutants_of(name) for name in driver)
    return (f'{len(project.rules)} rules, {without} without a test; '
            f'{len(driver)} that a driver can break, {bare} without a mutant')


def mutants_or_why(project, name):
    """The mutants of a rule, or a line in brackets that says why none."""
    rule = project.rules[name]
    if not rule.by_driver:
        return ['(the core keeps it)']
    if 'no mutant' in rule.fields:
        return [f"({rule.fields['no mutant']})"]
    return project.mutants_of(name) or ['(none)']


def table_text(project):
    lines = []
    for name, rule in project.rules.items():
        lines.append('')
        lines.append(f"{name:<11} {rule.fields['level']:<7} {rule.summary}")
        for word, values in (('tests', project.tests_of(name) or ['(none)']),
                             ('mutants', mutants_or_why(project, name))):
            for value in values:
                lines += textwrap.wrap(value, 100, initial_indent=f'{"":12}{word:<8}',
                                       subsequent_indent=' ' * 22)
                word = ''
    return '\n'.join(lines[1:] + ['', totals(project), ''])


def read_verdicts(top):
    """{kernel: {driver: verdicts}}, as make drivers recorded them."""
    out = {}
    for path in sorted(glob.glob(os.path.join(top, 'Documentation', 'drivers', '*.json'))):
        with open(path, encoding='utf-8') as file:
            out[os.path.basename(path)[:-len('.json')]] = json.load(file)
    return out


def page_text(project, wanted):
    """All that is known of some rules, for people."""
    out = []
    verdicts = read_verdicts(project.top)
    for name, rule in project.rules.items():
        if wanted not in (name, name.rpartition('-')[0]):
            continue
        out += ['', f'{name}  {rule.summary}', '']
        rows = [(word, [rule.fields[word]]) for word in FIELDS]
        rows += [('tests', project.tests_of(name) or ['(none)']), ('mutants', mutants_or_why(project, name))]
        rows += [(f'on {kernel}', [f'{driver}: {found["rules"][name]}' for driver, found in drivers.items()
                                   if name in found['rules']]) for kernel, drivers in verdicts.items()]
        for word, values in rows:
            for value in values:
                out += textwrap.wrap(value, 100, initial_indent=f'  {word:<10}', subsequent_indent=' ' * 12)
                word = ''
        out += ['', *(f'  {line}'.rstrip() for line in rule.body)]
    return '\n'.join(out[1:]).rstrip() + '\n'


def table_rst(project):
    lines = ['.. list-table::', '   :header-rows: 1', '']
    rows = [['rule', 'level', '', 'tests', 'mutants']]
    for name, rule in project.rules.items():
        rows.append([name, rule.fields['level'], rule.summary,
                     ', '.join(f'``{test}``' for test in project.tests_of(name)) or '(none)',
                     ', '.join(mutants_or_why(project, name))])
    for row in rows:
        for number, cell in enumerate(row):
            lines.append(f'   {"-" if number else "* -":>3} {cell}'.rstrip())
    return '\n'.join(lines + ['', totals(project), ''])


PAGE = '''<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Rules, tests, mutants</title><style>
body {{ font: 14px/1.4 sans-serif; margin: 2em }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #bbb; padding: .3em .6em; text-align: left; vertical-align: top }}
code {{ white-space: nowrap }}
.none {{ background: #fdd }}
</style></head><body>
<h1>Rules, tests, mutants</h1>
<p>{totals}</p>
<table><tr><th>rule<th>level<th>what it says<th>text<th>tests<th>mutants</tr>
{rows}
</table></body></html>
'''


def table_html(project):
    def cell(values):
        if values == ['(none)']:
            return '<td class="none">none</td>'
        return '<td>' + '<br>'.join(f'<code>{html.escape(value)}</code>'
                                    if value[0] != '(' else html.escape(value)
                                    for value in values) + '</td>'

    rows = []
    for name, rule in project.rules.items():
        plain = ''.join(f'<td>{html.escape(text)}</td>' for text in (
            rule.fields['level'], rule.summary, rule.fields['text'].replace('``', '')))
        rows.append(f'<tr id="{name}"><td>{name}</td>{plain}'
                    + cell(project.tests_of(name) or ['(none)'])
                    + cell(mutants_or_why(project, name)) + '</tr>')
    return PAGE.format(totals=html.escape(totals(project)), rows='\n'.join(rows))


def as_json(project):
    return {'rules': {name: rule.as_dict() for name, rule in project.rules.items()},
            'tests': project.sources.tests}


def flat(text):
    """Words alone: without comment signs, line ends and breaks."""
    return ' '.join(re.sub(r'^[ \t]*/?\*+/?', ' ', text, flags=re.M).split())


def quotes(rules, text):
    """Yields a result for each rule that quotes."""
    text = flat(text)
    for name, rule in rules.items():
        match = QUOTE.match(rule.fields['text'])
        if not match:
            continue
        missing = [part for part in match.group(2).split(' [...] ') if flat(part) not in text]
        yield (f'{name} quotes what is written',
               f'not there: {" [...] ".join(missing)}' if missing else None, None)


def main():
    parser = argparse.ArgumentParser(description='rules, their tests and their mutants')
    parser.add_argument('--top', default=TOP, help='the tree (default: the one of this script)')
    parser.add_argument('--rules', metavar='FILE', help='the catalogue, if it is elsewhere')
    parser.add_argument('--selftests', metavar='DIR', help='the tests, if they are elsewhere')
    verbs = parser.add_subparsers(dest='verb', required=True)
    verbs.add_parser('check', help='KTAP; exit status 1 if something is missing')
    table = verbs.add_parser('table', help='rule, tests, mutants')
    table.add_argument('--format', choices=('text', 'rst', 'html'), default='text')
    page = verbs.add_parser('page', help='all about a rule, or the rules of a kind; the table without one')
    page.add_argument('--rule', default='', metavar='MIG-...')
    verbs.add_parser('json', help='for programs')
    verbs.add_parser('quotes', help='KTAP: are the quoted words in these files?'
                     ).add_argument('file', nargs='+', type=argparse.FileType('r'))
    args = parser.parse_args()

    try:
        project = Project(os.path.normpath(args.top), args.rules, args.selftests)
    except CatalogueError as error:
        if args.verb in ('check', 'quotes'):
            print_ktap([('catalogue', '\n# '.join(str(error).split('\n')), None)], sys.stdout)
        else:
            print(error, file=sys.stderr)
        return 1
    if args.verb == 'check':
        return 0 if print_ktap(checks(project), sys.stdout) else 1
    if args.verb == 'quotes':
        text = '\n'.join(file.read() for file in args.file)
        return 0 if print_ktap(quotes(project.rules, text), sys.stdout) else 1
    if args.verb == 'json':
        json.dump(as_json(project), sys.stdout, indent=1)
        print()
    elif args.verb == 'page' and args.rule:
        print(page_text(project, args.rule), end='')
    elif args.verb == 'page':
        print(table_text(project), end='')
    else:
        print({'text': table_text, 'rst': table_rst, 'html': table_html}[args.format](project),
              end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())
