"""What furniture reaches into the room above a surface: lamps, brackets, rails, vents."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from blender_scenes.furniture.parts import Place
from blender_scenes.placement import DIRECTIONS, Surface, extent

__all__ = ["FLUSH", "Surroundings"]

Floats = NDArray[np.float64]

CELL = 0.03  # metres: triangles between the same two cells count as one body
FLUSH = 5e-5  # metres: what rises no higher than this above a surface is the surface


class Surroundings:
    """The furniture of a place as `triangles` T×3×3 in metres."""

    def __init__(self, where: Place) -> None:
        self.triangles: Floats = np.concatenate([p.mesh.vertices[p.mesh.triangles()] for p in where.parts()])
        self.above = cache(lambda surface: _obstacles(self.triangles, surface))
        """Extents M×K of convex bodies that enclose all furniture in the room above a surface."""


def _obstacles(triangles: Floats, surface: Surface) -> Floats:
    low, high = triangles.min(axis=1), triangles.max(axis=1)
    floor = [surface.x[0], surface.y[0], surface.z + FLUSH]
    top = [surface.x[1], surface.y[1], surface.z + surface.headroom]
    inside = (high > floor).all(axis=1) & (low < top).all(axis=1)
    near = triangles[inside]
    if not len(near):
        return np.zeros((0, len(DIRECTIONS)))
    cells = np.floor(np.concatenate([low[inside], high[inside]], axis=1) / CELL)
    _, body = np.unique(cells, axis=0, return_inverse=True)
    body = body.ravel()
    return np.stack([extent(near[body == k].reshape(-1, 3)) for k in range(body.max() + 1)])
