"""What is where? Gradients of a translation against those that its render lets expect, whatever the colours are."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Match", "correlate", "energy", "gradients", "regions", "unexplained"]

Floats = NDArray[np.float32]

EDGE = 1.2  # pixels, σ of the derivative of a Gaussian: finer is noise
WINDOW = 4.0  # pixels, σ of the window in which structure is compared where there is no object
NEAR = 3  # pixels; an object within them is where it was


class Match(NamedTuple):
    """How well an object's gradients agree with the translation's: in place, and best at `shift` (x, y) pixels away."""

    here: float
    there: float
    shift: tuple[int, int]


def gradients(lab: Floats) -> Floats:
    """H×W×3 Lab to its derivatives along x and y, H×W×6."""
    parts = [ndimage.gaussian_filter(lab, (EDGE, EDGE, 0), order=order) for order in ((0, 1, 0), (1, 0, 0))]
    return np.concatenate(parts, axis=-1)


def correlate(expected: Floats, found: Floats, region: NDArray[np.bool_], search: int) -> Match:
    """Slide the gradients `expected` within `region` over `found`, up to `search` pixels each way.

    Σ e·f / √(Σ e² Σ f²), the normalised correlation of vector fields: 1 where the picture is the same up to its
    contrast, near 0 where it is another. Positions within 1 px count as in place, those from 3 px on as elsewhere.
    """
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    mask = region[window].astype(np.float32)
    pattern = expected[window] * mask[..., None]
    padded = np.pad(found, ((search, search), (search, search), (0, 0)))
    seen = padded[rows[0] : rows[-1] + 1 + 2 * search, columns[0] : columns[-1] + 1 + 2 * search]
    size = seen.shape[:2]

    def spectrum(values: Floats) -> NDArray[Any]:
        return np.fft.rfft2(values, size, axes=(0, 1))

    def slid(product: NDArray[Any]) -> NDArray[Any]:
        return np.fft.irfft2(product, size)[: 2 * search + 1, : 2 * search + 1]

    product = slid((spectrum(seen) * spectrum(pattern).conj()).sum(-1))
    power = slid(spectrum((seen**2).sum(-1)) * spectrum(mask).conj()).clip(0)
    agreement = product / (np.sqrt(power * (pattern**2).sum()) + 1e-6)
    near = agreement[search - 1 : search + 2, search - 1 : search + 2].max()
    y, x = np.mgrid[-search : search + 1, -search : search + 1]
    elsewhere = np.where(np.hypot(x, y) >= NEAR, agreement, -1)
    best = int(elsewhere.argmax())
    return Match(float(near), float(elsewhere.flat[best]), (int(x.flat[best]), int(y.flat[best])))


def energy(gradient: Floats) -> Floats:
    """|∇|² in a Gaussian window around each pixel, H×W."""
    return ndimage.gaussian_filter((gradient**2).sum(-1), WINDOW)


def unexplained(expected: Floats, found: Floats) -> Floats:
    """The energy of the gradients `found` that is more than twice what `expected` explains in the same window, H×W ≥ 0.

    Explained is the part of a least-squares fit with one gain (not below 0) per window; half of it again is granted for
    blur and noise. Expected structure below the picture's median counts as noise.
    """
    shared = ndimage.gaussian_filter((expected * found).sum(-1), WINDOW).clip(0)
    own = energy(found)
    explained = shared**2 / (energy(expected) + 0.25 * np.median(own) + 1e-9)
    left: Floats = (own - 1.5 * explained).clip(0)
    return left


def regions(strength: Floats, limit: float, area: float) -> list[list[int]]:
    """Boxes `[x, y, width, height]` of connected places where `strength` exceeds `limit`, of at least `area` pixels."""
    labels, count = ndimage.label(strength > limit)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    boxes = []
    for k, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[k] >= area:
            boxes.append([columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start])
    return boxes
