# SPDX-License-Identifier: GPL-2.0-only
"""Packages as files: Debian's kernels and QEMU, from the mirror that this machine uses
anyway, signed by way of the package lists that apt verifies.

Nothing is installed, and the system's own lists are only read.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess

from lab.cache import Cache, hash_content, quote, read_or_nothing, remove, write
from lab.host import Broken, no_network, say

KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
CONNECT = 'connect this machine (apt heeds http_proxy), then call again'
NO_DEBIAN = ('name a kernel tree that you have, KERNEL=/path/to/linux, '
             'or run the lab in a Debian container')


def said(*command: str) -> str:
    """What a command prints, however it ends; its complaints are not shown."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False).stdout
    except FileNotFoundError:
        return ''


def mirror(label: str = 'Debian') -> str:
    """Of those that this machine is set up for the first one of Debian's archive, or of
    Debian-Security; nothing if there is none.

    Without lists, of which a container's image has none, it is known by its address.
    """
    targets = said('apt-get', 'indextargets', '--format', '$(REPO_URI)|$(LABEL)', 'Created-By: Packages') + \
        said('apt-get', 'indextargets', '--no-release-info', '--format', '$(REPO_URI)|', 'Created-By: Packages')
    for line in targets.splitlines():
        address, _, name = line.partition('|')
        if name == label or not name and re.search(f'/{label.lower()}/?$', address):
            return address
    return ''


def need_mirror() -> str:
    """The one of the archive, which there has to be."""
    found = mirror()
    if not found:
        raise Broken("this machine's apt sources name no mirror of Debian",
                     'add one to /etc/apt/sources.list.d and call apt-get update')
    return found


def sources(suite: str) -> list[str]:
    """Lines for sources.list, of the mirrors that this machine uses."""
    main, security = need_mirror(), mirror('Debian-Security')
    return [f'deb {main} {suite} main', f'deb {main} {suite}-updates main',
            *([f'deb {security} {suite}-security main'] if security else [])]


def options() -> list[str]:
    """Of this machine's apt only what leads to the mirror, as options of mmdebstrap."""
    lines = said('apt-config', 'dump', '--format', '%f="%v"%n', 'Acquire::http::Proxy',
                 'Acquire::https::Proxy').splitlines()
    return [f'--aptopt={name} {value};' for name, _, value in (line.partition('=') for line in lines)
            if value and value != '""']


class Apt:
    """Packages of the machine's own sources or, with a suite, of that one on the same
    mirror.  Called with the cache locked, by one alone."""

    def __init__(self, cache: Cache, kernel: str, suite: str = '') -> None:
        if not shutil.which('apt-get'):
            raise Broken(f"KERNEL={kernel} comes from Debian's packages, and there is no apt-get here",
                         NO_DEBIAN)
        self.cache = cache
        self.suite = suite
        # The record of the package that was found
        self.record = ''
        place = f'{cache.path}/apt'
        # Lists and archives of our own: an ordinary user cannot write to apt's, and root's
        # system is not ours to change.
        user = ['-o', f'APT::Sandbox::User={"" if os.getuid() else "root"}']
        self.own = ['-o', f'Dir::State::Lists={place}/lists{suite}', '-o', f'Dir::Cache={place}/cache{suite}', *user]
        os.makedirs(f'{place}/lists{suite}/partial', exist_ok=True)
        os.makedirs(f'{place}/cache{suite}/archives/partial', exist_ok=True)
        if suite:
            write(f'{place}/{suite}.list', f'deb [signed-by={KEYRING}] {need_mirror()} {suite} main\n')
            self.own += ['-o', f'Dir::Etc::sourcelist={place}/{suite}.list', '-o', 'Dir::Etc::sourceparts=-']
            self.lists = self.own
        else:
            self.lists = ['-o', f'Dir::Cache={place}/cache', *user]

    def _log(self, name: str) -> str:
        return f'{self.cache.path}/logs/{name}.log'

    def update(self) -> None:
        """Fetch the package lists."""
        say('fetching the package lists' + (f' of {self.suite}' if self.suite else ''))
        self.cache.follow(self._log('apt-update'), ['apt-get', *self.own, '-q', 'update'])
        self.lists = self.own

    def lacks(self, package: str) -> Broken:
        """Why a package is not there, after update()."""
        log = self._log('apt-update')
        if no_network(read_or_nothing(log)):
            return Broken(f'no network: apt-get cannot fetch the package lists, so there is no {package}',
                          CONNECT, f'(what it said is in {log})')
        system = dict(re.findall('^(ID|VERSION_CODENAME)="?([^"\n]*)', read_or_nothing('/etc/os-release'), re.M))
        if not self.suite and (system.get('ID'), system.get('VERSION_CODENAME')) == ('debian', 'bookworm'):
            return Broken(f"no package {package} in this machine's apt sources",
                          'on Debian 12 it is in bookworm-security: add that to the apt sources')
        if system.get('ID', '').startswith('debian'):
            return Broken(f'no package {package} in the apt sources' + (f' of {self.suite}' if self.suite else ''),
                          f'see what apt-get update said: {log}')
        return Broken(f"no package {package} in this machine's apt sources: it is one of Debian", NO_DEBIAN)

    def newest(self, pattern: str) -> str:
        """Of the packages whose names match the one with the highest version in its name."""
        names = [name for name in said('apt-cache', *self.lists, 'pkgnames').split() if re.fullmatch(pattern, name)]
        return max(names, key=lambda name: [int(number) for number in re.findall('[0-9]+', name)], default='')

    def find(self, package: str) -> bool:
        """Its newest version's record, if there is one."""
        self.record = said('apt-cache', *self.lists, 'show', '--no-all-versions', package)
        return bool(self.record.strip())

    def field(self, name: str) -> str:
        """Of the record."""
        found = re.search(f'^{name}: *(.*)', self.record, re.M)
        return ' '.join(found[1].split()) if found else ''

    def _download(self, package: str) -> bool:
        """What find() found.  Nobody resumes it: it counts only when its hash is the one in
        the signed lists."""
        version = self.field('Version')
        say(f'downloading {package} {version} ({int(self.field("Size")) // 1000000} MB)')
        place = f'{self.cache.path}/tmp/deb'
        os.makedirs(place, exist_ok=True)
        if self.cache.follow(self._log('apt-download'), cwd=place,
                             command=['apt-get', *self.lists, '-q', 'download', f'{package}={version}']):
            return False
        debs = self.debs(package)
        return len(debs) == 1 and hash_content(debs[0]) == self.field('SHA256')

    def debs(self, package: str = '*') -> list[str]:
        """What was downloaded."""
        return sorted(glob.glob(f'{glob.escape(self.cache.path)}/tmp/deb/{package}_*.deb'))

    def get(self, package: str) -> None:
        """Download it, with new lists if the old ones name what the mirror has dropped."""
        if self.find(package) and self._download(package):
            return
        for path in self.debs(package):
            remove(path)
        self.update()
        if not (self.find(package) and self._download(package)):
            quote(read_or_nothing(self._log('apt-download')).splitlines()[-8:])
            raise Broken(f'could not download {package}',
                         "check the network and this machine's apt sources, then call again; "
                         'nothing half-done is kept')
