# SPDX-License-Identifier: GPL-2.0-only
"""The engine uml: the guest is a process, and its root the host's by hostfs."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import glob
import os
import shutil
import subprocess

ARCH = 'um'
IMAGE = 'linux'
OBJECTS = 690
PACKAGES = ''
TIMEOUT = 600
SILENCE = 120
TEST_TIMEOUT = 100


def describe() -> str:
    return 'in User Mode Linux'


def smp(source: str) -> bool:
    """Can User Mode Linux of that source have several processors?"""
    with open(f'{source}/arch/um/Kconfig', encoding='utf-8') as file:
        return 'UML_SUBARCH_SUPPORTS_SMP' in file.read()


def fragments(source: str, flavour: str) -> list[str]:
    """Where UML has several processors, to switch interrupts off and on is a system
    call, and with lockdep everything takes ten times as long."""
    return ['uml-smp'] if flavour == 'plain' and smp(source) else []


class NoPlace(Exception):
    """There is no directory for the guest's memory."""


def alive(run: str) -> bool:
    """Does somebody hold the lock of that run's directory?"""
    try:
        with open(f'{run}/.in-use', encoding='utf-8') as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def claimed(runs: str, own: str, path: str) -> int:
    """Megabytes there that other guests may take: their files have holes yet."""
    total = 0
    for run in filter(alive, glob.glob(f'{glob.escape(runs)}/*')):
        # make mutants has a directory for each of its guests
        for claim in {f'{run}/memory', *glob.glob(f'{glob.escape(run)}/*/memory')}:
            if os.path.dirname(claim) == own:
                continue
            with contextlib.suppress(OSError), open(claim, encoding='utf-8') as file:
                claims = [line.rstrip('\n').split(' ', 1) for line in file]
                total += max((int(size) for size, where in claims if where == path), default=0)
    return total


def executable_dir(path: str, megabytes: int, others: int) -> bool:
    """Can UML keep that much memory in a file there, and map it executable?"""
    try:
        usage = shutil.disk_usage(path)
        if min(usage.free, usage.total - (others << 20)) < megabytes << 20:
            return False
        test = os.path.join(path, f'.mtty-mig-{os.getpid()}')
        try:
            shutil.copy('/bin/true', test)
            os.chmod(test, 0o700)
            return subprocess.run([test], check=False).returncode == 0
        finally:
            if os.path.exists(test):
                os.unlink(test)
    except OSError:
        return False


def memory_dir(runs: str, run: str, megabytes: int) -> str:
    """Where there is so much, which is then claimed for this run; one decides at a time."""
    with open(f'{runs}/.memory', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # In memory if it can be: a file on a disk would be written back.
        for path in ('/dev/shm', os.environ.get('TMPDIR', '/tmp'), run):
            if executable_dir(path, megabytes, claimed(runs, run, path)):
                with open(f'{run}/memory', 'a', encoding='utf-8') as file:
                    print(megabytes, path, file=file)
                return path
    raise NoPlace(f"no place for the guests' memory: /dev/shm, TMPDIR and {run} have not "
                  f'{megabytes} MB free, or forbid to execute; set TMPDIR to a directory that does')


def prepare(args: argparse.Namespace, guests: int) -> dict[str, str]:
    return {'TMPDIR': memory_dir(f'{os.environ["CACHE"]}/run', args.run, guests * (args.memory + 64)),
            'LD_PRELOAD': args.preload}


def command(args: argparse.Namespace, name: str, words: list[str], log: int, out: int,
            keyboard: bool) -> list[str]:
    os.makedirs(f'{args.run}/uml', exist_ok=True)
    return [
        args.kernel, f'mem={args.memory}M', f'uml_dir={args.run}/uml', f'umid={name}',
        'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro',
        f'init={args.run}/guest-init.sh', 'OUT=/dev/tty1',
        'con=null', f'con0=null,fd:{log}',
        f'con1={f"fd:{out}" if keyboard else "null"},fd:{out}',
        *(['seccomp=on', f'ncpus={args.processors}'] if args.processors > 1 else []), *words,
    ]
