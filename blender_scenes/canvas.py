"""A picture under construction: signed distances to shapes, painted with one pixel of soft edge. Pure numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "smooth_noise"]

Floats = NDArray[np.float64]


class Canvas:
    """H×W×3 sRGB 0..1, white, row 0 at the top (v = 1); u to the right and v up, both 0..1."""

    def __init__(self, width: int, height: int) -> None:
        self.pixels = np.ones((height, width, 3))
        self.height, self.width = height, width
        self.x, self.y = np.meshgrid(np.arange(width) + 0.5, height - np.arange(height) - 0.5)

    def paint(self, distance: Floats, colour: Floats) -> None:
        """Blend `colour` in where the signed distance in pixels is negative."""
        touched = distance < 0.5
        cover = np.minimum(0.5 - distance[touched], 1)[:, None]
        self.pixels[touched] += cover * (colour - self.pixels[touched])

    def lay(self, area: Any, picture: Floats, cover: Floats) -> None:
        """Lay h×w×3 `picture` (0..1) into [u0, v0, u1, v1], resampled, where h×w `cover` (0..1) says so."""
        u0, v0, u1, v1 = area
        left, right = self._pixel(u0, self.width), self._pixel(u1, self.width)
        top, bottom = self._pixel(1 - v1, self.height), self._pixel(1 - v0, self.height)
        inside = (slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0)))
        under = self.pixels[inside]
        if not under.size:
            return
        height, width = cover.shape
        down = _resampling(height, bottom - top)[inside[0].start - top :][: under.shape[0]]
        across = _resampling(width, right - left)[inside[1].start - left :][: under.shape[1]]
        share = (down @ cover @ across.T)[..., None]
        covered = np.stack([down @ (picture[..., k] * cover) @ across.T for k in range(3)], axis=-1)
        under += covered - share * under

    @staticmethod
    def _pixel(share: float, count: int) -> int:
        return round(share * count)

    def rect(self, area: Any, radius: float = 0.0) -> Floats:
        """Signed distance in pixels to a rounded rectangle."""
        u0, v0, u1, v1 = np.array(area) * [self.width, self.height, self.width, self.height]
        r = radius * self.height
        dx = np.abs(self.x - (u0 + u1) / 2) - (u1 - u0) / 2 + r
        dy = np.abs(self.y - (v0 + v1) / 2) - (v1 - v0) / 2 + r
        return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - r

    def ellipse(self, area: Any) -> Floats:
        """Signed distance in pixels to an ellipse [u, v, ru, rv], exact at its edge."""
        u, v, ru, rv = np.array(area) * [self.width, self.height, self.width, self.height]
        return (np.hypot((self.x - u) / ru, (self.y - v) / rv) - 1) * min(ru, rv)

    def segments(self, lines: Floats, reach: float = 2.0) -> Floats:
        """Distance in pixels to the nearest of S×2×2 segments in pixels; beyond `reach` it may be infinite."""
        best = np.full(self.x.shape, np.inf)
        for (ax, ay), (bx, by) in lines:
            columns = self._span(min(ax, bx) - reach, max(ax, bx) + reach, self.width)
            rows = self._span(self.height - max(ay, by) - reach, self.height - min(ay, by) + reach, self.height)
            x, y = self.x[rows, columns] - ax, self.y[rows, columns] - ay
            dx, dy = bx - ax, by - ay
            t = np.clip((x * dx + y * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
            best[rows, columns] = np.minimum(best[rows, columns], np.hypot(x - t * dx, y - t * dy))
        return best

    @staticmethod
    def _span(low: float, high: float, limit: int) -> slice:
        return slice(int(np.clip(low, 0, limit)), int(np.clip(high + 1, 0, limit)))


def _resampling(count: int, wanted: int) -> Floats:
    """wanted×count weights that bring `count` samples to `wanted`: a triangle filter, wide enough not to alias."""
    scale = count / wanted
    centres = (np.arange(wanted) + 0.5) * scale - 0.5
    weights = np.maximum(1 - np.abs(np.arange(count)[None] - centres[:, None]) / max(scale, 1.0), 0)
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def smooth_noise(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Floats:
    """Bilinear value noise 0..1, `cells` cells across, the same left and right so that it closes around a lathe."""
    height, width = shape
    rows = max(2, round(cells * height / width)) + 1
    grid = rng.uniform(0, 1, (rows, cells))
    grid = np.concatenate([grid, grid[:, :1]], axis=1)
    y, x = np.linspace(0, rows - 1.001, height), np.linspace(0, cells - 0.001, width)
    iy, ix = y.astype(int), x.astype(int)
    fy, fx = (y - iy)[:, None], (x - ix)[None]
    top = grid[iy][:, ix] * (1 - fx) + grid[iy][:, ix + 1] * fx
    bottom = grid[iy + 1][:, ix] * (1 - fx) + grid[iy + 1][:, ix + 1] * fx
    noise: Floats = top * (1 - fy) + bottom * fy
    return noise
