"""Trials as processes: so many at a time, each the command that a user would type, with a log of what it said."""

import fcntl
import os
import shlex
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from coldstart.runner import end

__all__ = ["Ended", "Job", "alone", "run_jobs", "said", "threads_each"]

PAUSE = 0.1  # seconds between two looks at the running ones
TAIL = 20_000  # bytes of a log that are searched for an error


@dataclass(frozen=True)
class Job:
    """A trial's number, its command, and the file that what it says is added to."""

    number: int
    argv: tuple[str, ...]
    log: Path


class Ended(NamedTuple):
    """A job that ended after `seconds`; `code` is its exit code, negative for a signal."""

    job: Job
    code: int
    seconds: float


def threads_each(at_once: int) -> int:
    """Threads for each of so many trainings at a time, of those that a training alone would have on this machine."""
    import torch

    return max(1, torch.get_num_threads() // at_once)


def run_jobs(
    jobs: Iterator[Job], at_once: int, environment: Mapping[str, str], lock: IO[str]
) -> Generator[Ended, None, None]:
    """Run `jobs`, at most `at_once` at a time, and yield them as they end.

    The next job is asked for when there is room for it, after those that ended were yielded. Children inherit `lock`.
    They are in sessions of their own, so that Ctrl-C reaches them through us alone; closing this generator ends them,
    with time to save where they are.
    """
    running: dict[subprocess.Popen[bytes], tuple[Job, float]] = {}
    more = True
    try:
        while more or running:
            while more and len(running) < at_once:
                job = next(jobs, None)
                if job is None:
                    more = False
                else:
                    running[_start(job, environment, lock)] = job, time.monotonic()
            for child in [child for child in running if child.poll() is not None]:
                job, begun = running.pop(child)
                yield Ended(job, child.returncode, time.monotonic() - begun)
            if running:
                time.sleep(PAUSE)
    finally:
        end(running)


def _start(job: Job, environment: Mapping[str, str], lock: IO[str]) -> subprocess.Popen[bytes]:
    with job.log.open("ab") as log:
        log.write(f"$ {shlex.join(job.argv)}\n".encode())
        log.flush()
        return subprocess.Popen(
            job.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )


def said(ended: Ended) -> str:
    """Why a job failed: its own error line, else how it ended and the last it said."""
    with ended.job.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL))
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    lines = lines[max((i + 1 for i, line in enumerate(lines) if line.startswith("$ ")), default=0) :]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return errors[-1]
    how = f"ended by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    return f"{how}: {lines[-1]}" if lines else how


@contextmanager
def alone(out: Path) -> Iterator[IO[str]]:
    """Hold the lock of the sweep in `out`. Trials inherit it, so that those a killed sweep left are waited for."""
    with (out / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{out}: another call, or a trial that it left, is still at work here; waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
