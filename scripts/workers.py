# SPDX-License-Identifier: GPL-2.0-only
"""Processes that do jobs side by side, and that can be ended at any moment.

Each has a pipe of its own, and nothing is shared: no lock, no queue.  With a shared
queue, as multiprocessing's pool has it, a worker that is ended while it holds the
queue's lock leaves all others waiting for it for ever.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import traceback
from multiprocessing.connection import Connection, wait
from typing import Any, Callable, Iterable, Iterator

# How long one that was told to end may take for it, in seconds
GRACE = 60
SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


class WorkerDied(Exception):
    """It ended without a result."""


class Worker:
    """A process, and our end of its pipe."""

    def __init__(self, number: int, begin: Callable[[int], Callable[[Any], Any]],
                 others: list[Connection]) -> None:
        # fork: begin() may be anything, and costs nothing to hand over.
        context = multiprocessing.get_context('fork')
        self.pipe, theirs = context.Pipe()
        self.busy = False
        self.process = context.Process(target=self._run, args=(
            number, begin, theirs, [*others, self.pipe]))
        # It has to be ready for them first.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    @staticmethod
    def _run(number: int, begin: Callable[[int], Callable[[Any], Any]], pipe: Connection,
             not_ours: list[Connection]) -> None:
        # From the keyboard a signal is for our parent, which tells us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

        def terminated(*_: object) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            sys.exit(143)           # by way of finally, where guests are killed
        signal.signal(signal.SIGTERM, terminated)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        # Our end of the pipe is to end with our parent, and no sooner.
        for other in not_ours:
            other.close()
        # If our parent has closed the pipe, it does not want to know.
        with contextlib.suppress(BrokenPipeError):
            try:
                work = begin(number)
                while (job := Worker._next(pipe)) is not None:
                    pipe.send((True, work(*job)))
            except BrokenPipeError:
                raise
            except Exception as why:    # pylint: disable=broad-exception-caught
                pipe.send((False, (why, traceback.format_exc())))

    @staticmethod
    def _next(pipe: Connection) -> Any:
        """A job in a tuple, or None if there are no more."""
        try:
            return pipe.recv()
        except (EOFError, ConnectionResetError):
            return None

    def give(self, job: Any) -> None:
        self.busy = True
        self.pipe.send((job,))

    def take(self) -> Any:
        """The result; what was raised there is raised here."""
        try:
            good, result = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            raise WorkerDied(f'a worker ended with status {self.process.exitcode}') from None
        self.busy = False
        if not good:
            why, trace = result
            raise why from RuntimeError(trace)
        return result


class Workers:
    """So many processes.  begin(number), in the process, gives what does its jobs."""

    def __init__(self, number: int, begin: Callable[[int], Callable[[Any], Any]]) -> None:
        self._workers: list[Worker] = []
        try:
            for each in range(number):
                self._workers.append(Worker(each, begin, [other.pipe for other in self._workers]))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def results(self, jobs: Iterable[Any]) -> Iterator[Any]:
        """The result of each job, as they come.  Whoever has one gets the next job."""
        left = iter(jobs)

        def give(worker: Worker) -> None:
            for job in left:
                worker.give(job)
                break

        for worker in self._workers:
            give(worker)
        while busy := {worker.pipe: worker for worker in self._workers if worker.busy}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]
                result = worker.take()
                give(worker)
                yield result

    def close(self) -> None:
        """End all.  Who has nothing to do ends by itself, who is at work by a signal."""
        for worker in self._workers:
            if worker.busy:
                worker.process.terminate()
            else:
                try:
                    worker.pipe.send(None)
                except OSError:
                    pass            # it has ended already
            # Nobody reads any more: who is about to send a result must not wait for that.
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(GRACE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers = []
