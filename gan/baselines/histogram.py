"""Colour transfer by the whole distribution of every channel."""

from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["histogram", "level_shares"]

LEVELS = 256


def level_shares(photos: Iterable[Tensor]) -> Tensor:
    """3×256: the share of every level of R, G and B in `photos` (3×H×W in [0, 1]), every photo counting equally."""
    shares = [
        torch.stack([torch.histc(channel, LEVELS, 0, 1) / channel.numel() for channel in photo]) for photo in photos
    ]
    return torch.stack(shares).mean(0)


def histogram(image: Tensor, shares: Tensor) -> Tensor:
    """Give every channel of `image` (3×H×W in [0, 1]) the distribution `shares` (3×256), as closely as levels allow.

    A level goes to the level whose cumulative share is the same (Gonzalez & Woods, Digital Image Processing, 3.3.2),
    interpolated between levels; its own share counts by half, so that a picture with the wanted shares stays as it is.
    """
    levels = torch.arange(LEVELS, dtype=torch.float32) / (LEVELS - 1)
    index = (image * (LEVELS - 1)).round().long()
    matched = []
    for channel, wanted in zip(index, shares, strict=True):
        own = torch.bincount(channel.flatten(), minlength=LEVELS) / channel.numel()
        mapped = _interpolate(own.cumsum(0) - own / 2, wanted.cumsum(0) - wanted / 2, levels)
        matched.append(mapped[channel])
    return torch.stack(matched)


def _interpolate(x: Tensor, known: Tensor, values: Tensor) -> Tensor:
    """Piecewise linear through (`known`, `values`), `known` ascending, constant outside."""
    above = torch.searchsorted(known, x).clamp(1, len(known) - 1)
    left, right = known[above - 1], known[above]
    weight = ((x - left) / (right - left).clamp(min=1e-12)).clamp(0, 1)
    return values[above - 1].lerp(values[above], weight)
