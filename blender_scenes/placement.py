"""Putting products onto surfaces so that none touches another.

Two upright prisms over convex footprints do not touch if one direction in the plane separates the footprints
(separating axis theorem). A product is enclosed by the prism over its footprint's hull, known by its extent in
`DIRECTIONS` directions: what is found apart here is apart in truth, with at least `gap` metres between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Footprint", "Hanging", "Surface", "apart", "box_overlap"]

DIRECTIONS = 64
_ANGLES = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
_AXES = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Hanging:
    """Something low above part of a surface, as a lamp: whatever reaches below it has only this `headroom`; metres."""

    x: tuple[float, float]
    y: tuple[float, float]
    headroom: float


@dataclass(frozen=True)
class Surface:
    """Where products may stand: a rectangle at height `z` with `headroom` above it, all in metres."""

    name: str
    x: tuple[float, float]
    y: tuple[float, float]
    z: float
    headroom: float
    weight: float
    hanging: tuple[Hanging, ...] = ()

    def room_for(self, low: Floats, high: Floats) -> bool:
        """Whether a product whose bounding box is `low` to `high` (x, y, z in the world) fits onto it and under all."""
        return bool(
            low[0] >= self.x[0] - 1e-9
            and high[0] <= self.x[1]
            and low[1] >= self.y[0] - 1e-9
            and high[1] <= self.y[1]
            and high[2] - low[2] <= self.headroom
            and all(
                high[2] - low[2] <= h.headroom
                or high[0] < h.x[0]
                or low[0] > h.x[1]
                or high[1] < h.y[0]
                or low[1] > h.y[1]
                for h in self.hanging
            )
        )


@dataclass(frozen=True)
class Footprint:
    """Extent of a product in the plane: the largest dot product with every direction."""

    support: Floats

    @classmethod
    def of(cls, vertices: Floats) -> "Footprint":
        """From N×3 vertices in metres."""
        return cls((vertices[:, :2] @ _AXES).max(axis=0))

    def moved(self, x: float, y: float) -> "Footprint":
        """The same footprint somewhere else."""
        return Footprint(self.support + np.array([x, y]) @ _AXES)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1."""
        quarter = DIRECTIONS // 4
        s = self.support
        return -s[2 * quarter], -s[3 * quarter], s[0], s[quarter]


def apart(a: Footprint, b: Footprint, gap: float) -> bool:
    """Whether some direction separates the two footprints by `gap` metres or more."""
    opposite = np.roll(b.support, DIRECTIONS // 2)
    return bool((a.support + opposite).min() <= -gap)


def box_overlap(box: Sequence[float], others: Sequence[Sequence[float]]) -> float:
    """Largest share of the smaller box that `box` (x0, y0, x1, y1) has in common with one of `others`; 0..1."""
    if not others:
        return 0.0
    o = np.asarray(others, dtype=float)
    width = np.minimum(box[2], o[:, 2]) - np.maximum(box[0], o[:, 0])
    height = np.minimum(box[3], o[:, 3]) - np.maximum(box[1], o[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = np.minimum((o[:, 2] - o[:, 0]) * (o[:, 3] - o[:, 1]), (box[2] - box[0]) * (box[3] - box[1]))
    return float((shared / areas).max())
