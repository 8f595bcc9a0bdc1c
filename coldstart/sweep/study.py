"""The study on disk: what was tried, what came of it, and what to try next, by Optuna (arXiv 1907.10902)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from coldstart.errors import UserError
from coldstart.sweep.goal import Goal
from coldstart.sweep.space import Dimension

__all__ = ["Study"]

FILE = "study.db"


class Study:
    """The trials of one sweep, in the SQLite file study.db of `out`.

    What is tried next follows from the seed, the trial's number and what the trials before it gave: a sweep that was
    stopped goes on as if it had not been, if one trial at a time runs.
    """

    def __init__(self, out: Path, goal: Goal, space: Sequence[Dimension], seed: int) -> None:
        self.file, self.space, self.seed = out / FILE, space, seed
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            with self._readable():
                self.study = optuna.create_study(
                    storage=f"sqlite:///{self.file}", study_name="sweep", direction=goal.direction, load_if_exists=True
                )
        except RuntimeError as error:  # of another version of Optuna
            raise UserError(f"{self.file}: {str(error).splitlines()[0]}") from None

    def plan(self, configs: Iterable[Mapping[str, Any]]) -> None:
        """Try these first, each once."""
        with self._readable():
            for params in configs:
                self.study.enqueue_trial(dict(params), skip_if_exists=True)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Those in these states, by number; all that were begun without any."""
        wanted = states or (TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAIL)
        with self._readable():
            return self.study.get_trials(states=wanted)

    def ranked(self) -> list[FrozenTrial]:
        """Those that were measured, the best first; of equals the earlier."""
        sign = -1 if self.study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
        return sorted(self.trials(TrialState.COMPLETE), key=lambda t: (sign * (t.value or 0.0), t.number))

    def ask(self) -> FrozenTrial:
        """The next trial, noted as running before it begins."""
        number = len(self.trials())
        chance = np.random.SeedSequence([self.seed, number]).generate_state(1)
        self.study.sampler = optuna.samplers.TPESampler(seed=int(chance[0]))
        with self._readable():
            return self._with_values(self.study.ask())

    def waits(self) -> bool:
        """Whether a config that was planned has not been tried."""
        with self._readable():
            return bool(self.study.get_trials(deepcopy=False, states=[TrialState.WAITING]))

    def left(self) -> list[FrozenTrial]:
        """Trials that were running when a sweep was stopped, be it before they had all their values."""
        with self._readable():
            running = self.study.get_trials(states=[TrialState.RUNNING])
            return [self._with_values(Trial(self.study, trial._trial_id)) for trial in running]

    def _with_values(self, trial: Trial) -> FrozenTrial:
        for d in self.space:
            trial._suggest(d.key, d.distribution)  # what `Study.ask` does; a value that it has stays
        return self.study.get_trials(deepcopy=False)[trial.number]

    def tell(self, trial: FrozenTrial, value: float | None, seconds: float | None, failure: str | None = None) -> None:
        """Note what came of a trial: a value, or why it failed."""
        with self._readable():
            noted = Trial(self.study, trial._trial_id)
            noted.set_user_attr("seconds", seconds and round(seconds, 1))
            if failure is not None:
                noted.set_user_attr("failure", failure)
            state = TrialState.COMPLETE if failure is None else TrialState.FAIL
            self.study.tell(trial.number, value if failure is None else None, state=state)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """What the database cannot do, as one line."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            cause = str(getattr(error, "orig", None) or error.__cause__ or error).splitlines()[0]
            raise UserError(f"{self.file}: the study cannot be read or written ({cause})") from None
