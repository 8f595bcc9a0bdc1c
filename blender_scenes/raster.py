"""Amodal masks: the pixels an object would cover if nothing stood in front of it. Pure numpy."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["amodal_mask"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def amodal_mask(pixels: Floats, triangles: NDArray[np.int64], window: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Pixels whose centres lie in some triangle, edges included.

    `pixels` are N×2 projected vertices (x right, y down), `triangles` T×3 indices, `window` (left, top, right, bottom)
    the pixels asked for, also outside the frame. The mask is (bottom − top) × (right − left).

    Each triangle is cut into the runs of pixels it covers on each line; starts and ends of all runs are counted, and
    what lies between more starts than ends is covered. So there is something to do for each line of a triangle, not
    for each pixel.
    """
    left, top, right, bottom = window
    width, height = max(right - left, 0), max(bottom - top, 0)
    # Centres of pixels at whole numbers, the window's first at 0.
    corners = pixels[triangles] - (left + 0.5, top + 0.5)
    line, low, high = _runs(corners, height)
    first = np.clip(np.ceil(low), 0, width).astype(np.int64)
    after = np.clip(np.floor(high) + 1, 0, width).astype(np.int64)
    covers = after > first
    line, first, after = line[covers] * (width + 1), first[covers], after[covers]
    count = (width + 1) * height
    steps = np.bincount(line + first, minlength=count) - np.bincount(line + after, minlength=count)
    covered: NDArray[np.bool_] = steps.reshape(height, width + 1).cumsum(axis=1)[:, :width] > 0
    return covered


def _runs(corners: Floats, height: int) -> tuple[Ints, Floats, Floats]:
    """Line, left end and right end of every crossing of a triangle (T×3×2) with the middle of a line."""
    start = np.clip(np.ceil(corners[..., 1].min(axis=1)), 0, height).astype(np.int64)
    stop = np.clip(np.floor(corners[..., 1].max(axis=1)) + 1, 0, height).astype(np.int64)
    lines = np.maximum(stop - start, 0)
    triangle = np.repeat(np.arange(len(corners)), lines)
    line = np.arange(lines.sum()) - np.repeat(lines.cumsum() - lines, lines) + start[triangle]
    low, high = np.full(len(line), np.inf), np.full(len(line), -np.inf)
    for k in range(3):
        (ax, ay), (bx, by) = corners[triangle, k].T, corners[triangle, (k + 1) % 3].T
        crosses = (np.minimum(ay, by) <= line) & (line <= np.maximum(ay, by)) & (ay != by)
        share = np.divide(line - ay, by - ay, out=np.zeros(len(line)), where=crosses)
        x = ax + share * (bx - ax)
        low = np.where(crosses, np.minimum(low, x), low)
        high = np.where(crosses, np.maximum(high, x), high)
    return line, low, high
