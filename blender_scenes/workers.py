"""Processes that share out scenes: recycled, watched, and replaced by a fresh one when they die, hang or fail.

The pools of the standard library break as a whole when one process dies, so a small supervisor with one pipe per
process does it here. Processes are spawned, not forked: each has a Blender of its own. A worker follows its parent:
once that is gone, however it ended, it ends itself within moments.
"""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from blender_scenes.config import RenderConfig
from coldstart.errors import UserError

__all__ = ["RECYCLE_AFTER", "Failure", "Outcome", "Start", "attempt", "few_cores", "renderer", "run"]

T = TypeVar("T")
Start = Callable[[], Callable[[int], T]]

RECYCLE_AFTER = 100  # scenes; then a fresh process takes over, whatever Blender has kept in memory
START = 300.0  # seconds a process may take to start, if `timeout` is not longer
PATIENCE = 10.0  # seconds a process gets to end by itself when there is nothing left to do


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of scene `index`: its `result`, or in `failure` why there is none."""

    index: int
    result: T | None = None
    failure: str = ""


def renderer(config: RenderConfig, threads: int) -> Callable[[int], int]:
    """What each worker starts with: a Blender of its own, ready to render scenes of `config`."""
    with few_cores(threads):
        from blender_scenes.renderer import Renderer  # needs Blender, which the parent of worker processes does without

    return Renderer(config, threads).render


@contextmanager
def few_cores(count: int) -> Iterator[None]:
    """Let Blender, imported in here, count `count` cores, where the system can tell it so.

    While it is imported, its task scheduler (oneTBB) sizes its pool by the cores that the process may use, not by the
    threads we ask for later, and threads of the pool that are left without work spin: each worker would burn a second
    core, mostly in sched_yield.
    """
    if not hasattr(os, "sched_setaffinity"):  # Linux has it
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Failure(str):
    """Why a scene has no result, in one line."""


def attempt(make: Callable[[], T]) -> T | Failure | UserError:
    """What `make` returns, or what it raised in a form that travels between processes."""
    try:
        return make()
    except UserError as error:
        return error
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())
        return Failure(f"{type(error).__name__}: {text} at {Path(place.filename).name}:{place.lineno}")


def run(start: Start[T], todo: Iterable[int], *, workers: int, retries: int, timeout: float) -> Iterator[Outcome[T]]:
    """Have `workers` processes work on the scenes of `todo`; yields an outcome for each, in the order they finish.

    Each process calls `start` once (picklable) and what that returns for every scene. A scene whose process dies, takes
    longer than `timeout` seconds (0 = as long as it likes) or raises is tried again in a fresh process, `retries`
    times. Closing the iterator ends the processes at once.

    Raises:
        UserError: a process raised it, or processes keep dying before they have started.
    """
    queue, again = deque(todo), deque[tuple[int, int]]()
    crew: list[_Worker] = []
    leaving: list[_Worker] = []
    stillborn = 0
    with tempfile.TemporaryDirectory(prefix="coldstart-", ignore_cleanup_errors=True) as scratch:
        try:
            while queue or again or any(w.busy for w in crew):
                wanted = sum(w.busy for w in crew) + len(queue) + len(again)
                while len(crew) < min(workers, wanted):
                    crew.append(_Worker(start, scratch, timeout))
                for worker in _heard(crew):
                    message = worker.hear()
                    if isinstance(message, UserError):
                        raise message
                    if not isinstance(message, Failure):
                        stillborn = 0
                        if worker.busy:
                            yield Outcome(worker.index, message)
                        if again and not worker.busy:  # what failed goes to a process that has just started
                            worker.give(*again.popleft())
                        elif queue and worker.scenes < RECYCLE_AFTER:
                            worker.give(queue.popleft(), 0)
                        else:
                            crew.remove(worker)
                            leaving.append(worker)
                            worker.pipe.close()
                        continue
                    crew.remove(worker)
                    worker.end()
                    if worker.busy and worker.attempt < retries:
                        again.append((worker.index, worker.attempt + 1))
                    elif worker.busy:
                        yield Outcome(worker.index, failure=str(message))
                    else:
                        stillborn += 1
                        if stillborn > retries:
                            raise UserError(f"workers: the processes end before they have started ({message})")
            for worker in leaving:
                worker.process.join(PATIENCE)
        finally:
            for worker in [*crew, *leaving]:
                worker.end()


class _Worker:
    """One process, seen from its parent. `attempt` counts how often its scene has been tried before."""

    def __init__(self, start: Start[Any], scratch: str, timeout: float) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, start, scratch), daemon=True)
        self.process.start()
        theirs.close()  # so that we hear when the process ends
        self.busy, self.index, self.attempt, self.scenes = False, -1, 0, 0
        self.timeout, self.since = timeout, time.monotonic()

    def give(self, index: int, attempt: int) -> None:
        """Hand it a scene."""
        self.busy, self.index, self.attempt = True, index, attempt
        self.scenes += 1
        self.since = time.monotonic()
        with suppress(OSError):  # it has just died, as `hear` will find
            self.pipe.send(index)

    @property
    def left(self) -> float | None:
        """Seconds it may still take for its scene or its start."""
        allowed = self.timeout if self.busy else max(self.timeout, START)
        return max(0.0, self.since + allowed - time.monotonic()) if self.timeout else None

    def end(self) -> None:
        """End it at once, if it has not ended by itself."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def hear(self) -> Any:
        """Its message: what it made, a `Failure`, or a `UserError`."""
        if not self.pipe.poll():
            what = f"scene_timeout={self.timeout:g} s" if self.busy else "a start may"
            return Failure(f"took longer than {what}")
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            return Failure(f"its process {how}")


def _heard(crew: list[_Worker]) -> list[_Worker]:
    """The workers that have said something, ended, or are over their time; waits for the first."""
    times = [w.left for w in crew if w.left is not None]
    ready = wait([w.pipe for w in crew], min(times, default=None))
    return [w for w in crew if w.pipe in ready or w.left == 0]


def _serve(pipe: "Connection[Any, Any]", start: Start[Any], scratch: str) -> None:
    """A worker's life: says None when it is ready, then answers each scene with what it made of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ["TMPDIR"] = tempfile.tempdir = scratch  # what a killed worker leaves there, its parent removes
    perform = attempt(start)
    if isinstance(perform, Failure | UserError):
        pipe.send(perform)
        return
    pipe.send(None)
    for index in _orders(pipe):
        pipe.send(attempt(partial(perform, index)))


def _orders(pipe: "Connection[Any, Any]") -> Iterator[int]:
    with suppress(EOFError):  # the parent has no more
        while True:
            yield pipe.recv()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
