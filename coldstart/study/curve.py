"""How score grows with the number of labelled photos, and how many photos reach a given score."""

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

__all__ = ["monotone", "photos_for"]

Floats = NDArray[np.float64]


def monotone(values: Floats) -> Floats:
    """P×D scores, P growing numbers of photos in D draws, as the nearest that never fall with more photos.

    Least squares under that constraint (isotonic regression, Barlow et al. 1972), each draw by itself.
    """
    return np.stack([isotonic_regression(column) for column in values.T], axis=1)


def photos_for(photos: Floats, values: Floats, wanted: Floats) -> Floats:
    """The smallest number of photos that reaches a score: D numbers, infinite beyond the curve's end.

    `photos` (P, growing) and `values` (P×D, never falling) are points of D curves, straight between them; `wanted` (D).
    """
    reached = values >= wanted
    last = np.where(reached.any(axis=0), reached.argmax(axis=0), len(photos))
    result = np.full(len(wanted), np.inf)
    result[last == 0] = photos[0]
    draws = np.flatnonzero((last > 0) & (last < len(photos)))
    right = last[draws]
    low, high = values[right - 1, draws], values[right, draws]
    share = (wanted[draws] - low) / (high - low)  # low < wanted <= high
    result[draws] = photos[right - 1] + share * (photos[right] - photos[right - 1])
    return result
