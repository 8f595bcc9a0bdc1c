"""Which learning rate to take: a range test (docs/training.md).

    python -m detect.lr real=[photos] out=outputs/lr

Trains for `steps` steps while the rate rises from `low` to `high`, a constant factor a step, and watches the loss
(Smith 2015, arXiv 1506.01186, section 3.3). Takes all keys of detect.train, which should be those of the training to
come. Writes into `out`:
  lr.png     the smoothed loss over the rate, with the suggestion
  lr.json    the same in numbers
Nothing that is learnt is kept.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from coldstart import cli, lineage, tracking, training
from coldstart.dataset import write_atomic, write_json
from coldstart.errors import UserError
from detect.module import DetectorModule
from detect.recipe import Recipe
from detect.train import TrainConfig, prepare

__all__ = [
    "Curve",
    "RangeConfig",
    "RangeRecipe",
    "Suggestion",
    "Trainable",
    "draw",
    "find",
    "range_test",
    "record",
    "smooth",
    "suggest",
]

DIVERGED = 4.0  # times the lowest smoothed loss, where the test ends (as in fastai)
BELOW = 10.0  # the suggestion's distance from the rate of the lowest loss


@dataclass(frozen=True, kw_only=True)
class RangeRecipe(Recipe):
    """The recipe whose rate is looked for; see conf/detect_lr.yaml."""

    low: float = 1e-6
    high: float = 1.0
    smoothing: float = 0.8
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.low < self.high < math.inf:
            raise UserError(f"low and high: {self.low:g} to {self.high:g} is not a range of rates above 0")
        if not 0 <= self.smoothing < 1:
            raise UserError(f"smoothing: {self.smoothing} is not in [0, 1)")
        if self.steps < 10:
            raise UserError(f"steps: {self.steps} is below 10, which says nothing")


@dataclass(frozen=True, kw_only=True)
class RangeConfig(TrainConfig, RangeRecipe):
    """See conf/detect_lr.yaml."""

    def __post_init__(self) -> None:
        TrainConfig.__post_init__(self)
        RangeRecipe.__post_init__(self)


class Trainable(Protocol):
    """What can be trained: a network as it begins, and batches for it."""

    def model(self) -> nn.Module:
        """Takes pictures and targets, returns losses by name."""

    def batches(self, rank: int, start: int) -> DataLoader[Any]:
        """Batches of pictures and targets from number `start` on."""


class Curve(NamedTuple):
    """Rates, the loss of the batch at each, and its smoothed course."""

    rates: list[float]
    losses: list[float]
    smoothed: list[float]


class Suggestion(NamedTuple):
    """The rate to take, that of the steepest fall, and that of the lowest smoothed loss."""

    lr: float
    steepest: float
    lowest: float


class RangeModule(DetectorModule):
    """A `DetectorModule` whose rate rises from `low` to `high`, a constant factor a step; keeps what it saw."""

    def __init__(self, model: nn.Module, config: RangeRecipe) -> None:
        # The rates are the test's own; what moves them otherwise is off.
        super().__init__(model, replace(config, lr=1.0, schedule="step", unfreeze=0.0, ema=0.0))
        self.low, self.high, self.smoothing = config.low, config.high, config.smoothing
        self.curve = Curve([], [], [])

    def rate(self, at: int) -> float:
        """Equation of a geometric series from `low` to `high` over the steps."""
        return self.low * (self.high / self.low) ** (at / (self.recipe.steps - 1))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:  # type: ignore[override]
        """As in training, but a loss that diverges ends the test."""
        try:
            loss = super().training_step(batch, batch_idx)
        except training.NotFinite:
            self.trainer.should_stop = True
            return None
        rates, losses, smoothed = self.curve
        step, part = divmod(batch_idx, self.recipe.accumulate)
        if not part:
            rates.append(self.rate(step))
            losses.append(0.0)
            smoothed.append(0.0)
        losses[-1] += (float(loss.detach()) - losses[-1]) / (part + 1)  # the mean of the step's batches
        smoothed[-1] = smooth(losses, self.smoothing)[-1]
        self.trainer.should_stop = smoothed[-1] > DIVERGED * min(smoothed)
        return loss


def smooth(losses: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average, corrected for its start (Kingma & Ba 2015, arXiv 1412.6980, section 3)."""
    average, found = 0.0, []
    for count, loss in enumerate(losses, start=1):
        average = weight * average + (1 - weight) * loss
        found.append(average / (1 - weight**count))
    return found


def suggest(curve: Curve) -> Suggestion | None:
    """A tenth of the rate at which the smoothed loss is lowest: there it has begun to break. None if it never falls."""
    rates, _, smoothed = curve
    lowest = int(np.argmin(smoothed)) if smoothed else 0
    if lowest < 2:
        return None
    slope = np.gradient(smoothed[: lowest + 1], np.log(rates[: lowest + 1]))
    return Suggestion(rates[lowest] / BELOW, rates[int(np.argmin(slope))], rates[lowest])


def range_test(material: Trainable, config: RangeRecipe) -> Curve:
    """The test's curve; neither weights nor the state of any generator of chance are left changed."""
    with torch.random.fork_rng():
        module = RangeModule(material.model(), config)
        trainer = training.trainer(
            config.accelerator,
            1,
            config.precision,
            config.steps,
            **config.per_step,
            callbacks=[training.ProgressLines("range test", config.steps)],
        )
        training.fit(trainer, module, material.batches(0, 0))
    return module.curve


def record(curve: Curve, out: Path) -> Suggestion | None:
    """Draw `curve` as lr.png and, if it suggests a rate, write that and the curve to lr.json."""
    found = suggest(curve)
    write_atomic(out / "lr.png", draw(curve, found))
    if found is not None:
        write_json(out / "lr.json", {**found._asdict(), "curve": curve._asdict()})
    return found


def find(config: RangeConfig) -> None:
    """Run the test and write its plot, numbers and suggestion into `config.out`.

    Raises:
        UserError: bad input; or a loss that does not fall.
    """
    material, out = prepare(config), Path(config.out)
    if lineage.claim(out, "detect.lr", cli.plain(config), parents=material.parents()):
        print(f"{out / 'lr.json'}: already there")
        return
    training.quiet()
    with tracking.start(config.logger, "detect.lr", cli.plain(config), out) as run:
        curve = range_test(material, config)
        found = record(curve, out)
        run.images("range test", [out / "lr.png"])
        if found is None:
            raise UserError(
                f"the loss does not fall from low={config.low:g} on, see {out / 'lr.png'}; give a smaller low="
            )
        run.summary(found._asdict())
    lineage.complete(out, **found._asdict())
    print(
        f"lr={found.lr:.1e} (a tenth of {found.lowest:.1e}, where the loss is lowest; its steepest fall is at "
        f"{found.steepest:.1e}); look at {out / 'lr.png'}"
    )


def draw(curve: Curve, found: Suggestion | None) -> bytes:
    """The curve as a PNG, rates on a logarithmic axis."""
    from matplotlib.figure import Figure  # takes a second to import

    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.plot(curve.rates, curve.losses, ".", ms=3, color="lightgrey", label="loss of a batch")
    axes.plot(curve.rates, curve.smoothed, lw=1.6, color="tab:blue", label="smoothed")
    looks = [("suggestion", "tab:red", "-"), ("steepest fall", "tab:green", "--"), ("lowest", "grey", ":")]
    for rate, (name, colour, style) in zip(found or (), looks, strict=False):
        axes.axvline(rate, color=colour, ls=style, lw=1, label=f"{name}: {rate:.1e}")
    if curve.losses:
        low, high = (
            min(curve.losses),
            max(curve.losses[: len(curve.losses) // 2 + 1]),
        )  # what breaks may leave the frame
        axes.set_ylim(low - 0.1 * (high - low), high + 0.3 * (high - low))
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return buffer.getvalue()


if __name__ == "__main__":
    cli.run(find, RangeConfig, "detect_lr", __doc__)
