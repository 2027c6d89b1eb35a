# SPDX-License-Identifier: GPL-2.0-only
"""The cache: its locks, how a thing gets into it so that it is either all there or not
there, and what is dropped of it.

A finished directory has a stamp, a file with the key of all that it was made from.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Callable, Iterable, Iterator, Mapping, Sequence

from lab.host import Broken, say, with_context
from lab.values import REPO, read

STAMP = '.mtty-mig-stamp'
# What a build may have left in the checkout
BUILT = re.compile(r'.*(?:\.o|\.ko|\.cmd|\.mod|\.mod\.c|~)|modules\.order|Module\.symvers')
# What kernel makefiles cannot take in a path
NOT_SIMPLE = re.compile(r'''[\s:,()'"$&;\\#%]''')
KEPT_LOGS = 90
ROOM = "make room there ('make distclean' empties the cache), or move it: make ... CACHE=/path/with/room"


def hash_text(*words: str) -> str:
    """A key of these words."""
    text = ' '.join(words) + '\n'
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def hash_content(path: str) -> str:
    """Of all that is in a file."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def files_below(*paths: str, root: str = REPO) -> list[str]:
    """All files there, sorted, without what a build may have left.  Names are relative
    to the checkout, so that two checkouts with the same contents agree."""
    found: set[str] = set()
    for path in paths:
        if os.path.isfile(f'{root}/{path}'):
            found.add(path)
        elif not os.path.isdir(f'{root}/{path}'):
            raise FileNotFoundError(f'{root}/{path}')
        for folder, _, names in os.walk(f'{root}/{path}'):
            place = folder[len(root) + 1:]
            found.update(f'{place}/{name}' for name in names if not BUILT.fullmatch(name))
    return sorted(name for name in found if not os.path.islink(f'{root}/{name}'))


def hash_files(*paths: str, root: str = REPO) -> str:
    """A key of the names and contents of all files below these paths of the checkout."""
    total = hashlib.sha256()
    for name in files_below(*paths, root=root):
        total.update(os.fsencode(f'{hash_content(f"{root}/{name}")}  {name}\n'))
    return total.hexdigest()[:16]


def read_or_nothing(path: str) -> str:
    """A file's text without the last line's end; nothing if there is no such file."""
    try:
        return read(path).rstrip('\n')
    except OSError:
        return ''


def write(path: str, text: str) -> None:
    """A file with that text."""
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def remove(path: str) -> None:
    """A file or a directory with all that is in it, if it is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def stamped(folder: str, key: str) -> bool:
    """Was the directory finished, and for this key?"""
    return read_or_nothing(f'{folder}/{STAMP}') == key


def used(folder: str) -> None:
    """For prune(), which drops what was not used for longest."""
    with open(f'{folder}/{STAMP}', 'a', encoding='utf-8'):
        os.utime(f'{folder}/{STAMP}')


def build_on(folder: str) -> None:
    """Before more is built in there.

    A build that was interrupted goes on where it was, for kbuild removes or redoes what
    was half written; but a machine that went down in between may have lost what was
    written, so then it starts again.
    """
    boot = read('/proc/sys/kernel/random/boot_id')
    if not os.path.exists(f'{folder}/{STAMP}') and \
            read_or_nothing(f'{folder}/.boot') != boot.rstrip('\n'):
        remove(folder)
    os.makedirs(folder, exist_ok=True)
    remove(f'{folder}/{STAMP}')
    write(f'{folder}/.boot', boot)


def in_use(link: str, recipe: int) -> str:
    """The directory beside a link that it leads to, if that was finished by this recipe;
    else nothing."""
    if not os.path.islink(link):
        return ''
    name = os.readlink(link)
    folder = f'{os.path.dirname(link)}/{name}'
    if not stamped(folder, f'{name} recipe {recipe}'):
        return ''
    used(folder)
    return folder


def last_use(path: str) -> float:
    """When a directory was finished or used()."""
    try:
        return os.stat(f'{path}/{STAMP}').st_mtime
    except OSError:
        return 0


def link(target: str, path: str) -> None:
    """A symbolic link, in the place of one that may be there."""
    remove(path)
    os.symlink(target, path)


def same(one: str, other: str) -> bool:
    """Are the contents of two files the same?"""
    try:
        if os.path.getsize(one) != os.path.getsize(other):
            return False
        with open(one, 'rb') as first, open(other, 'rb') as second:
            return first.read() == second.read()
    except OSError:
        return False


def copy_changed(source: str, target: str) -> None:
    """Copy what differs, with a new time: then make's own judgement of what to rebuild
    is right, wherever the old times came from."""
    if not same(source, target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)


def folders(parent: str, pattern: str) -> list[str]:
    """Directories there, and no links to some."""
    return [path for path in glob.glob(f'{glob.escape(parent)}/{pattern}')
            if os.path.isdir(path) and not os.path.islink(path)]


class Lock:
    """Of a directory: several may look whether all that they need is there, and who makes
    something in it is alone.  It ends with its process, however that ends."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder = folder
        self.name = name
        self.file = -1
        # Does nobody else have it while we do?
        self.alone = False

    def open(self, kind: int) -> None:
        """Have it in that way; say so if that takes time."""
        while True:
            if self.file < 0:
                os.makedirs(self.folder, exist_ok=True)
                self.file = os.open(f'{self.folder}/{self.name}', os.O_WRONLY | os.O_CREAT, 0o666)
            # Two that share it and want to be alone must not wait for each other.
            fcntl.flock(self.file, fcntl.LOCK_UN)
            with open(f'{self.folder}/{self.name}-turn', 'w', encoding='utf-8') as turn:
                # Whoever waits to be alone has the turn meanwhile, so that those who come
                # later and would share the lock with others wait behind it.
                try:
                    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    fcntl.flock(self.file, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    say(f'waiting for another run that is setting up {self.folder}')
                    fcntl.flock(turn, fcntl.LOCK_EX)
                    fcntl.flock(self.file, kind)
            # Who drops the directory has removed it.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(f'{self.folder}/{self.name}'), os.fstat(self.file)):
                    break
            self.close()
        self.alone = kind == fcntl.LOCK_EX

    def close(self) -> None:
        """Let others have it."""
        if self.file >= 0:
            os.close(self.file)
        self.file = -1
        self.alone = False

    @property
    def held(self) -> bool:
        return self.file >= 0


class Cache:
    """A directory where all is kept that was fetched or built, with the logs."""

    def __init__(self, path: str) -> None:
        self.path = path
        # What is held: make distclean knows by the first that there is somebody, the
        # second is for the run of a guest.
        self.user = self.run_file = -1
        # Of what all checkouts share, and of what is built from this one
        self.shared = Lock(path, 'lock')
        self.work: Lock | None = None

    @staticmethod
    def default() -> Cache:
        """As CACHE= names it."""
        home = os.environ.get('XDG_CACHE_HOME') or f'{os.environ.get("HOME") or "/tmp"}/.cache'
        return Cache(os.path.join(os.getcwd(), os.environ.get('CACHE') or f'{home}/mtty-mig'))

    def make(self) -> None:
        """The directory, with a name that the kernel's makefiles can live with.  Whoever
        calls this uses it till he ends, and what he starts does."""
        if self.user >= 0:
            return
        need_simple_path('the checkout', REPO, 'move it to a simpler path')
        need_simple_path('the cache', self.path,
                         'choose another place: make ... CACHE=/some/simple/path')
        while True:
            try:
                os.makedirs(self.path, exist_ok=True)
                if not os.access(self.path, os.W_OK):
                    raise PermissionError
                self.user = self._open('in-use')
                os.close(self._open('lock'))
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise self.full() from None
                raise Broken(f'cannot write to the cache {self.path}',
                             'choose another place: make ... CACHE=/path/you/own') from None
            fcntl.flock(self.user, fcntl.LOCK_SH)
            # make distclean has removed it all if it was that.
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f'{self.path}/in-use'), os.fstat(self.user)):
                    break
            os.close(self.user)
        os.set_inheritable(self.user, True)
        for name in ('src', 'kernel', 'work', 'run', 'logs', 'tmp'):
            os.makedirs(f'{self.path}/{name}', exist_ok=True)
        self.path = self.shared.folder = os.path.realpath(self.path)
        os.environ['CACHE'] = self.path

    def last_user(self) -> bool:
        """Does nobody else use it?  Then nobody can begin to, either."""
        try:
            fcntl.flock(self.user, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _open(self, name: str) -> int:
        return os.open(f'{self.path}/{name}', os.O_WRONLY | os.O_CREAT, 0o666)

    def lock(self) -> None:
        """To set up.  Several may do that at a time while each finds what it needs; see
        finished()."""
        self.shared.open(fcntl.LOCK_SH)

    def be_alone(self) -> None:
        """To change what all checkouts share.

        That comes before anything that is built from the checkout: two runs that had one
        lock each and waited for the other's would wait for ever.
        """
        if self.shared.alone:
            return
        assert not self.work or not self.work.held
        self.shared.open(fcntl.LOCK_EX)
        # What lies here was left by a run that died.
        for name in os.listdir(f'{self.path}/tmp'):
            remove(f'{self.path}/tmp/{name}')

    def work_in(self, folder: str) -> None:
        """What is built there is this checkout's, and has a lock of its own, so that runs
        of several checkouts can build at the same time."""
        if not self.work or self.work.folder != folder:
            self.work = Lock(folder, '.lock')

    def be_alone_for(self, folder: str) -> None:
        """To make something in a directory."""
        if self.work and folder.startswith(f'{self.work.folder}/'):
            if not self.work.alone:
                self.work.open(fcntl.LOCK_EX)
        else:
            self.be_alone()

    def finished(self, folder: str, key: str) -> bool:
        """Is the directory there, made from this key?  It is in use then.  If not, the
        caller is to make it, and is alone."""
        if self.work and folder.startswith(f'{self.work.folder}/') and not self.work.held:
            self.work.open(fcntl.LOCK_SH)
        if not stamped(folder, key):
            # The lock is not ours for a moment, and another run may make it.
            self.be_alone_for(folder)
        if stamped(folder, key):
            used(folder)
            return True
        return False

    def prune(self, keep: int, parent: str, pattern: str) -> None:
        """Of the directories of that pattern keep those that were used last.  Nothing is
        dropped while others may have found what they need."""
        lock = self.work if self.work and self.work.folder == parent else self.shared
        if lock.alone:
            for path in sorted(folders(parent, pattern), key=last_use, reverse=True)[keep:]:
                remove(path)

    def prune_work(self, keep: int) -> None:
        """The same with what was built from whole checkouts; what another run works in
        stays."""
        found = sorted(folders(f'{self.path}/work', '*'), key=last_use, reverse=True)
        for path in found[keep:]:
            with open(f'{path}/.lock', 'w', encoding='utf-8') as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                remove(path)

    def unlock(self) -> None:
        """A run of a guest outlives the set-up and must not hold up others."""
        if self.work:
            self.work.close()
        self.shared.close()

    @property
    def logs(self) -> str:
        """Where steps have their logs: runs of other checkouts may write theirs now."""
        return f'{self.work.folder}/logs' if self.work and self.work.held else f'{self.path}/logs'

    def free_space(self) -> int:
        """In megabytes."""
        return shutil.disk_usage(self.path).free >> 20

    def need_space(self, megabytes: int, what: str) -> None:
        """Say so before, not half-way through."""
        free = self.free_space()
        if free < megabytes:
            raise Broken(f'{what} needs {megabytes} MB in {self.path}, which has {free} MB left', ROOM)

    def full(self) -> Broken:
        """What to raise when there is no room."""
        return Broken(f'the disk of {self.path} is full',
                      'make room and call again, or move the cache: make ... CACHE=/path/with/room')

    def broken_or_full(self, why: str, log: str = '') -> Broken:
        """What to raise: a full disk may be the reason, of which the log may tell; or
        there was no room for that either."""
        if 'No space left on device' in log or self.free_space() < 16:
            return self.full()
        return Broken(why)

    def stamp(self, folder: str, key: str) -> None:
        """The last act of making a directory.  The data goes to the disk first, so that
        a machine that loses power does not leave a stamp on empty files."""
        subprocess.run(['sync', '-f', folder], check=False)
        try:
            write(f'{folder}/{STAMP}.tmp', key + '\n')
            os.replace(f'{folder}/{STAMP}.tmp', f'{folder}/{STAMP}')
        except OSError:
            raise self.broken_or_full(f'cannot write to {folder}') from None

    def step(self, name: str, *command: str, cwd: str | None = None, env: Mapping[str, str] | None = None,
             each: Callable[[str], None] | None = None, copied_to: str = '') -> None:
        """A long command with its output in logs/NAME.log; if it fails, show what matters
        of that, and say it if the disk was the reason.

        each is called with each line.  copied_to is where sources were copied to: messages
        name the files as the checkout does.  The lock stays ours alone.
        """
        log_name = f'{self.logs}/{name}.log'
        status = self.follow(log_name, command, cwd=cwd, env=env, each=each)
        with open(log_name, encoding='utf-8', errors='replace') as file:
            text = file.read()
        lines = text.splitlines()
        if status:
            quote((with_context(lines, 'error: |ERROR: |undefined reference', 2) or lines[-25:])[:40],
                  copied_to)
            raise self.broken_or_full(f"the step '{name}' failed; its whole output is in {log_name}", text)
        # What the kernel's own code is warned of is not the user's to mend.
        if not name.startswith('kernel-'):
            quote(with_context(lines, 'warning: ', 2)[:40], copied_to)

    def follow(self, log_name: str, command: Sequence[str], *, cwd: str | None = None,
               env: Mapping[str, str] | None = None, each: Callable[[str], None] | None = None) -> int:
        """The exit status of a command whose output goes to a log, and line by line to each."""
        environment = None if env is None else {**os.environ, **env}
        # Who uses the cache is still using it if only we are ended.
        kept = tuple(number for number in (self.user, self.run_file) if number >= 0)
        try:
            os.makedirs(os.path.dirname(log_name), exist_ok=True)
            with open(log_name, 'w', encoding='utf-8', errors='surrogateescape') as log:
                if not each:
                    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                                          env=environment, pass_fds=kept, check=False).returncode
                with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=cwd,
                                      stderr=subprocess.STDOUT, env=environment, pass_fds=kept, text=True,
                                      encoding='utf-8', errors='surrogateescape') as process:
                    assert process.stdout
                    try:
                        for line in process.stdout:
                            log.write(line)
                            each(line)
                    except BaseException:
                        process.kill()
                        raise
                return process.returncode
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise self.full() from None
            raise

    @contextlib.contextmanager
    def new_run(self) -> Iterator[str]:
        """A directory for a guest, removed afterwards, and known to be in use."""
        # Who makes one has it locked before anybody looks whether it is in use.
        with open(f'{self.path}/run/.new', 'w', encoding='utf-8') as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            run = tempfile.mkdtemp(dir=f'{self.path}/run')
            self.run_file = os.open(f'{run}/.in-use', os.O_WRONLY | os.O_CREAT, 0o666)
            fcntl.flock(self.run_file, fcntl.LOCK_EX)
            self._drop_old_runs()
        try:
            os.set_inheritable(self.run_file, True)
            self._drop_old_logs()
            yield run
        finally:
            shutil.rmtree(run, ignore_errors=True)
            if self.run_file >= 0:
                os.close(self.run_file)
                self.run_file = -1

    def _drop_old_runs(self) -> None:
        """A run that was killed could not remove its directory."""
        for old in glob.glob(f'{glob.escape(self.path)}/run/*/'):
            try:
                with open(f'{old}.in-use', 'w', encoding='utf-8') as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, FileNotFoundError):
                continue
            shutil.rmtree(old, ignore_errors=True)

    def _drop_old_logs(self) -> None:
        """Keep the logs of the last runs."""
        found = []
        for name in os.listdir(f'{self.path}/logs'):
            if re.search('-[0-9].*[-.]', name):
                with contextlib.suppress(FileNotFoundError):
                    found.append((os.lstat(f'{self.path}/logs/{name}').st_mtime, name))
        for _, name in sorted(found, reverse=True)[KEPT_LOGS:]:
            remove(f'{self.path}/logs/{name}')

    def log_name(self, verb: str) -> str:
        """Of this run's logs, without an ending."""
        return f'{self.path}/logs/{verb}-{time.strftime("%Y%m%d-%H%M%S")}-{os.getpid()}'


def quote(lines: Iterable[str], copied_to: str = '') -> None:
    """Others' words in ours; with the names that files have in the checkout."""
    for line in lines:
        print('     | ' + (line.replace(f'{copied_to}/', '') if copied_to else line), file=sys.stderr)


def need_simple_path(what: str, path: str, hint: str) -> None:
    """Or say that it has to be another one."""
    if NOT_SIMPLE.search(path):
        raise Broken(f"the path of {what}, '{path}', has a character that kernel makefiles cannot take",
                     hint)
