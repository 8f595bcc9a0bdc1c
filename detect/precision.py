"""Precision, recall and average precision of matches, also of many resamplings of the images at once."""

import numpy as np

from coldstart.errors import UserError
from detect.boxes import Floats, Ints
from detect.matching import Matches

__all__ = ["RECALLS", "average_precision", "check_draws", "precision_curves", "recall", "resamplings"]

RECALLS: Floats = np.linspace(0, 1, 101)
CELLS = 250_000  # detections × draws looked at together: what fits into a processor's cache


def check_draws(draws: int, seed: int) -> None:
    """Refuse what `resamplings` cannot draw."""
    if draws < 1 or seed < 0:
        raise UserError("draws must be at least 1 and seed not below 0")


def resamplings(images: int, draws: int, seed: int | list[int] = 0, *, size: int | None = None) -> Ints:
    """How often each image is in each of `draws` samples of `size` (as many), drawn with replacement: draws×images.

    Their scores give bootstrap intervals (Efron & Tibshirani 1993).
    """
    drawn = np.random.default_rng(seed).integers(images, size=(draws, size or images))
    cells = np.bincount((drawn + images * np.arange(draws)[:, None]).ravel(), minlength=draws * images)
    return cells.reshape(draws, images)


def average_precision(matches: Matches, weights: Ints | None = None) -> Floats:
    """COCO's AP, D×T×K: mean precision at 101 recalls, each the best at that recall or above it; NaN without a box.

    `weights` (D×I): how often an image counts; each once by default. The curve of a sample with repeated images is
    that of the same detections counted repeatedly: precision need only be known where recall rises.
    """
    weights = _weights(matches, weights)
    result = np.full((len(weights), len(matches.thresholds), len(matches.classes)), np.nan)
    hit, ignored = matches.hit, matches.ignored
    for k in range(len(matches.classes)):
        rows = np.flatnonzero(matches.category == k)
        wanted = weights @ matches.wanted[:, k]
        for part in np.array_split(np.arange(len(weights)), -(-len(rows) * len(weights) // CELLS) or 1):
            counted = weights[part][:, matches.image[rows]]
            so_far = np.cumsum(counted, axis=1)
            for t in range(len(matches.thresholds)):
                hits = np.flatnonzero(hit[t, rows])
                seen = so_far[:, hits]
                if ignored[t, rows].any():
                    seen = seen - np.cumsum(np.where(ignored[t, rows], counted, 0), axis=1)[:, hits]
                right = np.cumsum(counted[:, hits], axis=1)
                precision = _best_from_here(right / (seen + np.spacing(1)))
                reached = np.searchsorted(RECALLS, right / np.maximum(wanted[part], 1)[:, None], side="right")
                result[part, t, k] = (np.diff(reached, axis=1, prepend=0) * precision).sum(axis=1) / len(RECALLS)
        result[wanted == 0, :, k] = np.nan
    return result


def recall(matches: Matches, weights: Ints | None = None) -> Floats:
    """Share of the boxes found, D×T×K, NaN without a box; `weights` as in `average_precision`."""
    weights = _weights(matches, weights)
    shape = len(matches.thresholds), len(matches.images), len(matches.classes)
    found = np.zeros(shape)
    t, rows = np.nonzero(matches.hit)
    np.add.at(found, (t, matches.image[rows], matches.category[rows]), 1)
    wanted = weights @ matches.wanted
    share = (weights @ found).transpose(1, 0, 2) / np.maximum(wanted, 1)[:, None]
    return np.where(wanted[:, None] > 0, share, np.nan)


def precision_curves(matches: Matches) -> Floats:
    """Precision at `RECALLS`, T×101×K, as COCO interpolates it: 0 where a recall is not reached, NaN without a box."""
    result = np.full((len(matches.thresholds), len(RECALLS), len(matches.classes)), np.nan)
    for k, wanted in enumerate(matches.wanted.sum(axis=0)):
        rows = matches.category == k
        for t in range(len(matches.thresholds) if wanted else 0):
            right = np.cumsum(matches.hit[t, rows])
            seen = np.cumsum(~matches.ignored[t, rows])
            precision = _best_from_here((right / (seen + np.spacing(1)))[None])[0]
            at = np.searchsorted(right / wanted, RECALLS)
            result[t, :, k] = np.append(precision, 0)[at]
    return result


def _weights(matches: Matches, weights: Ints | None) -> Ints:
    return np.ones((1, len(matches.images)), dtype=np.int64) if weights is None else weights


def _best_from_here(values: Floats) -> Floats:
    """D×n: the largest at or after each place."""
    return np.maximum.accumulate(values[:, ::-1], axis=1)[:, ::-1]
