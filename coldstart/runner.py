"""Run the steps of a study one after another, each as the very command a user would type, and go on after a stop."""

import fcntl
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

from coldstart.dataset import write_json
from coldstart.lineage import is_complete

__all__ = ["Record", "Step", "StepFailed", "clock", "read_records", "run_steps"]

PATIENCE = 10.0  # seconds a child gets to end by itself after Ctrl-C or SIGTERM


@dataclass(frozen=True)
class Step:
    """One command of a study; `needs` names the steps whose output it reads."""

    name: str
    module: str
    overrides: tuple[str, ...]
    out: Path
    needs: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What to type into a shell to run this step alone."""
        return shlex.join(["python", "-m", self.module, *self.overrides])


class Record(TypedDict):
    """What study.json keeps of a step: its command, the seconds it took over all calls, and whether it has finished."""

    command: str
    seconds: float
    calls: int
    done: bool


class StepFailed(Exception):
    """A step's command ended with `code` (not 0); the message says which and how to go on."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def clock(seconds: float) -> str:
    """Seconds as `m:ss`, or `h:mm:ss` from an hour on; 0 stands for a step that was complete before it was timed."""
    if not seconds:
        return "not timed"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def read_records(out: Path) -> dict[str, Record]:
    """The steps recorded in `out`/study.json so far, by name."""
    try:
        records: dict[str, Record] = json.loads((out / "study.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # only timings are lost: what is complete is known from each folder's card
    return records


def run_steps(steps: Sequence[Step], out: Path) -> dict[str, Record]:
    """Run `steps` in order and return their records.

    A step is skipped when it finished under this very command and nothing it needs was run again; any other is called,
    and a command whose folder is already complete returns at once.

    Raises:
        StepFailed: a command ended with an exit code other than 0.
    """
    records = read_records(out)
    called: set[str] = set()
    with _alone(out) as lock:
        for number, step in enumerate(steps, start=1):
            record = records.get(step.name)
            header = f"[{number}/{len(steps)}] {step.name}"
            complete = is_complete(step.out)
            same = record is not None and record["done"] and record["command"] == step.command
            if record and same and complete and not called & set(step.needs):
                print(f"{header}: already complete ({clock(record['seconds'])})", flush=True)
                continue
            print(f"\n{header}\n  {step.command}", flush=True)
            called.add(step.name)
            # A step that was cut short goes on, so its earlier seconds count; one that is complete is only looked at.
            before = record["seconds"] if record and (complete or not record["done"]) else 0.0
            calls = record["calls"] if record and before else 0
            begun = time.monotonic()
            entry: Record = {"command": step.command, "seconds": before, "calls": calls + 1, "done": False}
            try:
                code = _call([sys.executable, "-m", step.module, *step.overrides], lock)
                entry["done"] = code == 0
            finally:
                if not complete:
                    entry["seconds"] = round(before + time.monotonic() - begun, 1)
                records[step.name] = entry
                write_json(out / "study.json", records)
            if code:
                raise StepFailed(_failure(number, len(steps), step.name, code), code if code > 0 else 128 - code)
    return records


def _failure(number: int, total: int, name: str, code: int) -> str:
    how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
    return (
        f"step {number}/{total} '{name}' {how} (what it said is above); "
        "put it right and run the same command again: finished steps are kept"
    )


def _call(argv: list[str], lock: IO[str]) -> int:
    """Run a child on our terminal and return its exit code; if we are stopped, it is too."""
    child = subprocess.Popen(argv, pass_fds=(lock.fileno(),))
    try:
        return child.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):  # Ctrl-C in a terminal has reached the child as well
            child.wait(PATIENCE)
        raise
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextmanager
def _alone(out: Path) -> Iterator[IO[str]]:
    """Hold the study's lock. Children inherit it, so a step that a killed study left behind is waited for."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{out}: another call, or a step it left behind, is still at work here; waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
