"""Translators in closed form: nothing to train, no label can move."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from coldstart.errors import UserError
from gan.baselines.fda import fda
from gan.baselines.histogram import histogram, level_shares
from gan.baselines.reinhard import reinhard
from gan.data import Pictures, to_tensor

__all__ = ["BASELINES", "Baseline", "BaselineConfig", "baseline"]

BASELINES = ("none", "reinhard", "histogram", "fda")

# 3×H×W in [-1, 1] and the picture's number in its folder -> the translation, of the same size and range.
Baseline = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class BaselineConfig:
    """See conf/model/fda.yaml and its like."""

    name: str
    beta: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 0.5:
            raise UserError(f"beta: must lie between 0 and 0.5, got {self.beta}")


def baseline(config: BaselineConfig, photos: Pictures, seed: int) -> Baseline:
    """The translator `config` names, but for `none`, which needs no photos.

    `reinhard` and `fda` take one of `photos` for every picture, drawn by `seed` and the picture's number; `histogram`
    takes the histogram of all.
    """

    def photo(index: int) -> Tensor:
        chosen = np.random.default_rng([seed, index]).integers(len(photos))
        return _unit(to_tensor(photos[int(chosen)]))

    if config.name == "histogram":
        shares = level_shares(_unit(to_tensor(photos[i])) for i in range(len(photos)))
        return lambda image, index: histogram(_unit(image), shares) * 2 - 1
    if config.name == "fda":
        return lambda image, index: fda(_unit(image), photo(index), config.beta) * 2 - 1
    return lambda image, index: reinhard(_unit(image), photo(index)) * 2 - 1


def _unit(image: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]."""
    return ((image + 1) / 2).clamp(0, 1)
