# SPDX-License-Identifier: GPL-2.0-only
"""The files in contrib/ci: they are well-formed, and what they call exists.

No service that runs them can be reached from a test.  What can be looked at is their
syntax, and whether the lab takes each call in them, and in Documentation/ci.rst.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tempfile
import unittest
from typing import Any, Iterable, Iterator, Mapping

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
sys.path.insert(0, f'{REPO}/scripts')
import lab.calls  # noqa: E402  # pylint: disable=wrong-import-position

try:
    import yaml
except ImportError:
    yaml = None

CI = f'{REPO}/contrib/ci'
PAGE = f'{REPO}/Documentation/ci.rst'
NO_YAML = 'this Python has no yaml (Debian: python3-yaml)'
# Packages that packages.sh names, and that are not for the image's Debian
ELSEWHERE = {'qemu-system-misc'}    # Debian 12's name of qemu-system-s390x
# What each Debian has, or gcc brings
THERE = {'binutils', 'coreutils', 'diffutils', 'findutils', 'util-linux'}
# What the README names and nobody asks for
OPTIONAL = {'gnuplot-nox'}
# Where else than make a call of the lab begins; a word of packages.sh is not looked at.
CALL = re.compile(r'(?:^|[\s("&;])(make|scripts/verb\.sh) +([a-z][^|&;#`)<>]*)')
# What may stand for a kernel tree in these files
TREES = ('~/linux', '/linux', '$PWD/linux')


def read(path: str) -> str:
    with open(path, encoding='utf-8') as file:
        return file.read()


def files(*suffixes: str) -> list[str]:
    return sorted(f'{CI}/{name}' for name in os.listdir(CI) if name.endswith(suffixes))


def joined(text: str) -> list[str]:
    """Lines of shell, continued ones as one."""
    return re.sub(r'\\\n\s*', ' ', text).splitlines()


def filled(line: str, values: Mapping[str, str]) -> str:
    """With $NAME and ${{ matrix.NAME }} replaced."""
    for name, text in values.items():
        line = line.replace(f'${{{{ matrix.{name} }}}}', text)
        line = re.sub(rf'\${name}\b', lambda _, text=text: text, line)
    return line


def calls(line: str) -> Iterator[list[str]]:
    """The words of each call of the lab, without what it is called by."""
    for found in CALL.finditer(line):
        yield shlex.split(found[2])


def one_of_each(axes: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The combinations of a matrix."""
    lists = [each if isinstance(each, list) else [each] for each in axes.values()]
    for values in itertools.product(*lists):
        yield dict(zip(axes, map(str, values)))


def github_steps(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], Mapping[str, Any]]]:
    """Each step with what its job's matrix gives it, for each combination."""
    for job in document['jobs'].values():
        axes = dict(job['strategy']['matrix'])
        more = axes.pop('include', [])
        for values in [*one_of_each(axes), *more]:
            for step in job['steps']:
                own = {name: filled(text, values) for name, text in step.get('env', {}).items()}
                yield {**values, **own}, step


def github_lines(document: Mapping[str, Any]) -> Iterator[str]:
    for values, step in github_steps(document):
        for line in joined(step.get('run', '')):
            yield filled(line, values)


def gitlab_lines(document: Mapping[str, Any]) -> Iterator[str]:
    for job in document.values():
        for axes in job['parallel']['matrix']:
            for values in one_of_each(axes):
                for part in ('before_script', 'script', 'after_script'):
                    for line in job.get(part, []):
                        yield filled(line, values)


def rst_lines(text: str) -> Iterator[str]:
    """Literal blocks and ``inline literals``, which may go over the end of a line."""
    for block in re.findall(r'::\n\n((?:    .*\n|\n)+)', text):
        yield from joined(block)
    for literal in re.findall(r'``([^`]+)``', text):
        yield ' '.join(literal.split())


class Lab(unittest.TestCase):
    """What the lab says of a call, on a machine with a kernel tree."""

    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.here = place.name
        self.linux = f'{self.here}/linux'
        os.makedirs(f'{self.linux}/arch/um')
        for name in ('Makefile', 'Kconfig'):
            with open(f'{self.linux}/{name}', 'w', encoding='utf-8'):
                pass

    def check(self, words: list[str]) -> str:
        """What is wrong with a call, or nothing."""
        goals = [word for word in words if '=' not in word and not re.fullmatch('-j[0-9]*', word)]
        given = dict(word.split('=', 1) for word in words if '=' in word)
        given = {name: self.linux if text in TREES else text.replace('$PWD', self.here)
                 for name, text in given.items()}
        try:
            lab.calls.check(goals, given, {})
        except lab.calls.Wrong as why:
            return f'{why}; {"; ".join(why.hints)}'
        return ''

    def check_lines(self, lines: Iterable[str], least: int) -> None:
        seen = {tuple(words) for line in lines for words in calls(line)}
        for words in sorted(seen):
            with self.subTest(' '.join(words)):
                self.assertEqual(self.check(list(words)), '')
        self.assertGreaterEqual(len(seen), least)


class Calls(Lab):
    """Of these files, each as the lab's own front looks at it."""

    def test_what_is_wrong_is_told(self) -> None:
        for line, words in (('make chekc', 'did you mean make check?'),
                            ('x && make check KERNEL=lst | tee y', 'KERNEL=lst is not known'),
                            ('scripts/verb.sh lint DRIVER=qat', 'make lint has no use for DRIVER='),
                            ('make drivers DRIVER=qatt KERNEL=~/linux', 'DRIVER=qat?'),
                            ('make check KERNEL=~/lunix', "is not a kernel's source tree")):
            found = list(calls(line))
            self.assertEqual(len(found), 1)
            self.assertIn(words, self.check(found[0]))

    def test_what_is_no_call(self) -> None:
        for line in ('make', 'remake check', 'make: *** [Makefile:20: check] Error 3', 'MAKE check'):
            self.assertEqual(list(calls(line)), [])

    @unittest.skipUnless(yaml, NO_YAML)
    def test_github(self) -> None:
        self.check_lines(github_lines(yaml.safe_load(read(f'{CI}/github.yml'))), 9)
        self.check_lines(github_lines(yaml.safe_load(read(f'{CI}/github-driver.yml'))), 1)

    @unittest.skipUnless(yaml, NO_YAML)
    def test_gitlab(self) -> None:
        self.check_lines(gitlab_lines(yaml.safe_load(read(f'{CI}/gitlab-ci.yml'))), 9)

    def test_container(self) -> None:
        command = re.findall(r'^CMD (.*)$', read(f'{CI}/Containerfile'), re.M)
        self.assertEqual(command, ['["make", "check"]'])
        self.check_lines([' '.join(json.loads(command[0]))], 1)

    def test_page(self) -> None:
        self.check_lines(rst_lines(read(PAGE)), 10)

    def test_page_names_each_file(self) -> None:
        text = read(PAGE)
        for name in os.listdir(CI):
            self.assertIn(f'``{name}``', text)


class Packages(unittest.TestCase):
    def test_the_image_has_all(self) -> None:
        asked = packages(read(f'{REPO}/scripts/packages.sh'))
        self.assertIn('gcc-s390x-linux-gnu', asked)
        self.assertIn('libclang-rt-dev', asked)
        self.assertEqual(sorted(asked - ELSEWHERE), image_packages(read(f'{CI}/Containerfile')))

    def test_the_readme_has_all(self) -> None:
        asked = packages(read(f'{REPO}/scripts/packages.sh'))
        found = readme_packages(read(f'{REPO}/README.md'))
        self.assertEqual(sorted(asked - ELSEWHERE - THERE), sorted(found - OPTIONAL))
        self.assertEqual(OPTIONAL - found, set())


def packages(text: str) -> set[str]:
    """All that packages.sh may ask for: PROGRAM:PACKAGE, and what is looked for otherwise."""
    text = re.sub(r'^\s*#.*$', '', text, flags=re.M)
    targets = re.findall(r'^\s*for target in (.*); do$', text, re.M)[0].split()
    found: set[str] = set()
    for words in re.findall(r'\b(?:need|headers)\+?=\(([^)]*)\)', text):
        for word in shlex.split(words):
            found.add(word.partition(':')[2])
    for words in re.findall(r'\bmissing_packages\+=\(([^)$]+)\)', text):
        found |= set(shlex.split(words))
    return {name.replace('$target', target) for name in found for target in targets} - {''}


def readme_packages(text: str) -> set[str]:
    """Debian's column of its table; a{b,c} is two of them, and (words) are none."""
    table = re.findall(r'^\| for +\| Debian .*\n\|-.*\n((?:\|.*\n)+)', text, re.M)[0]
    found: set[str] = set()
    for row in table.splitlines():
        cell = re.sub(r'\([^)]*\)', '', row.split('|')[2])
        for word in re.findall(r'[a-z0-9](?:\{[^}]*\}|[^\s;,{}])*', cell):
            before, _, several = word.partition('{')
            middle, _, after = several.partition('}')
            found |= {f'{before}{each}{after}' for each in middle.split(',')}
    return found


def image_packages(text: str) -> list[str]:
    """What the image has, as it is listed."""
    return re.findall(r'^\t\t([a-z0-9][a-z0-9.+-]+) \\$', text, re.M)


@unittest.skipUnless(yaml, NO_YAML)
class Documents(unittest.TestCase):
    """YAML that has what its service wants."""

    def test_all_are_looked_at(self) -> None:
        self.assertEqual([os.path.basename(path) for path in files('.yml', '.yaml')],
                         ['github-driver.yml', 'github.yml', 'gitlab-ci.yml',
                          'lava-conformance.yaml', 'lava-selftests.yaml'])
        for path in files('.yml', '.yaml'):
            with self.subTest(os.path.basename(path)):
                self.assertIsInstance(yaml.safe_load(read(path)), dict)

    def test_github(self) -> None:
        for name in ('github.yml', 'github-driver.yml'):
            document = yaml.safe_load(read(f'{CI}/{name}'))
            # YAML 1.1 takes "on" for true.
            self.assertIn('pull_request', document[True])
            self.assertEqual(document['permissions'], {'contents': 'read'})
            for _, step in github_steps(document):
                self.assertEqual(('uses' in step) + ('run' in step), 1, step)
                if 'actions/upload-artifact@' in step.get('uses', ''):
                    self.assertEqual(step['if'], 'always()')
                if 'run' in step:
                    self.shell(step['run'])
            self.known_contexts(document)

    def known_contexts(self, document: Mapping[str, Any]) -> None:
        """What ${{ }} names is there."""
        for job in document['jobs'].values():
            names = set(job['strategy']['matrix']) - {'include'}
            for step in job['steps']:
                for name, text in re.findall(r"\bmatrix\.(\w+) == '([^']*)'", str(step.get('if', ''))):
                    self.assertIn(text, job['strategy']['matrix'][name])
            ids = {step['id'] for step in job['steps'] if 'id' in step}
            for expression in re.findall(r'\$\{\{ (.*?) \}\}', str(job)):
                for context, name in re.findall(r'\b(matrix|steps)\.(\w+)', expression):
                    self.assertIn(name, names if context == 'matrix' else ids, expression)
                for pattern in re.findall(r"'([\w/]+(?:\.\w+|/\w+|/\*\*))'", expression):
                    self.assertTrue(os.path.exists(f'{REPO}/{pattern.removesuffix("/**")}'), pattern)

    def test_gitlab(self) -> None:
        job = yaml.safe_load(read(f'{CI}/gitlab-ci.yml'))['lab']
        self.assertEqual(job['artifacts']['when'], 'always')
        self.assertEqual(job['retry']['exit_codes'], 3)
        self.assertEqual(job['variables']['CACHE'], '$CI_PROJECT_DIR/.lab')
        for path in job['cache']['key']['files']:
            self.assertTrue(os.path.exists(f'{REPO}/{path}'), path)
        self.assertLessEqual(len(job['cache']['key']['files']), 2)
        for part in ('before_script', 'script', 'after_script'):
            for line in job[part]:
                self.assertIsInstance(line, str)
                self.shell(line)
        self.packages_are_known('\n'.join(job['before_script']))

    def packages_are_known(self, text: str) -> None:
        """What packages.sh is called with; it takes no notice of a word that it does not know."""
        for words in re.findall(r'scripts/packages\.sh (.*)', text):
            for word in words.split():
                known = re.search(rf'^\t{word}\)', read(f'{REPO}/scripts/packages.sh'), re.M)
                self.assertTrue(known, word)

    def test_lava(self) -> None:
        for path in files('.yaml'):
            document = yaml.safe_load(read(path))
            self.assertEqual(document['metadata']['format'], 'Lava-Test Test Definition 1.0')
            # "A short name, with none of these"
            self.assertNotRegex(document['metadata']['name'], r'[$& "\'`()<>/\\|;]')
            for value in document.get('params', {}).values():
                self.assertIsInstance(value, str)
            self.shell('\n'.join(document['run']['steps']))

    def test_lava_calls_what_there_is(self) -> None:
        line = next(step for step in yaml.safe_load(read(f'{CI}/lava-conformance.yaml'))['run']['steps']
                    if step.startswith('vfio-migration-conformance'))
        manual = read(f'{REPO}/Documentation/man/vfio-migration-conformance.1').replace('\\-', '-')
        for option in re.findall(r'--[a-z]+', line):
            self.assertTrue(option in manual, option)

    def shell(self, text: str) -> None:
        """Does bash take it?"""
        text = re.sub(r'\$\{\{.*?\}\}', 'x', text)
        ended = subprocess.run(['bash', '-n', '-c', text], text=True, check=False, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((ended.returncode, ended.stdout), (0, ''), text)


class WithStandIns(unittest.TestCase):
    """Shell that runs in a directory of its own, with stand-ins for the programs of the service."""

    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        os.mkdir(f'{self.place}/bin')

    def write(self, name: str, text: str) -> None:
        os.makedirs(os.path.dirname(f'{self.place}/{name}'), exist_ok=True)
        with open(f'{self.place}/{name}', 'w', encoding='utf-8') as file:
            file.write(text)

    def stand_in(self, name: str, text: str) -> None:
        self.write(f'bin/{name}', f'#!/bin/sh\n{text}\n')
        os.chmod(f'{self.place}/bin/{name}', stat.S_IRWXU)

    def call(self, *command: str, **more: str) -> tuple[int, list[str]]:
        """The exit status, and the lines on standard output."""
        environment = {**os.environ, 'PATH': f'{self.place}/bin:{os.environ["PATH"]}', **more}
        ended = subprocess.run(command, cwd=self.place, env=environment, text=True, check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return ended.returncode, ended.stdout.splitlines()

    def there(self, *names: str) -> None:
        for name in names:
            self.assertTrue(os.path.exists(f'{self.place}/{name}'), name)


@unittest.skipUnless(yaml, NO_YAML)
class Status(WithStandIns):
    """The service sees the verb's exit status, and has the results of each run."""

    def test_github(self) -> None:
        for name, folder in (('github.yml', ''), ('github-driver.yml', 'mtty-mig/')):
            step = next(step for _, step in github_steps(yaml.safe_load(read(f'{CI}/{name}')))
                        if 'scripts/verb.sh' in step.get('run', ''))
            # Which is without -o pipefail unless a step names it
            self.assertEqual(step['shell'], 'bash')
            self.stand_in('docker', f'mkdir -p temp/cache/logs {folder}build/conformance\n'
                          f'touch temp/cache/logs/x.xml {folder}build/conformance/x.xml\necho "$*"; exit $STATUS')
            for status in range(4):
                ended, told = self.call('bash', '-eo', 'pipefail', '-c', step['run'], RUNNER_TEMP='temp',
                                        STATUS=str(status), VERB='check LEAKS=1', KERNEL='lts', DRIVER='qat')
                self.assertEqual(ended, status)
                self.assertRegex(told[0], '^run --rm .* mtty-mig-ci scripts/verb.sh (check LEAKS=1 KERNEL=lts|'
                                 'drivers DRIVER=qat KERNEL=/linux)$')
                self.assertEqual(len(told), 1 + bool(status and not folder))
                self.there('temp/results/output', 'temp/results/logs/x.xml', 'temp/results/conformance/x.xml')

    def test_gitlab(self) -> None:
        job = yaml.safe_load(read(f'{CI}/gitlab-ci.yml'))['lab']
        self.stand_in('runuser', 'mkdir -p .lab/logs build/conformance\ntouch .lab/logs/x.xml\n'
                      'echo "$*"; exit $STATUS')
        os.mkdir(f'{self.place}/results')
        for status in range(4):
            ended, told = self.call('bash', '-e', '-c', '\n'.join(job['script']), STATUS=str(status),
                                    VERB='check LEAKS=1', KERNEL='lts')
            self.assertEqual((ended, told), (status, [
                '-u lab -- env HOME=/home/lab scripts/verb.sh check LEAKS=1 KERNEL=lts']))
            self.assertEqual(self.call('bash', '-e', '-c', '\n'.join(job['after_script'])), (0, []))
            self.there('results/output', 'results/logs/x.xml', 'results/conformance')

    def lava(self, name: str) -> tuple[int, list[str]]:
        document = yaml.safe_load(read(f'{CI}/{name}'))
        self.write('contrib/ci/ktap-to-lava.sh', read(f'{CI}/ktap-to-lava.sh'))
        os.chmod(f'{self.place}/contrib/ci/ktap-to-lava.sh', stat.S_IRWXU)
        self.stand_in('lava-test-case', 'echo "$*"')
        return self.call('sh', '-e', '-c', '\n'.join(document['run']['steps']), **document.get('params', {}))

    def test_lava(self) -> None:
        for status, result in ((0, 'pass'), (1, 'fail'), (2, 'unknown')):
            rule = 'not ok 1 MIG-FD-06' if status else 'ok 1 MIG-FD-06'
            self.stand_in('vfio-migration-conformance', 'echo "called: $*"\n'
                          + (f'printf "1..1\\n{rule}\\n" >conformance.ktap\n' if status < 2 else '')
                          + f'exit {status}')
            ended, told = self.lava('lava-conformance.yaml')
            self.assertEqual(ended, 0)
            self.assertEqual(told, ['called: --device 0000:3b:00.1 --ktap conformance.ktap '
                                    '--junit conformance.xml --json conformance.json']
                             + [f'MIG-FD-06 --result {result}'] * (status < 2) + [f'conformance --result {result}'])


class Lava(WithStandIns):
    """ktap-to-lava.sh, with a lava-test-case that tells how it was called."""

    def told(self, ktap: str) -> list[str]:
        # It reads its input, as a program may.
        self.stand_in('lava-test-case', 'cat\necho "$*"')
        self.write('ktap', ktap)
        status, told = self.call(f'{CI}/ktap-to-lava.sh', 'ktap')
        self.assertEqual(status, 0)
        return told

    def test_of_the_conformance_suite(self) -> None:
        self.assertEqual(self.told(
            'KTAP version 1\n1..3\nok 1 MIG-FSM-01\n# MIG-FD-06: expected 0, seen ENOMSG\n'
            'not ok 2 MIG-FD-06\nok 3 MIG-PRE-06 # SKIP the device has no PRE_COPY (it has STOP_COPY | P2P)\n'),
            ['MIG-FSM-01 --result pass', 'MIG-FD-06 --result fail', 'MIG-PRE-06 --result skip'])

    def test_of_the_kernels_runner(self) -> None:
        self.assertEqual(self.told(
            'TAP version 13\n1..3\n# timeout set to 0\n# selftests: mtty-mig: fsm_test\n'
            '# TAP version 13\n# 1..2\n# not ok 1 inner\nnot ok 1 selftests: mtty-mig: fsm_test # exit=1\n'
            'ok 2 selftests: mtty-mig: size_test\nok 3 selftests: mtty-mig: poll_test # SKIP\n'),
            ['mtty-mig.fsm_test --result fail', 'mtty-mig.size_test --result pass',
             'mtty-mig.poll_test --result skip'])

    def test_what_is_missing(self) -> None:
        self.assertEqual(self.told('KTAP version 1\n1..3\nok 1 a b/c\n'),
                         ['a_b_c --result pass', '2_of_3_without_a_result --result fail'])
        self.assertEqual(self.told(''), ['no_plan --result fail'])


if __name__ == '__main__':
    unittest.main()
