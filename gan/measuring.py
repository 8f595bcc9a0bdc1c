"""What happens beside the training: measurements on held-out renders, the best checkpoint, stopping early."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from coldstart import training
from coldstart.dataset import write_atomic, write_json
from coldstart.errors import UserError
from gan.curves import draw_curves
from gan.held_out import Scores
from gan.metrics.distances import Estimate
from gan.models import Model
from gan.selection import MeasureConfig, Measurement, best, stop_reason

__all__ = ["Measuring"]


class Measuring(pl.Callback):
    """Every `every` steps and at the last, scores `final`, keeps `best.ckpt`, and may stop the training.

    Writes measures.json and measures.png to `out`. Its state is the history alone; all else follows from it, so that
    a resumed training decides as the uninterrupted one. For a device, `scorer` gives what scores a generator within a
    context, such as a `HeldOut`; `counts` says on how many pictures. Must come before `KeepCheckpoint` among the
    callbacks, whose last.ckpt then holds the step's measurement.

    best.ckpt is a copy of the last.ckpt of its step, so that the history in last.ckpt knows it whenever the training is
    killed: what is measured again after a kill may differ, on a GPU for one.
    """

    def __init__(
        self,
        config: MeasureConfig,
        steps: int,
        scorer: Callable[[torch.device], Callable[..., Scores]],
        counts: Mapping[str, int],
        out: Path,
    ) -> None:
        self.config, self.steps, self.scorer, self.counts, self.out = config, steps, scorer, counts, out
        self.last_file, self.best_file = out / "last.ckpt", out / "best.ckpt"
        self.history: list[Measurement] = []
        self.score: Callable[..., Scores] | None = None

    @property
    def best(self) -> Measurement:
        """The best so far."""
        return best(self.history, self.config.retained)

    @property
    def stopped(self) -> str | None:
        """Why the training was stopped before its last step, if it was."""
        if not self.history or self.history[-1].step == self.steps:
            return None
        return stop_reason(self.history, self.config)

    def state_dict(self) -> dict[str, Any]:
        """The history as plain numbers."""
        return {"history": [list(m) for m in self.history]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after that history."""
        self.history = [Measurement(*row) for row in state_dict["history"]]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy what a kill kept from being copied."""
        assert isinstance(pl_module, Model)
        if self.history and trainer.is_global_zero:
            last_step, best_step = (
                training.saved_steps(f, pl_module.OPTIMIZERS) for f in (self.last_file, self.best_file)
            )
            if last_step == self.best.step != best_step:
                self._copy()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the photos; a training that was stopped stays so."""
        if trainer.is_global_zero:
            self.score = self.scorer(pl_module.device)
        trainer.should_stop = self.stopped is not None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Measure if it is time."""
        assert isinstance(pl_module, Model)
        step = pl_module.step
        if step % self.config.every and step != self.steps:
            return
        start = time.monotonic()
        # The first process measures; all must come to the same decisions.
        scores = trainer.strategy.broadcast(self._scores(trainer, pl_module))
        kid, kid_error = scores.kid or (None, None)
        swd, swd_error = scores.swd
        self.history.append(Measurement(step, swd, swd_error, kid, kid_error, scores.retained))
        if self.best.step == step:
            training.save(trainer, self.last_file, step)
            if trainer.is_global_zero:
                self._copy()
        trainer.should_stop = self.stopped is not None
        if trainer.is_global_zero:
            self._tell(trainer, time.monotonic() - start)

    def _copy(self) -> None:
        """Replace best.ckpt by last.ckpt."""
        write_atomic(self.best_file, self.last_file.read_bytes())

    def _scores(self, trainer: pl.Trainer, model: Model) -> Scores:
        if self.score is None:
            return Scores(Estimate(math.nan, math.nan), None, None)
        model.eval()  # as the generator will be used; and measuring must not move batch norm's statistics
        scores = self.score(model.final, trainer.precision_plugin.forward_context)
        model.train()
        return scores

    def _tell(self, trainer: pl.Trainer, seconds: float) -> None:
        now, chosen = self.history[-1], self.best
        note = "the best so far" if chosen.step == now.step else f"the best is that of step {chosen.step}"
        print(f"{now}; {note} ({seconds:.1f} s)", flush=True)
        if trainer.logger is not None:
            numbers = {"swd": now.swd, "kid_lite0": now.kid_lite0, "retained": now.retained}
            known = {name: value for name, value in numbers.items() if value is not None}
            trainer.logger.log_metrics(known, step=trainer.global_step)
        write_json(
            self.out / "measures.json",
            {
                **self.counts,
                "best": chosen._asdict(),
                "last": now._asdict(),
                "stopped": self.stopped,
                "history": [m._asdict() for m in self.history],
            },
        )
        draw_curves(self.history, chosen, self.config.retained, self.out / "measures.png")

    def restore_best(self, model: Model) -> None:
        """Give `model` the weights of the best measurement.

        Raises:
            UserError: best.ckpt is not that of this history.
        """
        path = self.best_file
        if training.saved_steps(path, model.OPTIMIZERS) != self.best.step:
            raise UserError(f"{path}: is not that of step {self.best.step}, the best; restore it, or train elsewhere")
        training.load_weights(path, model)
