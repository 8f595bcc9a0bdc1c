"""Naming things by the gallery's nearest class mean, and saying `unknown` where none is near (open-set recognition).

A class is the mean direction of its references' embeddings (nearest class mean, Mensink et al. 2013), in a space that
is whitened by the gallery's first 64 principal components if it has references enough. How well strangers are told
apart is measured by leaving one class after the other out of the gallery, whitening included: a thing is scored once
with its class in the gallery and once as a stranger to it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from detect.boxes import Bools, Floats, Ints
from detect.precision import resamplings
from detect.scoring import interval, number

__all__ = ["References", "Trial", "cosines", "cross_trial", "examine", "measure", "threshold"]

COMPONENTS = 64
FOLDS = 5
TOP = 5


@dataclass(frozen=True)
class References:
    """A gallery: `features` N×C, `label` N places in `classes`, `picture` N numbers of the pictures they are from."""

    classes: list[str]
    features: Floats
    label: Ints
    picture: Ints

    def only(self, rows: Bools) -> "References":
        """Some of them, of the same classes, some of which may be empty then."""
        return replace(self, features=self.features[rows], label=self.label[rows], picture=self.picture[rows])


@dataclass(frozen=True)
class Trial:
    """N things before a gallery of K classes. `label`: places in its classes, -1 for none of them.

    `cosine` N×K: how near each class is, NaN for an empty one; `stranger` N: how near the nearest class is while the
    thing's own is not in the gallery, NaN if no class is left; `picture` N: which picture a thing is from.
    """

    label: Ints
    cosine: Floats
    stranger: Floats
    picture: Ints

    @property
    def known(self) -> Bools:
        """N: the gallery has the thing's class."""
        own = np.take_along_axis(self.cosine, np.maximum(self.label, 0)[:, None], axis=1)[:, 0]
        return (self.label >= 0) & ~np.isnan(own)

    @property
    def best(self) -> Floats:
        """N: how near the nearest class is."""
        return np.nan_to_num(self.cosine, nan=-1.0).max(axis=1)


def cosines(gallery: References, features: Floats, whitened: bool | None = None) -> Floats:
    """N×K, -1..1: how near N things (N×C) are to each class; NaN for classes without references.

    `whitened`: None decides by the number of references, 128 and more.
    """
    found = np.full((len(features), len(gallery.classes)), np.nan)
    if len(gallery.label):
        mapped = _space(gallery.features, _whitens(gallery) if whitened is None else whitened)
        references, things = mapped(gallery.features), mapped(features)
        for k in np.unique(gallery.label):
            found[:, k] = things @ _unit(references[gallery.label == k].mean(axis=0))
    return found


def examine(gallery: References, features: Floats, label: Ints, picture: Ints, whitened: bool | None = None) -> Trial:
    """Score things with their class in the gallery, and without it."""
    whitened = _whitens(gallery) if whitened is None else whitened
    cosine = cosines(gallery, features, whitened)
    stranger = np.full(len(features), np.nan)
    for k in np.unique(label):
        rows = label == k
        without = cosine[rows] if k < 0 else cosines(gallery.only(gallery.label != k), features[rows], whitened)
        some = ~np.isnan(without).all(axis=1)
        stranger[np.flatnonzero(rows)[some]] = np.nanmax(without[some], axis=1)
    return Trial(label, cosine, stranger, picture)


def cross_trial(gallery: References) -> Trial:
    """The gallery's own references as things, in five folds of pictures: none is scored with others of its picture."""
    pictures = np.unique(gallery.picture)
    fold = np.searchsorted(pictures, gallery.picture) % FOLDS
    trials = []
    for n in np.unique(fold):
        asked = gallery.only(fold == n)
        rest = gallery.only(fold != n)
        trials.append(examine(rest, asked.features, asked.label, asked.picture, _whitens(gallery)))
    parts = ((t.label, t.cosine, t.stranger, t.picture) for t in trials)
    return Trial(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def threshold(trial: Trial, without: int | None = None) -> float | None:
    """The cosine that tells things of the gallery from strangers best: where the share of the first that reaches it
    exceeds that of the second most (Youden 1950). `without`: a class whose things do not count. None without both.
    """
    counted = np.ones(len(trial.label), dtype=bool) if without is None else trial.label != without
    truth, score = _sides(trial, counted)[:2]
    if truth.all() or not truth.any():
        return None
    false, true, limits = roc_curve(truth, score)
    return float(limits[1:][(true - false)[1:].argmax()])


def measure(
    trial: Trial, limits: Floats, *, classes: Sequence[str], draws: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """The entries of results.json: each number with its 95 % interval over resampled pictures, and `per_class`.

    `limits` (K+1): the threshold for things of each class, the last for those of none. Of things whose class the
    gallery has, `top1` and `top5`: its place among the nearest classes; `named`: it is the nearest and reaches the
    threshold. Of strangers, `rejected`: below the threshold. `auroc` and `fpr95`: how well the nearest cosine tells
    the two apart, and the share of strangers that passes where 95 % of the others do. None: cannot be measured.
    """
    values = list(_outcomes(trial, limits))
    truth, score, row = _sides(trial, np.ones(len(trial.label), dtype=bool))
    pictures, place = np.unique(trial.picture, return_inverse=True)

    def numbers(weight: Floats) -> dict[str, float]:
        means = {name: _mean(hit[rows], weight[rows]) for name, rows, hit in values}
        return {**means, **_separation(truth, score, weight[row])}

    found = numbers(np.ones(len(place)))
    drawn = [
        numbers(w[place].astype(float)) for w in resamplings(len(pictures), draws if len(pictures) > 1 else 0, seed)
    ]
    per_class = {
        name: {
            "things": int((trial.label == k).sum()),
            **{key: number(_mean(hit[rows & (trial.label == k)])) for key, rows, hit in values},
        }
        for k, name in enumerate(classes)
        if (trial.label == k).any()
    }
    return {
        **{key: number(value) for key, value in found.items()},
        "intervals": {key: interval(np.array([d[key] for d in drawn])) for key in found},
        "known": int(trial.known.sum()),
        "strangers": int((~np.isnan(trial.stranger)).sum()),
        "per_class": per_class,
    }


def _outcomes(trial: Trial, limits: Floats) -> Iterator[tuple[str, Bools, Bools]]:
    """Name, the things that it is about (N), and whether it is so (N)."""
    order = np.argsort(-np.nan_to_num(trial.cosine, nan=-2.0), axis=1, kind="stable")
    right = order == trial.label[:, None]
    limit = limits[trial.label]  # -1 is the last
    yield "top1", trial.known, right[:, 0]
    yield "top5", trial.known, right[:, :TOP].any(axis=1)
    yield "named", trial.known, right[:, 0] & (trial.best >= limit)
    yield "rejected", ~np.isnan(trial.stranger), trial.stranger < limit


def _sides(trial: Trial, counted: Bools) -> tuple[Bools, Floats, Ints]:
    """M scores, whether each is of a known thing or of a stranger, and its row in the trial."""
    known, strange = np.flatnonzero(trial.known & counted), np.flatnonzero(~np.isnan(trial.stranger) & counted)
    truth = np.repeat([True, False], [len(known), len(strange)])
    return truth, np.concatenate([trial.best[known], trial.stranger[strange]]), np.concatenate([known, strange])


def _separation(truth: Bools, score: Floats, weight: Floats) -> dict[str, float]:
    counted = weight > 0
    truth, score, weight = truth[counted], score[counted], weight[counted]
    if truth.all() or not truth.any():
        return {"auroc": np.nan, "fpr95": np.nan}
    false, true, _ = roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
    return {
        "auroc": float(roc_auc_score(truth, score, sample_weight=weight)),
        "fpr95": float(false[np.argmax(true >= 0.95 - 1e-9)]),
    }


def _mean(hit: Bools, weight: Floats | None = None) -> float:
    weight = np.ones(len(hit)) if weight is None else weight
    return float((hit * weight).sum() / weight.sum()) if weight.sum() else float("nan")


def _whitens(gallery: References) -> bool:
    return len(gallery.label) >= 2 * COMPONENTS


def _space(features: Floats, whitened: bool) -> Callable[[Floats], Floats]:
    """The map in which things are compared, fitted to N×C references."""
    if not whitened or len(features) < 2:
        return _unit
    centre = features.mean(axis=0)
    _, size, axes = np.linalg.svd(features - centre, full_matrices=False)
    kept = size[:COMPONENTS] > 1e-6
    scaled = axes[:COMPONENTS][kept].T / size[:COMPONENTS][kept]
    return lambda rows: _unit((rows - centre) @ scaled)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Floats = rows / np.maximum(length, 1e-12)
    return unit
