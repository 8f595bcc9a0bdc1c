"""Amodal masks: the pixels an object would cover if nothing stood in front of it. Pure numpy."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["amodal_mask"]


def amodal_mask(
    pixels: NDArray[np.float64], triangles: NDArray[np.int64], size: tuple[int, int], margin: int
) -> NDArray[np.bool_]:
    """Pixels whose centres lie in some triangle.

    `pixels` are N×2 projected vertices (x right, y down), `triangles` T×3 indices, `size` the frame's (width, height).
    The mask is (height + 2·margin) × (width + 2·margin): the frame lies in its middle, so that what is cut off by the
    frame counts too, up to `margin` pixels out.
    """
    width, height = size[0] + 2 * margin, size[1] + 2 * margin
    mask = np.zeros((height, width), dtype=bool)
    corners = pixels[triangles] + margin
    low = np.floor(corners.min(axis=1)).astype(int)
    high = np.ceil(corners.max(axis=1)).astype(int)
    inside = (high[:, 0] > 0) & (high[:, 1] > 0) & (low[:, 0] < width) & (low[:, 1] < height)
    corners, low, high = corners[inside], low[inside], high[inside]
    # Triangles of like size are tested together on one square grid of pixels each.
    side = np.maximum((high - low).max(axis=1), 1)
    bucket = np.ceil(np.log2(side)).astype(int)
    for power in np.unique(bucket):
        _fill(mask, corners[bucket == power], low[bucket == power], 2**power + 1)
    return mask


def _fill(
    mask: NDArray[np.bool_], corners: NDArray[np.float64], low: NDArray[np.int64], side: int, chunk: int = 1 << 22
) -> None:
    offsets = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    step = max(1, chunk // len(offsets))
    for start in range(0, len(corners), step):
        c, grid = corners[start : start + step], low[start : start + step, None] + offsets
        centre = grid + 0.5
        sign = np.empty((3, *centre.shape[:2]))
        for k in range(3):
            a, b = c[:, None, k], c[:, None, (k + 1) % 3]
            sign[k] = (b[..., 0] - a[..., 0]) * (centre[..., 1] - a[..., 1])
            sign[k] -= (b[..., 1] - a[..., 1]) * (centre[..., 0] - a[..., 0])
        covered = (sign >= 0).all(axis=0) | (sign <= 0).all(axis=0)
        x, y = grid[covered].T
        fits = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
        mask[y[fits], x[fits]] = True
