# SPDX-License-Identifier: GPL-2.0-only
"""The machine that the lab works on: words to the user, an environment for what is
started, programs and their ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import IO, Iterable, Iterator, Mapping, NoReturn, Sequence

from exits import BROKEN

# make's own variables must not reach the kernel's makefiles; nor what a kernel developer
# has set for kernels of his own.  What the user says to them is in KBUILD_WORDS.
UNSET = ('MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL GNUMAKEFLAGS '
         'ARCH SUBARCH CROSS_COMPILE KBUILD_OUTPUT KBUILD_EXTMOD KCFLAGS KBUILD_VERBOSE V O M C W '
         'LLVM LLVM_IAS CC LD AR NM OBJCOPY OBJDUMP READELF STRIP PAHOLE CHECK CF HOSTCC HOSTCXX '
         'HOSTCFLAGS HOSTLDFLAGS CFLAGS CPPFLAGS LDFLAGS KCPPFLAGS '
         'KBUILD_EXTRA_SYMBOLS KBUILD_MODPOST_WARN INSTALL_MOD_STRIP '
         'KCONFIG_CONFIG KCONFIG_ALLCONFIG LOCALVERSION INSTALL_PATH INSTALL_MOD_PATH '
         'INSTALL_HDR_PATH').split()


class Broken(Exception):
    """The lab cannot do its work: why, and what to do about it."""

    def __init__(self, why: str, *hints: str) -> None:
        super().__init__(why)
        self.hints = hints

    def tell(self) -> None:
        """Say it to the user."""
        say(f'error: {self}')
        for hint in self.hints:
            print(f'     {hint}', file=sys.stderr)


class Ended(Exception):
    """A part of the lab ended with this exit status, and has said why."""

    def __init__(self, status: int) -> None:
        super().__init__(f'exit status {status}')
        self.status = status


def say(text: str) -> None:
    """To stderr: what a program prints on stdout is its answer."""
    print(f'lab: {text}', file=sys.stderr, flush=True)


def settle() -> None:
    """Make what is started independent of the user's locale, umask and settings."""
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ['LC_ALL'] = 'C'
    os.environ['PATH'] = os.environ.get('PATH', '/usr/bin:/bin') + ':/usr/sbin:/sbin'
    # A checkout or a kernel tree may be somebody else's, as for root in a container.
    # git fears what such a repository may have it run; we run its makefiles anyway.
    os.environ.update(GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0='safe.directory', GIT_CONFIG_VALUE_0='*')
    os.umask(0o022)


def jobs() -> int:
    """make -jN; without it, one a processor."""
    return int(os.environ.get('LAB_JOBS') or processors())


def processors() -> int:
    """Of the host, those that we may use."""
    return len(os.sched_getaffinity(0))


def took(start: float) -> str:
    """How long a step took that began at this time.monotonic()."""
    return f'{time.monotonic() - start:.0f} s'


def first_line(*command: str) -> str:
    """The first line that a command prints, such as a version."""
    return answer(*command).partition('\n')[0]


def answer(*command: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> str:
    """What a command prints, without the last line's end.  It has to end well."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          env=None if env is None else {**os.environ, **env}, cwd=cwd, check=False)
    if done.returncode:
        check_status(command, done.returncode)
    return done.stdout.rstrip('\n')


def check_status(command: Sequence[str], status: int) -> NoReturn:
    """A command of the lab's own did not end well: that is no test that failed."""
    if status < 0 or status >= 128:
        raise Ended(128 - status if status < 0 else status)
    if status == BROKEN:
        raise Ended(status)
    raise Broken(f"'{' '.join(command)}' ended with exit status {status}")


def run(*command: str, cwd: str | None = None, env: Mapping[str, str] | None = None) -> None:
    """A command that has to end well."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, cwd=cwd, check=False,
                          env=None if env is None else {**os.environ, **env})
    if done.returncode:
        check_status(command, done.returncode)


def succeeds(*command: str) -> bool:
    """Does the command end well?  What it prints is not shown."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextlib.contextmanager
def signals_to(child: list[int]) -> Iterator[None]:
    """Hand on what ends us to the process in child; from the keyboard it has that, too."""
    def hand_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            if child:
                os.kill(child[0], number)
    before = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, hand_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def call(command: Sequence[str], env: Mapping[str, str] | None = None,
         stdout: IO[str] | None = None) -> int:
    """The exit status of a command that has our terminal; 128 and more for a signal.

    Whoever ends us ends it.  It inherits the descriptors that are inheritable.
    """
    child: list[int] = []
    sys.stdout.flush()
    with signals_to(child):
        actions = [(os.POSIX_SPAWN_DUP2, stdout.fileno(), 1)] if stdout else []
        child.append(os.posix_spawnp(command[0], list(command), os.environ if env is None else env,
                                     file_actions=actions))
        status = os.waitstatus_to_exitcode(os.waitpid(child[0], 0)[1])
        child.clear()
    return 128 - status if status < 0 else status


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end us by way of each finally."""
    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


def no_network(log: str) -> bool:
    """Is that what apt-get complains about in this text?  One source of several may be
    gone, and is not the network."""
    import re  # pylint: disable=import-outside-toplevel
    return not re.search('^(Hit|Get):', log, re.M) and bool(re.search(
        'Could not (resolve|connect)|Temporary failure|Unable to connect|Network is unreachable|'
        'Connection (timed out|failed|refused)', log))


def with_context(lines: Iterable[str], pattern: str, after: int) -> list[str]:
    """As grep -A: the lines that match, and so many after each."""
    import re  # pylint: disable=import-outside-toplevel
    wanted = re.compile(pattern)
    found: list[str] = []
    left = last = 0
    for number, line in enumerate(lines, start=1):
        hit = wanted.search(line)
        left = after + 1 if hit else left
        if left:
            if found and number != last + 1:
                found.append('--')
            found.append(line)
            left, last = left - 1, number
    return found


def yaml_python() -> str:
    """The name of a Python that has yaml, for the lab's own tests: the user's or Debian's."""
    for name in ('python3', '/usr/bin/python3'):
        if succeeds(name, '-c', 'import yaml'):
            return name
    raise Broken('there is no Python with yaml')
