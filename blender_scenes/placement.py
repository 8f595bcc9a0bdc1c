"""Where products may stand, and a proof that two of them do not touch.

Two convex bodies are apart if a plane separates them (separating axis theorem). A product is enclosed by its convex
hull, known by its extent in a fixed set of directions: what is found apart here is apart in truth, by the distance
found or more. Horizontal directions tell neighbours apart, vertical ones what stands above another, slanted ones what
leans.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIRECTIONS",
    "PLANE",
    "Surface",
    "apart",
    "box_overlap",
    "extent",
    "limits",
    "moved",
    "separation",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """Where products may stand: a rectangle at height `z` with `headroom` above it, all in metres."""

    name: str
    x: tuple[float, float]
    y: tuple[float, float]
    z: float
    headroom: float
    weight: float

    def room_for(self, low: Floats, high: Floats) -> NDArray[np.bool_]:
        """…: whether what has the bounding box `low` to `high` (…×3: x, y, z in the world) fits onto it."""
        least = np.array([self.x[0] - 1e-9, self.y[0] - 1e-9, self.z])
        most = np.array([self.x[1] + 1e-9, self.y[1] + 1e-9, self.z + self.headroom])
        fits: NDArray[np.bool_] = ((low >= least) & (high <= most)).all(axis=-1)
        return fits


def _directions() -> Floats:
    """Unit vectors K×3: 64 in the plane, slanted ones, and up; the second half is opposite to the first."""
    rings = []
    for elevation, count in ((0, 64), (25, 32), (50, 24), (75, 12)):
        turn = 2 * np.pi * np.arange(count if elevation else count // 2) / count
        e = np.radians(elevation)
        ring = [np.cos(turn) * np.cos(e), np.sin(turn) * np.cos(e), np.full_like(turn, np.sin(e))]
        rings.append(np.stack(ring, axis=1))
    half = np.concatenate([*rings, [[0.0, 0.0, 1.0]]])
    return np.concatenate([half, -half])


DIRECTIONS = _directions()
_HALF = len(DIRECTIONS) // 2
_HIGH = np.array([0, 16, _HALF - 1])  # where DIRECTIONS holds the axes x, y, z
PLANE = np.concatenate([np.arange(32), _HALF + np.arange(32)])  # and those in the plane


def extent(vertices: Floats) -> Floats:
    """Extent K of N×3 vertices: their largest dot product with every direction, metres."""
    along = DIRECTIONS[:_HALF] @ vertices.T
    return np.concatenate([along.max(axis=1), -along.min(axis=1)])


def moved(reach: Floats, offset: Floats) -> Floats:
    """The extent …×K of the same body at `offset` …×3."""
    there: Floats = reach + offset @ DIRECTIONS.T
    return there


def limits(reach: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest x, y, z (…×3 each) of a body by its extent …×K."""
    return -reach[..., _HIGH + _HALF], reach[..., _HIGH]


def separation(a: Floats, b: Floats) -> Floats:
    """The width in metres of the widest slab between two bodies, by their extents …×K; negative if none is found.

    Two bodies with separation s > 0 are at least s apart; with s < 0, moving one by −s takes them apart.
    """
    widest: Floats = -(a + np.roll(b, _HALF, axis=-1)).min(axis=-1)
    return widest


def apart(a: Floats, others: Floats, gap: float) -> NDArray[np.bool_]:
    """N×M: whether each of N bodies is at least `gap` metres from each of M others; extents N×K and M×K."""
    (low, high), (floor, top) = limits(a), limits(others)
    clear = ((low[:, None] - top[None] >= gap) | (floor[None] - high[:, None] >= gap)).any(axis=-1)
    near, other = np.nonzero(~clear)
    clear[near, other] = separation(a[near], others[other]) >= gap
    return clear


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
