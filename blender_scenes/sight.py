"""What the camera sees of a scene while it is being filled: boxes, and roughly how much of each piece is hidden."""

import numpy as np
from numpy.typing import NDArray

from blender_scenes.placement import Surface, box_overlap
from blender_scenes.spec import Camera

__all__ = ["Sight"]

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

LIFT = 0.03  # metres above a surface where pieces on it begin to be seen
NEAREST = 0.05  # metres: nothing may be nearer to the camera's plane
GRID = 72  # cells along the picture's longer side, for silhouettes
_ANGLES = 2 * np.pi * np.arange(24) / 24
_NORMALS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])


class Sight:
    """Boxes and silhouettes of the pieces placed so far.

    A silhouette is the hull of the projected vertices on a coarse grid; the nearer piece hides the farther one. That is
    near enough to choose places by; the labels' visible fractions come from the render.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        width, height = camera.size
        cell = max(width, height) / GRID
        rows, columns = int(np.ceil(height / cell)), int(np.ceil(width / cell))
        x, y = np.meshgrid((np.arange(columns) + 0.5) * cell, (np.arange(rows) + 0.5) * cell)
        self.cells = np.stack([x.ravel(), y.ravel()], axis=1) @ _NORMALS
        self.boxes: list[Box] = []
        self.whole = np.zeros((0, self.cells.shape[0]), dtype=bool)
        self.shown = np.zeros((0, self.cells.shape[0]), dtype=bool)
        self.depths = np.zeros(0)
        self.targets = np.zeros(0)

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

    def silhouette(self, world: Floats) -> tuple[NDArray[np.bool_], float]:
        """Cells covered by N×3 vertices, and their mean distance from the camera in metres."""
        pixels, _ = self.camera.project(world)
        covered: NDArray[np.bool_] = (self.cells <= (pixels @ _NORMALS).max(axis=0)).all(axis=1)
        return covered, float(np.linalg.norm(world.mean(axis=0) - np.array(self.camera.location)))

    def misfit(self, world: Floats, target: float) -> float:
        """How far visible fractions would be from their targets, summed, with one more piece that wants `target`."""
        covered, depth = self.silhouette(world)
        behind = self.depths > depth
        hidden = self.whole[~behind].any(axis=0)
        own = _share(covered & ~hidden, covered)
        others = np.where(behind, (self.shown & ~covered).sum(axis=1), self.shown.sum(axis=1))
        shares = others / np.maximum(self.whole.sum(axis=1), 1)
        return round(abs(own - target) + float(np.abs(shares - self.targets).sum()), 6)

    def add(self, world: Floats, box: Box, target: float) -> None:
        """One more piece, N×3 vertices in the world."""
        covered, depth = self.silhouette(world)
        behind = self.depths > depth
        self.shown = self.shown & ~(behind[:, None] & covered)
        hidden = self.whole[~behind].any(axis=0)
        self.boxes.append(box)
        self.whole = np.concatenate([self.whole, covered[None]])
        self.shown = np.concatenate([self.shown, (covered & ~hidden)[None]])
        self.depths, self.targets = np.append(self.depths, depth), np.append(self.targets, target)


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return float(part.sum()) / max(int(whole.sum()), 1)
