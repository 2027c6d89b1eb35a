# SPDX-License-Identifier: GPL-2.0-only
"""Where a verb leaves its results for report.py.

The verb that the user calls decides (verb.py), and says so in LAB_RESULTS: the file to
write, without .json.  Verbs that it calls itself leave nothing, but for the rows of make
check and check-all, each of which has a file of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import time
from typing import Any, Mapping

REPO = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
FOLDER = f'{REPO}/build/report/data'
VARIABLE = 'LAB_RESULTS'
# The variables of make that the verb was called with, as JSON
CALL = 'LAB_CALL'
# When that was, in seconds
BEGAN = 'LAB_BEGAN'
# Where the report will be, for the verb's last line
REPORT = 'LAB_REPORT'
# Set by make check for each of its rows
ROW = 'LAB_ROW'
# Release, engine and flavour of the kernel: the Lab says so
SYSTEM = 'LAB_SYSTEM'
# What export.py writes
EXPORTED = ('junit.xml', 'results.ktap', 'results.json')


def commit() -> str:
    """What is checked out, with a + if that was changed; nothing outside a checkout."""
    try:
        said = subprocess.run(['git', '-C', REPO, 'describe', '--always', '--dirty=+', '--exclude=*'],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
    except OSError:
        return ''               # no git, and nothing that it would tell
    return said.stdout.strip()


def name_of(verb: str, values: Mapping[str, str]) -> str:
    """What a call's results are kept under: what is about different drivers is kept apart."""
    return '-'.join(word for word in (verb, *re.findall(r'\w+', values.get('DRIVER', ''))) if word)


def prepare(verb: str, values: Mapping[str, str], environment: dict[str, str]) -> bool:
    """Say in the verb's environment where it leaves its results; what it left before goes.

    Is the report to be made anew after it?
    """
    environment[CALL] = json.dumps({'verb': verb, **{name: text for name, text in values.items() if text}})
    environment[BEGAN] = str(round(time.time(), 1))
    environment.pop(REPORT, '')
    if environment.pop(ROW, ''):
        return False
    if VARIABLE in environment:
        environment[VARIABLE] = ''
        return False
    path = f'{FOLDER}/{name_of(verb, values)}'
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f'{path}.json')
    shutil.rmtree(path, ignore_errors=True)
    for name in EXPORTED if values.get('RESULTS') else ():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f'{values["RESULTS"]}/{name}')
    environment[VARIABLE] = path
    environment[REPORT] = os.path.relpath(f'{os.path.dirname(FOLDER)}/index.html', REPO)
    return True


def left(path: str) -> bool:
    """Has the verb left any?"""
    return os.path.exists(f'{path}.json') or os.path.isdir(path)


def versions() -> dict[str, str]:
    """Of what had a part in it."""
    found = {'machine': f'{platform.system()} {platform.release()} {platform.machine()}, '
                        f'{os.cpu_count()} processors', 'Python': platform.python_version()}
    with contextlib.suppress(OSError):
        found['system'] = platform.freedesktop_os_release().get('PRETTY_NAME', '')
    with contextlib.suppress(OSError), open(f'{REPO}/mtty-mig/dkms.conf', encoding='utf-8') as file:
        version = re.search(r'^PACKAGE_VERSION="(.*)"', file.read(), re.M)
        found['mtty-mig'] = version[1] if version else ''
    with contextlib.suppress(OSError):
        said = subprocess.run(['gcc', '--version'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=False).stdout
        found['compiler'] = said.partition('\n')[0]
    return {name: text for name, text in found.items() if text}


def closing(count: str, good: bool) -> str:
    """The last line of the verb that the user called: a count, and what it comes to."""
    report = os.environ.get(REPORT)
    if not report:
        return count
    seconds = round(time.time() - float(os.environ[BEGAN]))
    took = f'{seconds // 60} min {seconds % 60} s' if seconds > 59 else f'{seconds} s'
    return f'{count}: {"passed" if good else "FAILED"} in {took}, report: {report}'


def leave(data: Mapping[str, Any], seconds: float | None = None) -> None:
    """Leave results, if somebody wants them: the last ones of a verb count.

    data: what ktap.write_json() has written.  seconds: how long it took.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    kernel, engine, flavour, *_ = os.environ.get(SYSTEM, '').split() + [''] * 3
    began, ended = float(os.environ.get(BEGAN, 0)), time.time()
    if seconds is None and began:
        seconds = round(ended - began, 1)
    about = {'kernel': kernel, 'engine': engine, 'flavour': flavour, 'commit': commit(),
             'call': json.loads(os.environ.get(CALL, '{}')), 'began': began,
             'ended': ended, 'seconds': seconds, 'seed': data.get('seed', os.environ.get('SEED', '1')),
             'versions': versions()}
    with open(f'{path}.new', 'w', encoding='utf-8') as out:
        json.dump({**data, 'about': about}, out, indent=1)
        out.write('\n')
    os.replace(f'{path}.new', f'{path}.json')
