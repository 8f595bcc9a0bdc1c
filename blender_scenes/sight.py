"""What the camera sees of a scene while it is being filled: which part of a surface, and the box of each piece."""

import numpy as np
from numpy.typing import NDArray

from blender_scenes.placement import Surface, box_overlap
from blender_scenes.spec import Camera

__all__ = ["Sight"]

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

LIFT = 0.03  # metres above a surface where pieces on it begin to be seen
NEAREST = 0.05  # metres: nothing may be nearer to the camera's plane


class Sight:
    """Boxes of the pieces placed so far, in their order."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.boxes: list[Box] = []

    def window(self, surface: Surface) -> tuple[tuple[tuple[float, float], tuple[float, float]], float]:
        """The part of a surface that the picture shows, as limits in x and y, and its share of the whole; metres."""
        x, y = (np.linspace(*limits, 25) for limits in (surface.x, surface.y))
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        pixels, depth = self.camera.project(np.c_[grid, np.full(len(grid), surface.z + LIFT)])
        inside = (depth > NEAREST) & (pixels >= 0).all(axis=1) & (pixels <= np.array(self.camera.size)).all(axis=1)
        if not inside.any():
            return (surface.x, surface.y), 0.0
        (x0, y0), (x1, y1) = grid[inside].min(axis=0).tolist(), grid[inside].max(axis=0).tolist()
        return ((x0, x1), (y0, y1)), float(inside.mean())

    def box(self, world: Floats, truncated: float, max_overlap: float) -> Box | None:
        """The box (x0, y0, x1, y1) in pixels of N×3 vertices.

        None if it is behind the camera, more than `truncated` of the box outside the picture, or it shares more than
        `max_overlap` with another.
        """
        pixels, depth = self.camera.project(world)
        if depth.min() < NEAREST:
            return None
        (x0, y0), (x1, y1) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        width, height = self.camera.size
        inside = max(min(x1, width) - max(x0, 0), 0) * max(min(y1, height) - max(y0, 0), 0)
        cut = (x0 < 0 or y0 < 0 or x1 > width or y1 > height) and 1 - inside / ((x1 - x0) * (y1 - y0)) >= truncated
        if cut or box_overlap((x0, y0, x1, y1), self.boxes) > max_overlap:
            return None
        return x0, y0, x1, y1
