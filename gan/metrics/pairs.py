"""How far a picture is from the truth, where that is known."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from gan.metrics import standard
from gan.metrics.stlpips import STLpips

__all__ = ["Interval", "bootstrap", "pair_measures", "psnr"]

MOST = 100.0  # dB, for equal pictures, whose PSNR is infinite

Measure = Callable[[Tensor, Tensor], Tensor]


class Interval(NamedTuple):
    """A mean over pictures and its 95 % interval."""

    value: float
    low: float
    high: float


def pair_measures(device: torch.device) -> dict[str, Measure]:
    """By name, what compares two 1×3×H×W in [-1, 1], both sides 32 pixels at least.

    `psnr` in dB (at most MOST) and `ssim` (Wang et al. 2004), by torchmetrics on [0, 1], are better when higher;
    `st_lpips`, and `lpips` if its weights are stored, when lower.
    """
    measures: dict[str, Measure] = {
        "psnr": psnr,
        "ssim": lambda a, b: _first(structural_similarity_index_measure((a + 1) / 2, (b + 1) / 2, data_range=1.0)),
        "st_lpips": STLpips().to(device),
    }
    if standard.stored(standard.ALEXNET):
        measures["lpips"] = standard.lpips().to(device)
    return measures


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise ratio of two tensors in [-1, 1] in dB, at most MOST."""
    return peak_signal_noise_ratio((a + 1) / 2, (b + 1) / 2, data_range=1.0).clamp(max=MOST)


def _first(value: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return value if isinstance(value, Tensor) else value[0]


def bootstrap(values: Sequence[float], draws: int, seed: int) -> Interval:
    """The mean of `values` and the 2.5 and 97.5 percent quantiles of means of `draws` resamplings (Efron 1979)."""
    sample = np.asarray(values)
    chosen = np.random.default_rng(seed).integers(len(sample), size=(draws, len(sample)))
    low, high = np.quantile(sample[chosen].mean(1), (0.025, 0.975))
    return Interval(float(sample.mean()), float(low), float(high))
