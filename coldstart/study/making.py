"""Make one step of a study: call its command unless its folder is complete, and keep how that went."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypedDict

from coldstart.dataset import write_json
from coldstart.errors import UserError
from coldstart.lineage import is_complete
from coldstart.runner import end
from coldstart.study.steps import Step

__all__ = ["Children", "Record", "Stopped", "last_line", "make", "read_record"]


class Record(TypedDict):
    """How a step went: `seconds` over all calls that made something, `code` of the last one (None: not yet ended) and,
    if it failed, the last line that it said."""

    command: str
    seconds: float
    calls: int
    code: int | None
    said: str | None


class Stopped(Exception):
    """The study is being stopped."""


class Children:
    """The commands that are running, so that they end with us; `threads`: how many each may use, None for all."""

    def __init__(self, threads: int | None = None) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.guard = threading.Lock()
        self.stopping = threading.Event()
        limit = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
        self.environment = {**os.environ, **limit}

    def call(self, step: Step, log: IO[bytes]) -> int:
        """Run a step's command, all that it says into `log`; return its exit code."""
        argv = [sys.executable, "-m", step.module, *step.overrides]
        with self.guard:
            if self.stopping.is_set():
                raise Stopped
            child = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, env=self.environment)
            self.running[step.id] = child
        try:
            return child.wait()
        finally:
            with self.guard:
                del self.running[step.id]

    def stop(self, patience: float = 0.0) -> None:
        """Start no more, and end what runs, first by waiting `patience` seconds for it to end by itself."""
        self.stopping.set()
        with self.guard:
            children = list(self.running.values())
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(child.poll() is None for child in children):
            time.sleep(0.05)
        end(children)


def read_record(step: Step) -> Record | None:
    """How the step went so far, None if it was never called."""
    try:
        record: Record = json.loads(step.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # only timings are lost: what is complete is known from the folder's card
    return record


def make(step: Step, children: Children) -> Record:
    """Make `step` unless it is complete. Another study that makes the same, or a child it left behind, is waited for.

    Raises:
        Stopped: `children` are being stopped.
    """
    step.out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(step.log, children) as log:
        before = read_record(step)
        seconds, calls = (before["seconds"], before["calls"]) if before else (0.0, 0)
        if is_complete(step.out):  # what a killed study's child completed was not timed to its end
            return before or {"command": step.command, "seconds": 0.0, "calls": 0, "code": 0, "said": None}
        start, begun = log.tell(), time.monotonic()
        code = children.call(step, log)
        stopped = children.stopping.is_set()  # then its exit code says nothing about the step
        record: Record = {
            "command": step.command,
            "seconds": round(seconds + time.monotonic() - begun, 1),
            "calls": calls + 1,
            "code": None if stopped else code,
            "said": last_line(step.log, start) if code and not stopped else None,
        }
        with suppress(UserError):  # a full disk: seen by who called us, by what the step said
            write_json(step.record, record)
        return record


def last_line(log: Path, start: int = 0) -> str | None:
    """The last line of a log behind `start` bytes, None if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


@contextmanager
def _alone(log: Path, children: Children) -> Iterator[IO[bytes]]:
    """The step's log, locked. Children inherit it, so that one which a killed study left behind is waited for."""
    with log.open("ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if children.stopping.wait(0.5):
                    raise Stopped from None
        yield handle
