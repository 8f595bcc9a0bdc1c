"""What every trained translator shares: the generator, the decay of the learning rate, the guard against NaN."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from coldstart.errors import UserError
from gan.networks import ResnetGenerator

__all__ = ["Translator", "decay"]


def decay(step: int, steps: int) -> float:
    """Factor of the learning rate at `step` (from 0) of `steps`: 1 in the first half, then linearly to 0."""
    half = steps // 2
    return 1.0 - max(0, step - half) / (steps - half)


class Translator(pl.LightningModule):
    """A LightningModule that optimises by hand and has a `generator` from source to target images.

    Batches are pairs (source, target) of N×3×H×W tensors in [-1, 1]. `Config` is the dataclass of the `model` group.
    """

    Config: ClassVar[type]
    OPTIMIZERS: ClassVar[int]  # steps of optimisers per training step, which is how Lightning counts
    COLUMNS: ClassVar[str]  # what `pictures` shows
    generator: ResnetGenerator

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.steps = steps

    @classmethod
    @abstractmethod
    def build(cls, config: Any, steps: int, seed: int) -> "Translator":
        """The model of `config`, an instance of `Config`, to be trained for `steps`."""

    @abstractmethod
    def pictures(self, source: Tensor, target: Tensor) -> list[Tensor]:
        """The columns of a sample grid, each N×3×H×W in [-1, 1]."""

    @property
    def step(self) -> int:
        """Training steps done so far, those before a resume included."""
        return self.trainer.global_step // self.OPTIMIZERS

    def schedule(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LambdaLR:
        """The learning rate of `optimizer` over the whole training."""
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: decay(step, self.steps))

    def check_finite(self, losses: Mapping[str, Tensor]) -> None:
        """Stop before a broken number reaches the weights.

        Raises:
            UserError: a loss is NaN or infinite; names the step.
        """
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        if not all(torch.isfinite(torch.tensor(list(values.values())))):
            raise UserError(
                f"step {self.step}: a loss is not a finite number ("
                + ", ".join(f"{name} {value:.3g}" for name, value in values.items())
                + "); try a smaller model.lr or precision=32-true in another out="
            )
