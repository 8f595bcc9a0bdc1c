"""Make the steps of a study, several at a time, and go on with the others when one fails."""

import errno
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from coldstart.lineage import is_complete
from coldstart.progress import clock
from coldstart.runner import PATIENCE
from coldstart.study.making import Children, Record, last_line, make, read_record
from coldstart.study.steps import Step

__all__ = ["TICK", "Progress", "check_disk", "failure", "run", "state"]

TICK = 30.0  # seconds between two lines about a long step
FULL = 2**24  # bytes; with less left, a disk counts as full


def state(step: Step, record: Record | None) -> str:
    """`done`, `failed`, or `missing`: not yet made."""
    if is_complete(step.out):
        return "done"
    return "failed" if record and record["code"] else "missing"


def failure(record: Record) -> str:
    """Why a step failed, in one line."""
    code = record["code"] or 0
    if code == -9:
        return "was killed (signal 9): most likely the memory was full; try parallel=1, or a smaller batch"
    how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
    return f"{how}: {record['said']}" if record["said"] else how


def run(steps: Sequence[Step], parallel: int, finished: Callable[[Step], str] = lambda step: "") -> None:
    """Make `steps`, each once what it needs is made; `finished` gives a step's note for its line of progress.

    What needs a failed step is left out. What was failed before is tried again.

    Raises:
        OSError: the disk is full.
        KeyboardInterrupt, SystemExit: we were stopped; so were the children.
    """
    children = Children(None if parallel == 1 else max(1, (os.cpu_count() or 1) // parallel))
    waiting = [step for step in steps if not is_complete(step.out)]
    progress = Progress(steps, waiting, parallel)
    done = {step.id for step in steps} - {step.id for step in waiting}
    pool, running = ThreadPoolExecutor(parallel), dict[Future[Record], Step]()
    try:
        while waiting or running:
            for step in [s for s in waiting if done.issuperset(s.needs)][: parallel - len(running)]:
                waiting.remove(step)
                running[pool.submit(make, step, children)] = step
                progress.begin(step)
            if not running:
                break  # all that is left needs what failed
            ended, _ = wait(running, timeout=TICK, return_when=FIRST_COMPLETED)
            if not ended:
                progress.tick()
            for future in ended:
                step = running.pop(future)
                record = future.result()
                if is_complete(step.out):
                    done.add(step.id)
                progress.end(step, record, finished(step))
                check_disk(step.out.parent, record)
    except KeyboardInterrupt:
        children.stop(PATIENCE)  # Ctrl-C in a terminal has reached them as well
        raise
    finally:
        children.stop()
        pool.shutdown(cancel_futures=True)


def check_disk(folder: Path, record: Record) -> None:
    """Stop at a step that failed because the disk is full: all others would fail too.

    Raises:
        OSError: it is.
    """
    if not record["code"]:
        return
    if os.strerror(errno.ENOSPC) in (record["said"] or "") or shutil.disk_usage(folder).free < FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


class Progress:
    """Lines that say what is done, and about how long the rest takes."""

    def __init__(self, steps: Sequence[Step], waiting: Sequence[Step], parallel: int) -> None:
        self.total, self.left, self.parallel = len(steps), list(waiting), parallel
        self.begun: dict[str, float] = {}
        self.known: dict[str, list[float]] = {}
        for step in steps:
            record = read_record(step)
            if record and is_complete(step.out) and record["seconds"]:
                self.known.setdefault(step.module, []).append(record["seconds"])
        made = self.total - len(self.left)
        print(f"{self.total} steps, {made} of them made already{self._estimate()}", flush=True)

    def begin(self, step: Step) -> None:
        """Say that a step begins."""
        self.begun[step.id] = time.monotonic()
        print(f"{self._where()} {step.name} …", flush=True)

    def tick(self) -> None:
        """What the running steps said last."""
        for step in self.left:
            if step.id in self.begun and (said := last_line(step.log)):
                print(f"{self._where()} {step.name}: {said}", flush=True)

    def end(self, step: Step, record: Record, note: str) -> None:
        """Say how a step ended."""
        self.left.remove(step)
        if record["code"]:
            print(f"{self._where()} {step.name} FAILED, {failure(record)} ({step.log})", file=sys.stderr, flush=True)
            return
        self.known.setdefault(step.module, []).append(record["seconds"])
        took = f" in {clock(record['seconds'])}" if record["calls"] else ""
        print(f"{self._where()} {step.name} done{took}{f', {note}' if note else ''}{self._estimate()}", flush=True)

    def _where(self) -> str:
        return f"[{self.total - len(self.left)}/{self.total}]"

    def _estimate(self) -> str:
        """Time left, by what steps of the same command took; nothing if one of them is not known yet."""
        if not self.left or any(step.module not in self.known for step in self.left):
            return ""
        now = time.monotonic()
        means: Mapping[str, float] = {module: statistics.fmean(seconds) for module, seconds in self.known.items()}
        rest = [means[s.module] - (now - self.begun[s.id] if s.id in self.begun else 0) for s in self.left]
        return f"; about {clock(sum(max(0.0, seconds) for seconds in rest) / self.parallel)} left"
