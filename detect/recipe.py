"""How weights move: the keys of optimizer, schedule, layers and averaging that training and range test share."""

from dataclasses import dataclass, field
from typing import Any

from coldstart.errors import UserError
from detect.schedules import SCHEDULES

__all__ = ["OPTIMIZERS", "Recipe"]

OPTIMIZERS = ("adamw", "sgd")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """See conf/detect_train.yaml."""

    steps: int = 700
    optimizer: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "onecycle"
    warmup: float = 0.1
    momentum: list[float] = field(default_factory=lambda: [0.85, 0.95])
    layer_decay: float = 1.0
    unfreeze: float = 0.0
    ema: float = 0.0
    accumulate: int = 1
    gradient_clip: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("steps", "accumulate"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: {getattr(self, key)} is below 1")
        if self.seed < 0:
            raise UserError(f"seed: {self.seed} is below 0")
        if self.optimizer not in OPTIMIZERS:
            raise UserError(f"optimizer: {self.optimizer!r} is none of {', '.join(OPTIMIZERS)}")
        if self.schedule not in SCHEDULES:
            raise UserError(f"schedule: {self.schedule!r} is none of {', '.join(SCHEDULES)}")
        if not self.lr > 0 or not self.gradient_clip > 0 or not self.weight_decay >= 0:
            raise UserError("lr and gradient_clip must be above 0, weight_decay not below")
        if not 0 < self.warmup < 1:
            raise UserError(f"warmup: {self.warmup} is not between 0 and 1")
        if len(self.momentum) != 2 or not 0 <= self.momentum[0] <= self.momentum[1] < 1:
            raise UserError(f"momentum: {self.momentum} is not [low, high] with 0 ≤ low ≤ high < 1")
        if not 0 < self.layer_decay <= 1:
            raise UserError(f"layer_decay: {self.layer_decay} is not in (0, 1]; 1 is off")
        if not 0 <= self.unfreeze < 1:
            raise UserError(f"unfreeze: {self.unfreeze} is not in [0, 1), a fraction of the steps; 0 is off")
        if not 0 <= self.ema < 1:
            raise UserError(f"ema: {self.ema} is not in [0, 1); 0 is off")

    @property
    def per_step(self) -> dict[str, Any]:
        """What Lightning's Trainer is told of a step: how long its gradient may be, of how many batches it is made."""
        return {"gradient_clip_val": self.gradient_clip, "accumulate_grad_batches": self.accumulate}
