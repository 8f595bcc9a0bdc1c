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
        self.cell, self.shape = cell, (rows, columns)
        x, y = np.meshgrid((np.arange(columns) + 0.5) * cell, (np.arange(rows) + 0.5) * cell)
        self.along = np.stack([x, y], axis=-1) @ _NORMALS  # rows × columns × normals, pixels
        self.boxes: list[Box] = []
        self.whole = np.zeros((0, rows * columns), dtype=bool)
        self.shown = np.zeros((0, rows * columns), dtype=bool)
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

    def silhouette(self, world: Floats) -> tuple[NDArray[np.int64], float]:
        """Numbers of the cells covered by N×3 vertices, and their mean distance from the camera in metres."""
        pixels, _ = self.camera.project(world)
        (left, top), (right, bottom) = (
            np.clip(v, 0, self.shape[::-1]).astype(int).tolist()
            for v in (np.floor(pixels.min(axis=0) / self.cell), np.ceil(pixels.max(axis=0) / self.cell))
        )
        inside = (self.along[top:bottom, left:right] <= (pixels @ _NORMALS).max(axis=0)).all(axis=-1)
        row, column = np.nonzero(inside)
        distance = float(np.linalg.norm(world.mean(axis=0) - np.array(self.camera.location)))
        return (row + top) * self.shape[1] + column + left, distance

    def misfit(self, world: Floats, target: float) -> float:
        """How much farther visible fractions would be from their targets, summed, with one more that wants `target`."""
        covered, depth = self.silhouette(world)
        behind = self.depths > depth
        own = 1 - self.whole[np.ix_(~behind, covered)].any(axis=0).mean() if len(covered) else 0.0
        area, shown = np.maximum(self.whole.sum(axis=1), 1)[behind], self.shown.sum(axis=1)[behind]
        left = shown - self.shown[np.ix_(behind, covered)].sum(axis=1)
        wanted = self.targets[behind]
        worse = np.abs(left / area - wanted) - np.abs(shown / area - wanted)
        return round(abs(float(own) - target) + float(worse.sum()), 6)

    def add(self, world: Floats, box: Box, target: float) -> None:
        """One more piece, N×3 vertices in the world."""
        covered, depth = self.silhouette(world)
        behind = self.depths > depth
        whole = np.zeros(self.whole.shape[1], dtype=bool)
        whole[covered] = True
        self.shown[np.ix_(behind, covered)] = False
        hidden = self.whole[~behind].any(axis=0)
        self.boxes.append(box)
        self.whole = np.concatenate([self.whole, whole[None]])
        self.shown = np.concatenate([self.shown, (whole & ~hidden)[None]])
        self.depths, self.targets = np.append(self.depths, depth), np.append(self.targets, target)
