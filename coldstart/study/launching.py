"""Make the steps of a study by one of Hydra's launchers: on a Slurm or Ray cluster, or by processes of this machine."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from coldstart.dataset import write_json
from coldstart.lineage import is_complete
from coldstart.overrides import override
from coldstart.runner import end
from coldstart.study.config import StudyConfig
from coldstart.study.making import Record, read_record
from coldstart.study.running import TICK, Progress, check_disk
from coldstart.study.step import plain
from coldstart.study.steps import Step

__all__ = ["run"]


def run(steps: Sequence[Step], config: StudyConfig, finished: Callable[[Step], str] = lambda step: "") -> None:
    """Make `steps` in waves, each one sweep of `coldstart.study.step`; see `running.run`.

    Raises:
        OSError: the disk is full.
        KeyboardInterrupt, SystemExit: we were stopped; jobs of a cluster may go on.
    """
    waiting = [step for step in steps if not is_complete(step.out)]
    progress = Progress(steps, waiting, 1)
    done = {step.id for step in steps} - {step.id for step in waiting}
    while wave := [step for step in waiting if done.issuperset(step.needs)]:
        waiting = [step for step in waiting if step not in wave]
        _sweep(wave, config, progress)
        for step in wave:
            done |= {step.id} if is_complete(step.out) else set()
            record = read_record(step) or lost(step)
            progress.end(step, record, finished(step))
            check_disk(step.out.parent, record)


def _sweep(wave: Sequence[Step], config: StudyConfig, progress: Progress) -> None:
    """One job a step, and wait until all of them have ended."""
    cache = Path(config.cache)
    names = ",".join(step.id for step in wave)
    # Of this wave alone: another study may share the cache while its jobs wait in a queue.
    steps = cache / f"steps-{hashlib.sha256(names.encode()).hexdigest()[:16]}.json"
    write_json(steps, {step.id: plain(step) for step in wave})
    for step in wave:
        progress.begin(step)
    argv = [sys.executable, "-m", "coldstart.study.step", "--multirun", f"hydra/launcher={config.launcher}"]
    argv += [override("hydra.sweep.dir", cache / "launcher"), *config.launcher_overrides]
    argv += [override("steps", steps), f"step={names}"]
    child = subprocess.Popen(argv)
    try:
        while child.poll() is None:
            try:
                child.wait(TICK)
            except subprocess.TimeoutExpired:
                progress.tick()
    finally:
        end([child])


def lost(step: Step) -> Record:
    """What is known of a step whose job left nothing behind."""
    code = 0 if is_complete(step.out) else 1
    said = "its job left no record; see the launcher's logs" if code else None
    return {"command": step.command, "seconds": 0.0, "calls": 1, "code": code, "said": said}
