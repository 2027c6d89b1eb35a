# SPDX-License-Identifier: GPL-2.0-only
"""The engine uml: the guest is a process, and its root the host's by hostfs."""

import os
import shutil
import subprocess


class NoPlace(Exception):
    """There is no directory for the guest's memory."""


def executable_dir(path, megabytes):
    """Can UML keep that much memory in a file there, and map it executable?"""
    try:
        if shutil.disk_usage(path).free < megabytes << 20:
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


def memory_dir(run, megabytes):
    # In memory if it can be: a file on a disk would be written back.
    for path in ('/dev/shm', os.environ.get('TMPDIR', '/tmp'), run):
        if executable_dir(path, megabytes):
            return path
    raise NoPlace(f"no place for the guests' memory: /dev/shm, TMPDIR and {run} have not "
                  f'{megabytes} MB free, or forbid to execute; set TMPDIR to a directory that does')


def prepare(args, guests):
    return {'TMPDIR': memory_dir(args.run, guests * (args.memory + 64)),
            'LD_PRELOAD': args.preload}


def command(args, name, words, log, out, keyboard):
    os.makedirs(f'{args.run}/uml', exist_ok=True)
    return [
        args.kernel, f'mem={args.memory}M', f'uml_dir={args.run}/uml', f'umid={name}',
        'root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro',
        f'init={args.run}/guest-init.sh', 'OUT=/dev/tty1',
        'con=null', f'con0=null,fd:{log}',
        f'con1={f"fd:{out}" if keyboard else "null"},fd:{out}',
        *(['seccomp=on', f'ncpus={args.processors}'] if args.processors > 1 else []), *words,
    ]
