"""Radial lens distortion (Brown 1966, first term): a point at (x, y) from the axis, in focal lengths, is seen at
(1 + k1 r²) times that, r² = x² + y². k1 < 0 makes a barrel, k1 > 0 a pincushion.

Cycles renders a pinhole picture with a border around it; picture and labels are then looked up in it, so that both are
bent alike. A barrel turns back at k1 r² = −1/3: what is seen beyond that has no place in the pinhole picture, and just
before it the border grows without use. `distorted` stays clear of it.
"""

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_scenes.spec import Camera, rounded

__all__ = ["bend", "bounds", "distorted", "pinhole"]

Floats = NDArray[np.float64]
BENT = 0.2  # |k1| r² at most
ROUNDS = 12  # of the fixed-point iteration; the rest is then 4e-5 of r at most, a hundredth of a pixel


def bounds(half: float, size: Sequence[int]) -> tuple[float, float]:
    """Lowest and highest k1 for pictures of `size` [width, height], half the height being `half` focal lengths.

    At either |k1| r² is `BENT` for the point that the corner sees; its r is the corner's / (1 + k1 r²).
    """
    corner = half * np.hypot(1, size[0] / size[1])
    low, high = (float(k * (1 + k) ** 2 / corner**2) for k in (-BENT, BENT))
    return low, high


def distorted(camera: Camera, k1: float) -> Camera:
    """`camera` with distortion `k1`, or as much of it as its corners allow."""
    allowed = bounds(camera.sensor_height_mm / 2 / camera.lens_mm, camera.size)
    return dataclasses.replace(camera, k1=rounded(np.clip(k1, *allowed)))


@lru_cache(maxsize=1)
def _sources(camera: Camera) -> tuple[Floats, Floats]:
    """H×W pinhole pixel coordinates (x, y) of what each distorted pixel's centre sees; all passes of a scene ask."""
    width, height = camera.size
    focal = camera.lens_mm / camera.sensor_height_mm * height
    x, y = np.meshgrid((np.arange(width) + 0.5 - width / 2) / focal, (np.arange(height) + 0.5 - height / 2) / focal)
    u, v = x, y
    for _ in range(ROUNDS):
        stretch = 1 + camera.k1 * (u**2 + v**2)
        u, v = x / stretch, y / stretch
    return u * focal + width / 2, v * focal + height / 2


def _border(camera: Camera) -> int:
    x, y = _sources(camera)
    width, height = camera.size
    reach = max(-x.min(), -y.min(), x.max() - width, y.max() - height)
    return max(int(np.ceil(reach)) + 1, 0)


def pinhole(camera: Camera) -> Camera:
    """The camera without distortion that sees all that `camera` sees, at the same scale in its middle."""
    if not camera.k1:
        return camera
    border = _border(camera)
    width, height = camera.size
    return dataclasses.replace(
        camera,
        k1=0.0,
        size=(width + 2 * border, height + 2 * border),
        sensor_height_mm=camera.sensor_height_mm * (height + 2 * border) / height,
    )


def bend(picture: NDArray[Any], camera: Camera, *, smooth: bool = False) -> NDArray[Any]:
    """What `camera` sees, H×W or H×W×C, from a `picture` of its `pinhole`: interpolated if `smooth`, else nearest."""
    if not camera.k1:
        return picture
    border = _border(camera)
    x, y = (c + border - 0.5 for c in _sources(camera))
    if not smooth:
        return picture[np.round(y).astype(int), np.round(x).astype(int)]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - left, y - top
    if picture.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    above = picture[top, left] * (1 - fx) + picture[top, left + 1] * fx
    below = picture[top + 1, left] * (1 - fx) + picture[top + 1, left + 1] * fx
    bent: NDArray[Any] = (above * (1 - fy) + below * fy).astype(picture.dtype)
    return bent
