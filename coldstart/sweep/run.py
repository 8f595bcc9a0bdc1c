"""Run a sweep: its trials side by side, each a process, until there are enough; a stopped sweep goes on."""

import json
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing

from optuna.trial import FrozenTrial, TrialState

from coldstart import lineage
from coldstart.errors import UserError
from coldstart.progress import clock
from coldstart.sweep import page
from coldstart.sweep.plan import Plan
from coldstart.sweep.study import Study
from coldstart.sweep.trials import Ended, Job, alone, run_jobs, said, threads_each

__all__ = ["sweep"]

PAGE_EVERY = 20.0  # seconds, at least, between two writings of the page, which takes one


def sweep(plan: Plan) -> None:
    """Run what is left of a sweep into `plan.out`: study.db, trials/, sweep.html and sweep.json.

    A trial that fails is marked so, and the rest goes on. SIGTERM and Ctrl-C end the running trials, which save where
    they are; the same command goes on there.

    Raises:
        UserError: `out` holds another sweep, or not one trial succeeded.
    """
    lineage.claim(plan.out, f"{plan.module} --multirun", plan.card(), plan.checked.parents, extends=("n_trials",))
    (plan.out / "trials").mkdir(exist_ok=True)
    at_once = plan.settings.n_jobs
    threads = threads_each(at_once)
    with alone(plan.out) as lock:
        running = Running(plan)
        _stop_on_signals()
        print(_introduction(plan, at_once, threads), flush=True)
        environment = {"OMP_NUM_THREADS": str(threads)}
        written = time.monotonic()
        try:
            with closing(run_jobs(running.jobs(), at_once, environment, lock)) as ended:
                for one in ended:
                    running.conclude(one)
                    if time.monotonic() - written > PAGE_EVERY:
                        page.write(plan, running.study)
                        written = time.monotonic()
        finally:
            path = page.write(plan, running.study)
        if not running.study.ranked():
            failures = [t.user_attrs["failure"] for t in running.study.trials(TrialState.FAIL)]
            raise UserError(f"all {len(failures)} trials failed, the first: {failures[0]}; see {plan.out / 'trials'}")
        lineage.complete(plan.out)
    print(f"\n{page.table(plan, running.study)}\n\n{page.remark(plan, running.study)}\npage: {path.resolve()}")


class Running:
    """The trials of `plan`, as its study on disk knows them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.study = Study(plan.out, plan.goal, plan.space, plan.settings.seed)
        self.study.plan(plan.first)
        self.resumed: set[int] = set()

    def jobs(self) -> Iterator[Job]:
        """What is to run: first the trials that were cut short, then new ones."""
        for trial in self.study.left():
            self.resumed.add(trial.number)
            yield self._job(trial, "goes on")
        # A grid is tried whole, even if Optuna had drawn a combination twice before the sweep grew into it.
        while self.study.waits() or len(self.study.trials()) < self.plan.total:
            yield self._job(self.study.ask(), "begins")

    def _job(self, trial: FrozenTrial, how: str) -> Job:
        print(f"trial {trial.number} {how}: {page.values(self.plan, trial)}", flush=True)
        argv = (sys.executable, *self.plan.command(trial.number, trial.params))
        return Job(trial.number, argv, self.plan.folder(trial.number).with_suffix(".log"))

    def conclude(self, ended: Ended) -> None:
        """Note what came of a trial, and say it."""
        trial = self.study.trials()[ended.job.number]
        seconds = None if trial.number in self.resumed else ended.seconds
        name = self.plan.goal.measure
        try:
            if ended.code:
                raise UserError(said(ended))
            value = self._value(trial.number)
        except UserError as error:
            self.study.tell(trial, None, seconds, str(error))
            print(f"trial {trial.number} failed: {error}", flush=True)
            return
        self.study.tell(trial, value, seconds)
        best = self.study.ranked()[0]
        other = f"the best is {best.value:.4f} of trial {best.number}"
        note = "the best so far" if best.number == trial.number else other
        print(f"trial {trial.number} ended: {name} {value:.4f} ({clock(ended.seconds)}); {note}", flush=True)

    def _value(self, number: int) -> float:
        folder, goal = self.plan.folder(number), self.plan.goal
        try:
            best = json.loads((folder / goal.file).read_text(encoding="utf-8"))["best"]
        except (OSError, ValueError, KeyError):
            raise UserError(f"{folder / goal.file}: no {goal.measure} was measured") from None
        value = goal.value(lineage.read_card(folder)["config"], best)
        if not math.isfinite(value):
            raise UserError(f"{goal.measure} is not a finite number ({value})")
        return value


def _introduction(plan: Plan, at_once: int, threads: int) -> str:
    goal = plan.goal
    kind = "every combination" if len(plan.first) == plan.total and plan.usual is None else "chosen by Optuna"
    beside = f"{at_once} at a time, each on {threads} thread{'s' if threads > 1 else ''}"
    spans = "\n".join(f"  {d.key}: {d.text}" for d in plan.space)
    compared = f"compared by {goal.measure} on {len(plan.checked.held)} {goal.on}"
    return f"{plan.total} trials, {kind}, {beside}, {compared}:\n{spans}"


def _stop_on_signals() -> None:
    """SIGTERM and a closed terminal become exceptions, after which running trials are ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda received, _: sys.exit(128 + received))
