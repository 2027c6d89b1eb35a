# SPDX-License-Identifier: GPL-2.0-only
"""The report: what is shown of results, and that a browser can show it."""

from __future__ import annotations

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from typing import Any

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import details  # noqa: E402
import drawings  # noqa: E402
import report  # noqa: E402

TEXTS = details.sentences()
RULE, OTHER = list(TEXTS)[:2]
ARCS = report.arc_list()


def case(name: str, status: str = 'passed', reason: str = '', *lines: str) -> dict[str, Any]:
    return {'name': name, 'status': status, 'reason': reason, 'diagnostics': list(lines)}


def run(name: str, *cases: dict[str, Any], about: dict[str, Any] | None = None, **more: Any) -> report.Run:
    call = {'verb': re.split('[-/]', name)[0]}
    return report.Run(name, {'cases': list(cases), 'about': {'call': call, 'ended': 9, **(about or {})}, **more})


VIOLATED = case('generic/fsm_test(mtty_mig-full) fsm.cdev.go', 'failed', 'why <b>',
                f'# x.c:1:go:{RULE} violated: expected "success", seen EINVAL & more: in STOP',
                f'# judged: {RULE}')


def everything() -> list[report.Run]:
    """Runs of which each part of the page has something to show."""
    spread = {'median': 2.0, 'min': 1.0, 'max': 30.0}
    return [
        run('check/1-lts', VIOLATED, case('kunit fsm_transition.base: STOP to RUNNING', 'failed'),
            case('kunit fsm_arc.full: STOP to RESUMING'), case('a b', 'skipped', 'no way'),
            arcs={'mtty_mig-full': {'STOP>RESUMING': [7, 2, 1], 'RUNNING>STOP': [3, 0, 0]}},
            rules={'mtty_mig-full': {RULE: 'FAIL'}, 'qat': {RULE: 'pass', OTHER: 'skip'}},
            units=[{'name': 'generic/fsm_test', 'seconds': 1.5}],
            kernel_reports=[['BUG: KASAN: x', ' y']], report_units=['generic/fsm_test'],
            words={'generic/fsm_test(mtty_mig-full)': ['mtty: said so']}),
        run('coverage', case('lines'), coverage={'files': {'mtty-mig/a.c': [9, 8, 4, 3, 0, 0]},
                                                 'arcs': [18, ['A-B']], 'points': [9, []]}),
        run('mutants', case('fsm-a'), mutants=[{'name': 'fsm-a', 'room': 'fsm'}]),
        run('bench', case('bench save 1'), bench={
            'kernel': '7', 'engine': 'uml', 'processors': 2, 'rounds': 3, 'results': [
                {'row': 'save', 'x': 4096, 'unit': 'MB/s', 'device': spread, 'peer': spread, 'ratio': spread,
                 'goal': 1, 'met': True, 'failed': False}]}),
    ]


class Reader(html.parser.HTMLParser):
    """What a browser would stumble over: tags that do not fit, names twice, links to nothing."""

    ALONE = {'meta', 'input', 'br', 'link'}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == 'id':
                self.names.append(value or '')
            if name in ('href', 'src') and value:
                if value.startswith('#'):
                    self.links.append(value[1:])
                elif value != 'data:,':
                    self.outside.append(value)
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.ALONE:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


class Page(unittest.TestCase):
    def page(self, *runs: report.Run) -> str:
        text = report.page(list(runs), TEXTS, ARCS)
        reader = Reader()
        reader.feed(text)
        self.assertEqual((reader.wrong, reader.open), ([], []))
        self.assertEqual(len(reader.names), len(set(reader.names)))
        self.assertLessEqual(set(reader.links), set(reader.names))
        self.assertEqual(reader.outside, [], 'it works without a network')
        self.assertNotRegex(text, r'url\((?!#)|@import|fetch\(')
        return text

    def test_all_passed(self) -> None:
        text = self.page(run('kunit', case('kunit a.b'), case('kunit a.c')))
        self.assertIn('<h1 class="passed">All 2 passed</h1>', text)
        self.assertNotIn('<article>', text)

    def test_only_what_there_is(self) -> None:
        text = self.page(run('kunit', case('kunit a.b')))
        for name in ('coverage', 'bench', 'mutants', 'states', 'matrix', 'rules', 'slowest', 'skipped'):
            self.assertNotIn(f'id="{name}"', text)

    def test_everything(self) -> None:
        text = self.page(*everything())
        for name in ('coverage', 'bench', 'mutants', 'states', 'matrix', 'rules', 'slowest', 'skipped', 'runs'):
            self.assertIn(f'id="{name}"', text)

    def test_a_failure_says_what_and_why(self) -> None:
        text = self.page(*everything())
        article = text[text.index('<article>'):text.index('</article>')]
        self.assertIn(drawings.escape(TEXTS[RULE]), article)
        self.assertIn('<dt>expected</dt><dd>&quot;success&quot;</dd><dt>seen</dt><dd>EINVAL &amp; more: in STOP</dd>',
                      article)
        self.assertIn('why &lt;b&gt;', article)
        self.assertIn('mtty: said so', article)
        self.assertIn("make selftests TYPES=mtty_mig-full TEST=generic/fsm_test",
                      article.replace('&#x27;', "'"))

    def test_the_kernels_words(self) -> None:
        text = self.page(run('kunit', case('a b'), kernel_reports=[['BUG: KASAN: x', ' y']], report_units=['kunit']))
        self.assertIn('The kernel reported 1 problem<', text)
        self.assertIn('The kernel reported, during kunit', text)
        self.assertIn('BUG: KASAN: x\n y', text)

    def test_a_run_without_a_test_that_passed_is_no_success(self) -> None:
        self.assertIn('No test ran.', self.page(run('kunit')))
        text = self.page(run('kunit', case('a b', 'skipped')))
        self.assertIn('<h1 class="failed">No test passed</h1>', text)
        self.assertIn('all were skipped', text)

    def test_what_ran_last_decides(self) -> None:
        old = run('mutants', case('m', 'failed'))
        new = run('check/1-x', case('a b'))
        text = self.page(new, old)
        self.assertIn('<h1 class="passed">', text)
        self.assertIn('1 in earlier runs', text)
        self.assertIn('<h1 class="failed">1 of 1 failed</h1>', self.page(old, new))

    def test_many_failures_are_folded(self) -> None:
        text = self.page(run('kunit', *(case(f'kunit a.c{n}', 'failed') for n in range(report.OPEN + 3))))
        self.assertIn('<summary>3 more</summary>', text)
        self.assertEqual(text.count('<article>'), report.OPEN + 3)

    def test_matrix(self) -> None:
        text = self.page(run('kunit', case('kunit fsm_transition.base: STOP to RUNNING', 'failed'),
                             case('kunit fsm_error_refuses.base: ERROR to STOP')))
        self.assertIn('<td class="failed" title="STOP to RUNNING: failed">×</td>', text)
        self.assertIn('<td class="passed" title="ERROR to STOP: passed">', text)
        self.assertIn('<td class="none" title="STOP to STOP: not asked">', text)

    def test_an_arc_is_red_after_a_failure_only(self) -> None:
        def kind(*cases: dict[str, Any], **arcs: list[int]) -> str:
            text = self.page(run('check', case('a b'), *cases,
                                 arcs={'d': {'STOP>RUNNING': numbers for numbers in arcs.values()}}))
            found = re.search('class="arc (\\w+)"[^>]*><title>STOP to RUNNING:', text)
            assert found
            return found[1]
        arc = 'kunit fsm_arc.base: STOP to RUNNING'
        self.assertEqual(kind(taken=[5, 3, 0]), 'passed')
        self.assertEqual(kind(taken=[5, 3, 1]), 'failed')
        self.assertEqual(kind(case(arc, 'failed'), taken=[5, 0, 0]), 'failed')
        self.assertEqual(kind(case(arc), taken=[0, 0, 0]), 'passed')
        self.assertEqual(kind(case('kunit fsm_arc.base: RUNNING to STOP'), taken=[0, 3, 0]), 'none')

    def test_all_arcs_are_drawn(self) -> None:
        self.assertGreater(len(ARCS), 10)
        text = self.page(*everything())
        self.assertEqual(text.count('<path class="arc '), len(ARCS))
        for state in {state for arc in ARCS for state in arc}:
            self.assertIn(f'>{state}</text>', text)

    def test_a_state_without_a_place_gets_one(self) -> None:
        places = drawings.places_of([('STOP', 'NEW'), ('NEW', 'NEWER')])
        self.assertEqual(len(set(places.values())), 3)
        self.assertGreater(places['NEW'][1], max(y for _, y in drawings.PLACES.values()))

    def test_no_arc_crosses_a_state(self) -> None:
        places = drawings.places_of(ARCS)
        for source, to in ARCS:
            straight = 'C' not in drawings.path_of(places, source, to)
            self.assertNotEqual(straight, drawings.in_the_way(places, source, to), (source, to))

    def test_rules_by_device(self) -> None:
        runs = [run('a', case('x'), rules={'qat': {RULE: 'pass', OTHER: 'skip'}, 'mtty_mig-full': {RULE: 'pass'}}),
                run('b', case('x'), rules={'qat': {RULE: 'FAIL', OTHER: 'pass'}})]
        self.assertEqual(report.rules_by_device(runs), {'mtty_mig-full': {RULE: 'pass'},
                                                        'qat': {RULE: 'FAIL', OTHER: 'pass'}})
        self.assertEqual(list(report.rules_by_device(runs)), ['mtty_mig-full', 'qat'])
        text = self.page(*runs)
        self.assertIn(f'<tr id="{RULE}"><th scope="row">{RULE}</th><td class="pass">pass</td><td class="FAIL">FAIL</td>',
                      text)

    def test_slowest_first(self) -> None:
        text = self.page(run('check', case('a b'), units=[{'name': 'fast', 'seconds': 1},
                                                          {'name': 'slow', 'seconds': 4}]))
        self.assertLess(text.index('>slow<'), text.index('>fast<'))

    def test_plot(self) -> None:
        curve = drawings.Curve('save', 'device', [(1, 10, 5, 20), (1000, 40, 30, 80)])
        text = drawings.plot('T', 'bytes', 'MB/s', [curve])
        self.assertEqual(text.count('<circle'), 2)
        found = re.search(r'points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"', text)
        assert found
        x1, y1, x2, y2 = map(float, found.groups())
        self.assertLess(x1, x2)
        self.assertGreater(y1, y2, 'more is higher')
        self.assertEqual(drawings.plot('T', 'x', 'y', []), '')


class Again(unittest.TestCase):
    """The line that runs a case alone."""

    def test_lines(self) -> None:
        about = {'call': {'verb': 'check', 'KERNEL': 'lts', 'SAN': '0', 'TEST': 'x', 'GUESTS': '2'}}
        given = run('check/1', about=about)
        for name, line in (
                ('kunit fsm_arc.base: STOP to RUNNING', "make kunit KERNEL=lts SAN=0 TEST='*.fsm_arc'"),
                ('kunit mtty_mig_fsm.fsm_open_normalises', 'make kunit KERNEL=lts SAN=0 TEST=fsm.fsm_open_normalises'),
                ('kunit standins_bus.x', 'make kunit KERNEL=lts SAN=0 TEST=standins_bus.x'),
                ('device/stress_test SEED=7 stress.alone',
                 "make selftests KERNEL=lts SAN=0 SEED=7 TEST=device/stress_test"),
                ('generic/fsm_test(mtty_mig-p2p)',
                 'make selftests KERNEL=lts SAN=0 TYPES=mtty_mig-p2p TEST=generic/fsm_test'),
                ('host/fuzz x', ''), ('guest', '')):
            self.assertEqual(report.again(name, given), line)
        self.assertEqual(report.again(f'must {RULE}', run('conformance-qat', about={
            'call': {'verb': 'conformance', 'DRIVER': 'qat'}})), f'make conformance DRIVER=qat RULE={RULE}')
        self.assertEqual(report.again('qat fsm-x', run('mutants', about={'call': {'verb': 'mutants', 'DRIVER': 'qat'}})),
                         'make mutants DRIVER=qat MUTANT=fsm-x')
        self.assertEqual(report.again('lines', run('coverage')), 'make coverage')
        self.assertEqual(report.again('bench save 4096', run('bench', about={
            'call': {'verb': 'bench', 'KERNEL': 'lts', 'ROWS': 'stream', 'MEM': '9'}})),
            'make bench KERNEL=lts ROWS=stream')


class Read(unittest.TestCase):
    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        self.folder = self.tmp.name

    def put(self, name: str, text: str) -> str:
        os.makedirs(os.path.dirname(f'{self.folder}/{name}'), exist_ok=True)
        with open(f'{self.folder}/{name}', 'w', encoding='utf-8') as out:
            out.write(text)
        return f'{self.folder}/{name}'

    def test_the_last_first_and_rows_in_their_order(self) -> None:
        for name, ended in (('check/10-b', 7), ('check/2-a', 5), ('kunit', 6), ('bench', 8)):
            self.put(f'{name}.json', json.dumps({'cases': [], 'about': {'ended': ended}}))
        self.assertEqual([each.name for each in report.read_runs(self.folder)],
                         ['bench', 'check/2-a', 'check/10-b', 'kunit'])

    def test_damaged(self) -> None:
        path = self.put('kunit.json', '{')
        with self.assertRaisesRegex(SystemExit, re.escape(path) + ' is damaged'):
            report.read_runs(self.folder)

    def test_other_json_is_no_run(self) -> None:
        self.put('table.json', '[1]')
        self.assertEqual(report.read_runs(self.folder), [])

    def test_without_results(self) -> None:
        done = subprocess.run([sys.executable, '-B', report.__file__, '--data', self.folder, '--output',
                               f'{self.folder}/x.html'], stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn('make check leaves some', done.stderr)
        self.assertFalse(os.path.exists(f'{self.folder}/x.html'))


# Put at the page's beginning, to see what goes wrong in it
WATCH = '''<script>
const wrong = [];
window.onerror = (what) => { wrong.push(what); };
window.addEventListener('load', () => {
	for (const link of document.querySelectorAll('a'))
		if (!document.getElementById(link.getAttribute('href').slice(1)))
			wrong.push('a link to nothing: ' + link.outerHTML);
	if (document.documentElement.scrollWidth > window.innerWidth)
		wrong.push('wider than the window: ' + document.documentElement.scrollWidth);
	const shown = () => document.querySelectorAll('table.rules tbody tr:not([hidden])').length;
	const all = shown();
	bad.click();
	const failed = shown();
	bad.click();
	word.value = 'RULE';
	word.dispatchEvent(new Event('input'));
	const found = shown();
	location.hash = '#OTHER';
	setTimeout(() => {
		const told = document.createElement('p');
		told.id = 'told';
		told.textContent = JSON.stringify({wrong, all, failed, found, again: shown()});
		document.body.append(told);
	}, 100);
});
</script>'''


class Browser(unittest.TestCase):
    """The page in a browser, as narrow as a telephone and as wide as a laptop."""

    def see(self, text: str, width: int) -> dict[str, Any]:
        browser = shutil.which('chromium')
        if not browser:
            self.skipTest('there is no chromium (on Debian: apt-get install chromium)')
        with tempfile.TemporaryDirectory() as folder:
            with open(f'{folder}/page.html', 'w', encoding='utf-8') as out:
                out.write(text.replace('<style>', WATCH.replace('RULE', RULE).replace('OTHER', OTHER) + '<style>', 1))
            done = subprocess.run(
                [browser, '--headless', '--no-sandbox', '--disable-gpu', f'--user-data-dir={folder}/profile',
                 f'--window-size={width},800', '--virtual-time-budget=5000', '--dump-dom',
                 f'file://{folder}/page.html'],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        found = re.search('<p id="told">(.*?)</p>', done.stdout)
        self.assertTrue(found, done.stderr)
        assert found
        return dict(json.loads(html.unescape(found[1])))

    def test_it_works(self) -> None:
        text = report.page(everything(), TEXTS, ARCS)
        for width in (500, 1280):
            with self.subTest(width):
                self.assertEqual(self.see(text, width), {
                    'wrong': [], 'all': 2, 'failed': 1, 'found': 1, 'again': 2})

    def test_this_test_sees_what_is_wrong(self) -> None:
        text = report.page(everything(), TEXTS, ARCS).replace(
            '<main>', '<main><a href="#nowhere">x</a><p style="width: 3000px">x</p><script>nothing.x</script>')
        wrong = '\n'.join(self.see(text, 1280)['wrong'])
        for words in ('a link to nothing: ', 'wider than the window: ', 'nothing is not defined'):
            self.assertIn(words, wrong)


if __name__ == '__main__':
    unittest.main()
