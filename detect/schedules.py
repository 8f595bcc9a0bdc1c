"""How learning rate and momentum move over a training: functions of the step alone, so that resuming needs no state."""

import math
from collections.abc import Callable

__all__ = ["SCHEDULES", "cosine", "momentum", "onecycle", "step"]

START, END = 1 / 25, 1 / 25e4  # of the highest rate, where one cycle begins and ends, as in torch's OneCycleLR
MILESTONES, DROP = (2 / 3, 8 / 9), 0.1  # of the steps, as in the 1× schedule of Mask R-CNN's authors (Detectron)


def onecycle(at: int, steps: int, warmup: float) -> float:
    """Factor of the rate: up to 1 over the first `warmup` of the `steps`, then down to almost 0, along half cosines.

    Smith & Topin 2018, arXiv 1708.07120; cosines and ends as in torch's OneCycleLR over `steps` + 1.
    """
    peak = _peak(steps, warmup)
    return _between(START, 1, at / peak) if at < peak else _between(1, END, (at - peak) / (steps - peak))


def cosine(at: int, steps: int, warmup: float) -> float:
    """Linearly up over the `warmup` (Goyal et al. 2017, arXiv 1706.02677), then one half cosine to 0.

    Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5, without restarts.
    """
    return _ramp(at, steps, warmup) * _between(1, 0, max(0.0, at / steps - warmup) / (1 - warmup))


def step(at: int, steps: int, warmup: float) -> float:
    """Linearly up over the `warmup`, then constant, a tenth from 2/3 of the steps on, a hundredth from 8/9 on."""
    return _ramp(at, steps, warmup) * DROP ** sum(at >= round(milestone * steps) for milestone in MILESTONES)


SCHEDULES: dict[str, Callable[[int, int, float], float]] = {"onecycle": onecycle, "cosine": cosine, "step": step}


def momentum(at: int, steps: int, warmup: float, low: float, high: float) -> float:
    """One cycle's: `low` where the rate is highest and `high` at both ends (Smith 2018, arXiv 1803.09820, section 4.3).

    It is SGD's momentum, and AdamW's β₁.
    """
    peak = _peak(steps, warmup)
    return _between(high, low, at / peak) if at < peak else _between(low, high, (at - peak) / (steps - peak))


def _peak(steps: int, warmup: float) -> float:
    return warmup * (steps + 1) - 1


def _ramp(at: int, steps: int, warmup: float) -> float:
    return min(1.0, (at + 1) / max(1.0, warmup * steps))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
