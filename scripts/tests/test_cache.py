# SPDX-License-Identifier: GPL-2.0-only
"""The cache: who waits for whom, what is finished, what is dropped."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from lab import cache, host  # noqa: E402
from lab.cache import Cache, STAMP  # noqa: E402


class Place(unittest.TestCase):
    """A cache in a directory of its own."""

    def setUp(self) -> None:
        # pylint: disable=consider-using-with
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)
        environment = mock.patch.dict(os.environ, {'CACHE': f'{self.tmp.name}/cache'})
        environment.start()
        self.addCleanup(environment.stop)
        self.said = io.StringIO()

    def cache(self) -> Cache:
        made = Cache.default()
        made.make()
        self.addCleanup(self.close, made)
        return made

    def close(self, made: Cache) -> None:
        made.unlock()
        for number in (made.user, made.run_file):
            if number >= 0:
                os.close(number)

    def folder(self, made: Cache, name: str, key: str = '') -> str:
        path = f'{made.path}/{name}'
        os.makedirs(path)
        if key:
            made.stamp(path, key)
        return path

    def locked(self, made: Cache, kind: int, name: str = 'lock') -> bool:
        """Can somebody else not have it in that way?"""
        with open(f'{made.path}/{name}', 'w', encoding='utf-8') as file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


class Locks(Place):
    def test_several_may_find_that_all_is_there(self) -> None:
        one, two = self.cache(), self.cache()
        self.folder(one, 'work/a', 'key')
        one.lock()
        two.lock()
        self.assertTrue(one.finished(f'{one.path}/work/a', 'key'))
        self.assertTrue(two.finished(f'{one.path}/work/a', 'key'))
        self.assertTrue(self.locked(one, fcntl.LOCK_EX))
        self.assertFalse(self.locked(one, fcntl.LOCK_SH))
        one.unlock()
        two.unlock()
        self.assertFalse(self.locked(one, fcntl.LOCK_EX))

    def test_who_builds_is_alone(self) -> None:
        one = self.cache()
        one.lock()
        self.assertFalse(one.finished(f'{one.path}/work/a', 'key'))
        self.assertTrue(one.shared.alone)
        self.assertTrue(self.locked(one, fcntl.LOCK_SH))

    def test_checkouts_build_at_the_same_time(self) -> None:
        one, two = self.cache(), self.cache()
        for made, name in ((one, 'one'), (two, 'two')):
            made.lock()
            made.work_in(f'{made.path}/work/{name}')
            self.assertFalse(made.finished(f'{made.path}/work/{name}/a', 'key'))
        for name in ('one', 'two'):
            self.assertTrue(self.locked(one, fcntl.LOCK_SH, f'work/{name}/.lock'))
        self.assertFalse(self.locked(one, fcntl.LOCK_SH))
        one.unlock()
        self.assertFalse(self.locked(one, fcntl.LOCK_EX, 'work/one/.lock'))

    def test_several_runs_of_a_checkout_use_what_is_built(self) -> None:
        one, two = self.cache(), self.cache()
        self.folder(one, 'work/one/a', 'key')
        for made in (one, two):
            made.lock()
            made.work_in(f'{made.path}/work/one')
            self.assertTrue(made.finished(f'{made.path}/work/one/a', 'key'))
        self.assertTrue(self.locked(one, fcntl.LOCK_EX, 'work/one/.lock'))

    def test_what_all_share_comes_first(self) -> None:
        made = self.cache()
        made.lock()
        made.work_in(f'{made.path}/work/one')
        self.assertFalse(made.finished(f'{made.path}/work/one/a', 'key'))
        with self.assertRaises(AssertionError):
            made.finished(f'{made.path}/kernel/a', 'key')

    def test_who_waits_to_be_alone_is_next(self) -> None:
        one = self.cache()
        one.lock()
        order: list[str] = []

        def lock(name: str, alone: bool) -> None:
            made = Cache.default()
            made.make()
            if alone:
                made.be_alone()
            else:
                made.lock()
            order.append(name)
            self.close(made)
        threads = [threading.Thread(target=lock, args=('alone', True)), threading.Thread(target=lock, args=('shared', False))]
        with contextlib.redirect_stderr(self.said):
            for number, thread in enumerate(threads, start=1):
                thread.start()
                # Until it waits
                while self.said.getvalue().count('waiting for another run') < number:
                    self.assertTrue(thread.is_alive())
                    time.sleep(0.01)
            self.assertEqual(order, [])
            one.unlock()
            for thread in threads:
                thread.join()
        self.assertEqual(order, ['alone', 'shared'])

    def test_two_who_want_the_same_build_it_once(self) -> None:
        built: list[int] = []

        def build() -> None:
            one = Cache.default()
            one.make()
            one.lock()
            ready.wait()
            if not one.finished(f'{one.path}/work/a', 'key'):
                built.append(1)
                os.makedirs(f'{one.path}/work/a', exist_ok=True)
                time.sleep(0.1)
                one.stamp(f'{one.path}/work/a', 'key')
            self.close(one)
        ready = threading.Barrier(2)
        threads = [threading.Thread(target=build) for _ in range(2)]
        with contextlib.redirect_stderr(self.said):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(built, [1])

    def test_what_a_dead_run_left_is_removed_by_one_alone(self) -> None:
        one = self.cache()
        self.folder(one, 'tmp/left')
        one.lock()
        self.assertTrue(os.path.exists(f'{one.path}/tmp/left'))
        one.be_alone()
        self.assertFalse(os.path.exists(f'{one.path}/tmp/left'))

    def test_distclean_knows_of_others(self) -> None:
        one, two = self.cache(), self.cache()
        self.assertFalse(one.last_user())
        self.close(two)
        two.user = -1
        self.assertTrue(one.last_user())

    def test_a_cache_that_cannot_be_written_to(self) -> None:
        with open(f'{self.tmp.name}/file', 'w', encoding='utf-8'):
            pass
        with self.assertRaisesRegex(host.Broken, 'cannot write to the cache'):
            Cache(f'{self.tmp.name}/file/cache').make()

    def test_a_path_that_makefiles_cannot_take(self) -> None:
        with self.assertRaisesRegex(host.Broken, 'has a character that kernel makefiles cannot take'):
            Cache(f'{self.tmp.name}/a b').make()


class Folders(Place):
    def test_what_was_used_last_is_kept(self) -> None:
        made = self.cache()
        for number, name in enumerate(('a-1', 'a-2', 'a-3', 'b-1')):
            path = self.folder(made, f'work/{name}', 'key')
            os.utime(f'{path}/{STAMP}', (number, number))
        made.lock()
        made.prune(2, f'{made.path}/work', 'a-*')
        self.assertEqual(len(os.listdir(f'{made.path}/work')), 4)
        made.be_alone()
        made.prune(2, f'{made.path}/work', 'a-*')
        self.assertEqual(sorted(os.listdir(f'{made.path}/work')), ['a-2', 'a-3', 'b-1'])

    def test_what_another_run_works_in_is_kept(self) -> None:
        made, other = self.cache(), self.cache()
        for number, name in enumerate(('one', 'two', 'three')):
            path = self.folder(made, f'work/{name}', 'key')
            os.utime(f'{path}/{STAMP}', (number, number))
        other.lock()
        other.work_in(f'{other.path}/work/one')
        self.assertFalse(other.finished(f'{other.path}/work/one/a', 'key'))
        made.lock()
        made.prune_work(1)
        self.assertEqual(sorted(os.listdir(f'{made.path}/work')), ['one', 'three'])

    def test_a_build_that_was_interrupted_goes_on(self) -> None:
        made = self.cache()
        path = f'{made.path}/work/a'
        cache.build_on(path)
        cache.write(f'{path}/half', '')
        cache.build_on(path)
        self.assertTrue(os.path.exists(f'{path}/half'))
        cache.write(f'{path}/.boot', 'another boot\n')
        cache.build_on(path)
        self.assertFalse(os.path.exists(f'{path}/half'))

    def test_in_use(self) -> None:
        made = self.cache()
        self.folder(made, 'src/name', 'name recipe 2')
        os.symlink('name', f'{made.path}/src/link')
        self.assertEqual(cache.in_use(f'{made.path}/src/link', 2), f'{made.path}/src/name')
        self.assertEqual(cache.in_use(f'{made.path}/src/link', 3), '')
        self.assertEqual(cache.in_use(f'{made.path}/src/other', 2), '')

    def test_runs_that_died_are_removed(self) -> None:
        one, two = self.cache(), self.cache()
        dead = self.folder(one, 'run/dead')
        with one.new_run() as first, two.new_run() as second:
            self.assertTrue(os.path.isdir(first) and os.path.isdir(second))
            self.assertFalse(os.path.exists(dead))
        self.assertEqual([name for name in os.listdir(f'{one.path}/run') if not name.startswith('.')], [])

    def test_logs_of_the_last_runs_are_kept(self) -> None:
        made = self.cache()
        for number in range(cache.KEPT_LOGS + 5):
            path = f'{made.path}/logs/check-2026-{number}.log'
            cache.write(path, '')
            os.utime(path, (number, number))
        cache.write(f'{made.path}/logs/modules.log', '')
        with made.new_run():
            self.assertEqual(len(os.listdir(f'{made.path}/logs')), cache.KEPT_LOGS + 1)
        self.assertFalse(os.path.exists(f'{made.path}/logs/check-2026-4.log'))


class Keys(Place):
    """The keys of kernels must not change: all would be built again."""

    def bash(self, script: str, *words: str) -> str:
        return subprocess.run(['bash', '-c', script, 'bash', *words], stdout=subprocess.PIPE, text=True, check=True,
                              env={**os.environ, 'LC_ALL': 'C'}).stdout.strip()

    def test_text(self) -> None:
        words = ('2', 'um', '/a/b', '', 'a\nb  c', "it's")
        self.assertEqual(cache.hash_text(*words),
                         self.bash("printf '%s\\n' \"$*\" | sha256sum | cut -c1-16", *words))

    def test_files(self) -> None:
        for name in ('a/x.c', 'a/b/y.h', 'a/x.o', 'a/x.mod.c', 'a/.x.cmd', 'a/z~', 'a/Module.symvers', 'q'):
            os.makedirs(os.path.dirname(f'{self.tmp.name}/{name}'), exist_ok=True)
            cache.write(f'{self.tmp.name}/{name}', name)
        self.assertEqual(cache.files_below('a', 'q', root=self.tmp.name), ['a/b/y.h', 'a/x.c', 'q'])
        with self.assertRaises(FileNotFoundError):
            cache.hash_files('a', 'b', root=self.tmp.name)
        self.assertEqual(
            cache.hash_files('a', 'q', root=self.tmp.name),
            self.bash(f'cd {self.tmp.name} && sha256sum a/b/y.h a/x.c q | sha256sum | cut -c1-16'))


class Steps(Place):
    def step(self, script: str, **more: str) -> str:
        made = self.cache()
        with contextlib.redirect_stderr(self.said):
            made.step('it', 'sh', '-c', script, **more)  # type: ignore[arg-type]
        return self.said.getvalue()

    def test_a_warning_is_shown(self) -> None:
        self.assertEqual(self.step('echo fine; echo "x.c: warning: w"'), '     | x.c: warning: w\n')

    def test_files_have_their_names_in_the_checkout(self) -> None:
        self.assertEqual(self.step('echo "/copy/x.c: warning: w"', copied_to='/copy'), '     | x.c: warning: w\n')

    def test_what_failed_is_shown(self) -> None:
        with self.assertRaisesRegex(host.Broken, "the step 'it' failed; its whole output is in .*/logs/it.log"):
            self.step('echo one; echo "x.c: error: e"; exit 2')
        self.assertEqual(self.said.getvalue(), '     | x.c: error: e\n')

    def test_a_full_disk_is_told(self) -> None:
        with self.assertRaisesRegex(host.Broken, 'the disk of .* is full'):
            self.step('echo "x: No space left on device"; exit 2')

    def test_it_does_not_hold_the_lock(self) -> None:
        made = self.cache()
        made.lock()
        made.work_in(f'{made.path}/work/one')
        made.be_alone_for(f'{made.path}/work/one/a')
        made.step('it', 'sh', '-c', 'ls -l /proc/self/fd')
        # Another checkout's step of that name has another log.
        with open(f'{made.path}/work/one/logs/it.log', encoding='utf-8') as file:
            text = file.read()
        self.assertFalse(re.search('/.?lock$', text, re.M))
        # But it uses the cache, as we do.
        self.assertTrue(re.search('/in-use$', text, re.M))

    def test_each_line_is_handed_on(self) -> None:
        made = self.cache()
        lines: list[str] = []
        made.step('it', 'printf', 'a\\nb\\n', each=lines.append)
        self.assertEqual(lines, ['a\n', 'b\n'])


if __name__ == '__main__':
    unittest.main()
