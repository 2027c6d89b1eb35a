# SPDX-License-Identifier: GPL-2.0-only
"""make deb: Debian packages of this checkout, into build/.

The packaging is in scripts/debian; a copy of what goes into the packages gets it as its
debian/, because a package is built in its own tree.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from lab.config import Verb
from lab.values import read, REPO, SCRIPTS

if TYPE_CHECKING:
    from lab.lab import Lab

VERB = Verb(
    'deb',
    help='Debian packages into build/: driver for DKMS, selftests with conformance',
    variables='KERNEL CACHE DEBFULLNAME DEBEMAIL SOURCE_DATE_EPOCH',
    failure='lintian found something',
)
PACKED = ('mtty-mig', 'selftests', 'tools', 'Documentation', 'scripts/rules.py', 'scripts/install-selftests.sh')
CHANGELOG = '''mtty-mig ({version}) unstable; urgency=medium

  * Packages of a checkout {commit}.

 -- {maintainer}  {date}
'''


def commit(form: str) -> str:
    """What git says of the last commit; nothing if it knows none."""
    return subprocess.run(['git', '-C', REPO, 'log', '-1', f'--format={form}'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()


def pack(tree: str, version: str, maintainer: str, epoch: int) -> None:
    """What goes into the packages, with the packaging."""
    from lab.cache import files_below, write  # pylint: disable=import-outside-toplevel
    for name in files_below(*PACKED):
        if not os.path.basename(name).startswith('.'):
            os.makedirs(os.path.dirname(f'{tree}/{name}'), exist_ok=True)
            shutil.copy2(f'{REPO}/{name}', f'{tree}/{name}')
    shutil.copytree(f'{SCRIPTS}/debian', f'{tree}/debian')
    write(f'{tree}/debian/control', read(f'{tree}/debian/control').replace('@MAINTAINER@', maintainer))
    write(f'{tree}/debian/changelog', CHANGELOG.format(
        version=version, maintainer=maintainer, commit=commit('at %h'),
        date=time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime(epoch))))


def run(lab: Lab) -> int:
    """Its exit status."""
    from lab.cache import remove  # pylint: disable=import-outside-toplevel
    from lab.host import Broken, jobs, took  # pylint: disable=import-outside-toplevel
    lab.check_machine()
    lab.set_up_source('deb')
    found = re.search('^PACKAGE_VERSION="(.*)"', read(f'{REPO}/mtty-mig/dkms.conf'), re.M)
    assert found
    version = found[1]
    maintainer = f'{lab.get("DEBFULLNAME", commit("%an"))} <{lab.get("DEBEMAIL", commit("%ae"))}>'
    if not re.fullmatch('.+ <.+@.+>', maintainer):
        raise Broken('the packages need a maintainer',
                     "say who: DEBFULLNAME='A Name' DEBEMAIL=a@b.example make deb")
    epoch = int(lab.get('SOURCE_DATE_EPOCH', commit('%ct')) or time.time())
    work = f'{REPO}/build/deb'
    tree = f'{work}/mtty-mig-{version}'
    remove(work)
    pack(tree, version, maintainer, epoch)
    lab.say(f'building the packages {version}')
    start = time.monotonic()
    # What has to be installed was seen to by program, not by package: -d.
    lab.cache.step('deb', 'dpkg-buildpackage', '-b', '-us', '-uc', '-d', cwd=tree, copied_to=tree, env={
        'SOURCE_DATE_EPOCH': str(epoch), 'KSRC': lab.source, 'UAPI': lab.uapi,
        'DEB_BUILD_OPTIONS': f'parallel={jobs()} noautodbgsym'})
    lab.cache.unlock()
    debs = []
    for path in sorted(glob.glob(f'{work}/*.deb')):
        os.replace(path, f'{REPO}/build/{os.path.basename(path)}')
        debs.append(f'build/{os.path.basename(path)}')
    lab.say(f'built in {took(start)}:')
    print('\n'.join(debs), flush=True)
    said = subprocess.run(['lintian', '--allow-root', '--fail-on', 'error', '--tag-display-limit', '0', *debs],
                          cwd=REPO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    lab.say('lintian: ' + (said.stdout.strip() or 'no error, no warning'))
    if said.returncode:
        return 1
    remove(work)
    return 0
