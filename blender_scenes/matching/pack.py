"""A cut-out product as shape and label art: the silhouette of round things becomes a lathe's profile and their label is
unrolled, the front of box-shaped things is straightened.

A cylinder of radius r shows the point at angle θ from its front at x = r sin θ; unrolling is the inverse, so that the
middle of a label is not stretched nor its sides squeezed. The far side, which no photo of the front shows, repeats it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter1d, map_coordinates, median_filter
from scipy.spatial import ConvexHull

from coldstart.errors import UserError

__all__ = ["Box", "Round", "as_box", "as_round"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]

ART_WIDTH = 1024  # pixels around
SEEN = 80.0  # degrees from the front to where the surface is seen too flat to be read
TOLERANCE = 0.25  # mm that a profile may stray from the silhouette
FLAT = 0.05  # of the height: what a base or top, seen from above as an ellipse, rounds off the silhouette
CAP = (0.04, 0.35)  # of the height from the top: where a cap may end
CAP_CONTRAST = 0.22  # distance in sRGB (0..1) by which it differs from what is below


@dataclass(frozen=True)
class Round:
    """`profile` rows [radius, z] in mm from the foot up, `art` of what is below `cap_at` (mm; the height if there is
    no cap), and the cap's colour."""

    profile: list[list[float]]
    art: Picture
    cap_at: float
    cap: str


@dataclass(frozen=True)
class Box:
    """Width in mm by the straightened front's proportions, and the art around all four sides."""

    width: float
    art: Picture


def as_round(pixels: Picture, mask: Mask, height: float, *, flat: tuple[bool, bool], sides: str, capped: bool) -> Round:
    """A round product `height` mm high from H×W×3 `pixels` and its H×W `mask`.

    `flat`: whether its foot and its top are; `sides`: `convex` ones never bend inwards, `widening` ones go outwards all
    the way up, others are `free`; `capped`: whether to look for a cap of another colour.

    Raises:
        UserError: it has fewer than 24 rows of pixels.
    """
    pixels, mask = _upright(pixels, mask)
    rows = np.flatnonzero(mask.any(axis=1))
    count = len(rows)
    if count < 24:
        raise UserError(f"the product is {count} pixels high in the photo; at least 24 are needed")
    left = np.array([np.argmax(mask[y]) for y in rows], dtype=float)
    right = np.array([mask.shape[1] - np.argmax(mask[y, ::-1]) for y in rows], dtype=float)
    middle = float(np.median((left + right) / 2))
    # Rows from the foot up; where the cut went wrong on one side, the other still tells the radius.
    radius = median_filter(np.maximum(right - middle, middle - left)[::-1], max(3, count // 40 * 2 + 1))
    radius = gaussian_filter1d(radius, max(1.0, count / 90), mode="nearest")  # pixels are steps, products are not
    edge = max(2, round(FLAT * count))
    # What the cut took away at one height, the rows above and below give back.
    if sides == "convex":
        radius = _envelope(radius)
    elif sides == "widening":
        radius = np.maximum.accumulate(radius)
    if flat[0]:
        radius[:edge] = np.maximum(radius[:edge], radius[edge : 2 * edge].max())
    if flat[1]:
        radius[-edge:] = np.maximum(radius[-edge:], np.median(radius[-2 * edge : -edge]))
    scale = height / count
    split, colour = _cap(pixels[rows], mask[rows]) if capped else (0, np.zeros(3))
    z = (np.arange(count) + 0.5) * scale
    z[0], z[-1] = 0.0, height
    outline = _simplified(np.stack([radius * scale, z], axis=1))
    profile = [[0.0, 0.0], *outline.tolist(), [0.0, height]]
    body = slice(0, count - split)
    art = _unrolled(
        pixels, middle, radius[body], rows[::-1][body], round(ART_WIDTH * (count - split) / (6 * radius.max()))
    )
    rounded = [[round(r, 1), round(h, 1)] for r, h in profile]
    return Round(rounded, art, height - split * scale, _hex(colour))


def as_box(pixels: Picture, mask: Mask, height: float) -> Box:
    """A box-shaped product `height` mm high, seen from its front."""
    corners = _corners(mask)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    across, up = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    if min(across, up) < 16:
        raise UserError(f"the product is {across:.0f}×{up:.0f} pixels in the photo; at least 16 are needed")
    front_width, front_height = ART_WIDTH // 4, int(np.clip(ART_WIDTH / 4 * up / across, 32, 1024))
    front = _straightened(pixels, corners, (front_width, front_height))
    # Around the box as `geometry.lathe` lays u: on each side x grows like the tangent of the angle to its middle.
    angle = 2 * np.pi * (np.arange(ART_WIDTH) + 0.5) / ART_WIDTH
    cosine, sine = np.cos(angle), np.sin(angle)
    faces_us = np.abs(sine) > np.abs(cosine)
    along = np.where(faces_us, np.where(sine < 0, cosine, -cosine) / np.maximum(np.abs(sine), 1e-9), 0)
    art = front[:, np.clip(((along + 1) / 2 * front_width).astype(int), 0, front_width - 1)]
    art[:, ~faces_us] = np.median(front, axis=1, keepdims=True).astype(np.uint8)
    art[:2] = art[-2:] = np.median(front, axis=(0, 1)).astype(np.uint8)  # its very edge is drawn over lid and base
    return Box(float(height * across / up), art)


def _upright(pixels: Picture, mask: Mask) -> tuple[Picture, Mask]:
    """The product turned so that its axis, the line through the middles of its rows, is vertical."""
    rows = np.flatnonzero(mask.any(axis=1))
    middles = np.array([np.flatnonzero(mask[y]).mean() for y in rows])
    core = slice(len(rows) // 10, max(len(rows) - len(rows) // 10, len(rows) // 10 + 2))
    slope = np.polyfit(rows[core], middles[core], 1)[0] if len(rows) > 4 else 0.0
    degrees = float(np.degrees(np.arctan(slope)))
    if not 0.5 < abs(degrees) < 20:  # beyond that it leans on purpose, or is no lathe's silhouette
        return pixels, mask
    centre = (float(np.median(middles)), float(np.median(rows)))
    turned = Image.fromarray(pixels).rotate(-degrees, Image.Resampling.BICUBIC, center=centre)
    silhouette = Image.fromarray((255 * mask).astype(np.uint8))
    turned_mask = silhouette.rotate(-degrees, Image.Resampling.BILINEAR, center=centre)
    return np.asarray(turned), np.asarray(turned_mask) > 127


def _cap(pixels: Picture, mask: Mask) -> tuple[int, Floats]:
    """How many rows of the product, from its top, are a cap of another colour, and that colour (0 rows: none)."""
    colours = np.array([np.median(row[m], axis=0) for row, m in zip(pixels, mask, strict=True)]) / 255
    count = len(colours)
    low, high = (max(2, round(share * count)) for share in CAP)
    reach = max(3, count // 20)
    best, contrast = 0, CAP_CONTRAST
    for k in range(low, high):
        change = float(np.linalg.norm(np.median(colours[:k], axis=0) - np.median(colours[k : k + reach], axis=0)))
        step = float(np.linalg.norm(colours[k + 1] - colours[k - 2]))
        if min(change, 2 * step) > contrast:
            best, contrast = k, min(change, 2 * step)
    return best, np.median(colours[: max(best, 1)], axis=0)


def _simplified(points: Floats, tolerance: float = TOLERANCE) -> Floats:
    """Fewer points that stay within `tolerance` of all (Douglas and Peucker 1973)."""
    if len(points) < 3:
        return points
    start, along = points[0], points[-1] - points[0]
    away = np.abs(along[0] * (points[:, 1] - start[1]) - along[1] * (points[:, 0] - start[0]))
    away /= max(float(np.hypot(*along)), 1e-9)
    k = int(np.argmax(away))
    if away[k] <= tolerance:
        return points[[0, -1]]
    return np.concatenate([_simplified(points[: k + 1], tolerance)[:-1], _simplified(points[k:], tolerance)])


def _envelope(radius: Floats) -> Floats:
    """The least concave function that is nowhere below `radius`."""
    rows = np.arange(len(radius))
    corners: list[int] = []
    for k in rows:
        while len(corners) > 1:
            i, j = corners[-2:]
            if (radius[j] - radius[i]) * (k - i) > (radius[k] - radius[i]) * (j - i):
                break
            corners.pop()
        corners.append(int(k))
    concave: Floats = np.interp(rows, corners, radius[corners])
    return concave


def _unrolled(pixels: Picture, middle: float, radius: Floats, rows: NDArray[np.int64], height: int) -> Picture:
    """`height`×ART_WIDTH art, u = 0.75 in front, from rows of the photo (foot first) with their radii in pixels."""
    height = int(np.clip(height, 32, 1024))
    share = (np.arange(ART_WIDTH) + 0.5) / ART_WIDTH
    # Front and far side alike: −90..90 degrees of each show what the photo shows of −SEEN..SEEN.
    angle = np.radians((((share - 0.75) * 360 + 90) % 180 - 90) * SEEN / 90)
    level = np.linspace(len(rows) - 1, 0, height)
    y = np.interp(level, np.arange(len(rows)), rows)
    # Just inside the silhouette, whose very edge is mixed with the background.
    reach = np.interp(level, np.arange(len(rows)), np.maximum(radius - 1, 1))
    x = middle - 0.5 + reach[:, None] * np.sin(angle)[None]
    where = np.stack([np.broadcast_to(y[:, None], x.shape), x])
    art = np.stack([map_coordinates(pixels[..., c], where, order=1, mode="nearest") for c in range(3)], axis=-1)
    return _seamless(art.astype(float))


def _seamless(art: Floats, share: float = 0.03) -> Picture:
    """Front and far side meet without a step: around each seam, both fade into their mean."""
    width = art.shape[1]
    reach = max(2, round(share * width))
    for seam in (0, width // 2):
        columns = (seam + np.arange(-reach, reach)) % width
        mean = art[:, columns[[reach - 1, reach]]].mean(axis=1, keepdims=True)
        fade = (1 - np.abs(np.arange(-reach, reach) + 0.5) / reach)[None, :, None]
        art[:, columns] += fade * (mean - art[:, columns])
    return np.round(np.clip(art, 0, 255)).astype(np.uint8)


def _corners(mask: Mask) -> Floats:
    """4×2 corners x, y of a roughly upright quadrilateral: upper left, upper right, lower right, lower left."""
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows], axis=1).astype(float)
    hull = points[ConvexHull(points).vertices]
    sides = np.maximum(np.ptp(hull, axis=0), 1)
    flat = (hull - hull.min(axis=0)) / sides
    picks = [int(np.argmin(flat @ d)) for d in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    return hull[picks]


def _straightened(pixels: Picture, corners: Floats, size: tuple[int, int]) -> Picture:
    """The quadrilateral `corners` of the photo as an upright rectangle of `size` [width, height] (a homography)."""
    width, height = size
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    equations, wanted = [], []
    for (u, v), (x, y) in zip(target, corners, strict=True):
        equations += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        wanted += [x, y]
    coefficients = np.linalg.solve(np.array(equations), np.array(wanted))
    straight = Image.fromarray(pixels).transform(
        size, Image.Transform.PERSPECTIVE, coefficients.tolist(), Image.Resampling.BICUBIC
    )
    return np.array(straight)


def _hex(colour: Floats) -> str:
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in colour)
