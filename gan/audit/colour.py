"""What colour should each object have? What becomes of such colours elsewhere in the picture and in its folder.

A translation's colours are fitted as quadratic polynomials of the render's, with slow changes across the picture
(light, vignette) on top. First one fit for the whole folder, then one for each picture and object, that object left
out, drawn towards the folder's. What an object's colour differs by from that prediction is not the look's doing.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import kornia
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Sample", "departures", "folder_fit", "lab", "predicted", "sample"]

Floats = NDArray[np.float32]

BACKGROUND, OBJECT = 1500, 200  # pixels drawn outside the objects and from each of them
BACKGROUND_WEIGHT = 3.0  # the background counts as much as this many objects
RIDGE = 3e-4  # how strongly a picture's fit is drawn to the folder's, as a share of all weights
FEWEST = 20  # pixels inside an object's border; with fewer, its border is taken along


class Sample(NamedTuple):
    """Pixels of a pair: colours N×3 in [-1, 1] of render and translation, place N×2 in [-0.5, 0.5], whose they are.

    `owner` is 0 for the background and k + 1 for object k.
    """

    source: Floats
    translated: Floats
    place: Floats
    owner: NDArray[np.int64]

    @property
    def weights(self) -> Floats:
        """Every object counts 1 in all, however large it is."""
        counts = np.bincount(self.owner)
        share = np.where(np.arange(len(counts)) == 0, BACKGROUND_WEIGHT, 1) / np.maximum(counts, 1)
        return share[self.owner].astype(np.float32)


def lab(picture: Floats) -> Floats:
    """H×W×3 (or N×3) sRGB in [0, 1] to CIE Lab of the same shape, L in 0..100."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture.reshape(-1, 1, 3))).permute(2, 0, 1)
    found: Floats = kornia.color.rgb_to_lab(pixels).permute(1, 2, 0).numpy().reshape(picture.shape)
    return found


def sample(source: Floats, translated: Floats, masks: Sequence[NDArray[np.bool_]]) -> Sample:
    """Draw pixels of a pair (H×W×3 in [0, 1]), always the same ones, smoothed against noise by 1 px."""
    rng = np.random.default_rng(0)
    smooth = [ndimage.gaussian_filter(picture, (1, 1, 0)).reshape(-1, 3) * 2 - 1 for picture in (source, translated)]
    outside = ~np.any(masks, axis=0) if len(masks) else np.ones(source.shape[:2], bool)
    chosen, owners = [], []
    for owner, mask in enumerate([outside, *masks]):
        inside = ndimage.binary_erosion(mask)
        pixels = np.flatnonzero(inside if inside.sum() >= FEWEST else mask)
        if len(pixels):
            count = OBJECT if owner else BACKGROUND
            chosen.append(rng.choice(pixels, count))
            owners.append(np.full(count, owner))
    index = np.concatenate(chosen)
    return Sample(smooth[0][index], smooth[1][index], _places(source.shape)[index], np.concatenate(owners))


def folder_fit(samples: Sequence[Sample]) -> Floats:
    """The colours of a whole folder's translations as polynomials of its renders', 10×3."""
    features = _quadratic(np.concatenate([s.source for s in samples]))
    colours = np.concatenate([s.translated for s in samples])
    weights = np.concatenate([s.weights for s in samples])
    return _fit(features, colours, weights, np.zeros((features.shape[1], 3), np.float32), 1e-4)


def predicted(source: Floats, found: Sample, folder: Floats) -> Floats:
    """What the picture's look makes of `source` (H×W×3 in [0, 1]), the same shape and range."""
    coefficients = _picture_fit(found, folder, found.owner >= 0)
    features = _features(source.reshape(-1, 3) * 2 - 1, _places(source.shape), folder)
    return _unit(features @ coefficients).reshape(source.shape)


def departures(found: Sample, folder: Floats, count: int, without: Collection[int] = ()) -> Floats:
    """How far each of `count` objects' colour is from what the others let expect; nan for one without pixels or others.

    The root mean square of the difference in Lab's a and b over the object, divided by the standard deviation of the
    prediction in units of that of one object (Bishop 2006, Pattern Recognition and Machine Learning, eq. 3.59): where
    no other object has a colour of its kind, little can be said. Objects in `without` teach nothing about the others.
    """
    features, result = _features(found.source, found.place, folder), np.full(count, np.nan, np.float32)
    trusted = ~np.isin(found.owner, [k + 1 for k in without])
    for k in range(count):
        own = found.owner == k + 1
        others = trusted & ~own
        if not (own.any() and others.any()):
            continue
        coefficients = _picture_fit(found, folder, others)
        weighted = features[others] * found.weights[others, None]
        precision = features[others].T @ weighted + RIDGE * found.weights[others].sum() * np.eye(features.shape[1])
        middle = features[own].mean(0)
        spread = np.sqrt(1 + middle @ np.linalg.solve(precision, middle))
        difference = lab(_unit(found.translated[own])) - lab(_unit(features[own] @ coefficients))
        result[k] = np.sqrt((difference[:, 1:] ** 2).sum(1).mean()) / spread
    return result


def _picture_fit(found: Sample, folder: Floats, used: NDArray[np.bool_]) -> Floats:
    features = _features(found.source[used], found.place[used], folder)
    same = np.zeros((features.shape[1], 3), np.float32)
    same[1:4] = np.eye(3)  # the folder's own colours
    return _fit(features, found.translated[used], found.weights[used], same, RIDGE)


def _features(colours: Floats, place: Floats, folder: Floats) -> Floats:
    x, y = place[:, :1], place[:, 1:]
    return np.concatenate([_quadratic(_quadratic(colours) @ folder), x, y, x * x, x * y, y * y], axis=1)


def _quadratic(c: Floats) -> Floats:
    mixed = [c[:, i : i + 1] * c[:, j : j + 1] for i in range(3) for j in range(i, 3)]
    return np.concatenate([np.ones_like(c[:, :1]), c, *mixed], axis=1)


def _fit(features: Floats, wanted: Floats, weights: Floats, prior: Floats, ridge: float) -> Floats:
    """Least squares drawn to `prior`, made robust by reweighting with Cauchy's function of the residual's length."""
    trust = np.ones(len(features), np.float32)
    pull = ridge * weights.sum() * np.eye(features.shape[1])
    found = prior
    for _ in range(6):
        weighted = features * (weights * trust)[:, None]
        found = np.linalg.solve(features.T @ weighted + pull, weighted.T @ wanted + pull @ prior)
        distance = np.linalg.norm(wanted - features @ found, axis=1)
        trust = 1 / (1 + (distance / (2 * np.median(distance) + 1e-6)) ** 2)
    return found.astype(np.float32)


def _places(shape: tuple[int, ...]) -> Floats:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([x / shape[1] - 0.5, y / shape[0] - 0.5], -1).reshape(-1, 2).astype(np.float32)


def _unit(colours: NDArray[Any]) -> Floats:
    return ((colours + 1) / 2).clip(0, 1).astype(np.float32)
