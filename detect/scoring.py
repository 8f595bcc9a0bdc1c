"""COCO's box metrics of a run, per class, size and visibility, with intervals; differences of two runs, paired.

Everything follows from matches that are found once: to drop or repeat an image only changes how often its detections
and boxes count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coldstart.dataset import Annotation, Category, Image
from coldstart.errors import UserError
from detect.boxes import Bools, Floats, Found, Ints, Pairs, Truth, found_boxes, overlaps
from detect.matching import IOUS, Matches, match
from detect.precision import average_precision, recall, resamplings

__all__ = ["Outcome", "Score", "averages", "outcome", "paired", "score", "summary"]

Metrics = dict[str, float | None]
Interval = list[float] | None

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}  # COCO's, pixels of area
VISIBLE = {
    "below 25 %": (0.0, 0.25),
    "25 to 50 %": (0.25, 0.5),
    "50 to 75 %": (0.5, 0.75),
    "75 % and more": (0.75, 2.0),
}


@dataclass(frozen=True)
class Outcome:
    """What a detector found, what was there, where they overlap (one class, IoU 0.5 and more), and what is right."""

    found: Found
    truth: Truth
    pairs: Pairs
    matches: Matches


@dataclass(frozen=True)
class Score:
    """`metrics`: AP (mean over IoU 0.50:0.95), AP50, AP75, AR100; `intervals`: 95 % for each; the same `per_class`.

    `by_size` and `by_visible_fraction`: AP, AP50, AR100 and AR50 (the share found at IoU 0.5) of some of the
    boxes, the others being ignored.
    None stands for what cannot be measured: a class without boxes, an interval from fewer than two images.
    """

    metrics: Metrics
    per_class: dict[str, Metrics]
    intervals: dict[str, Interval]
    class_intervals: dict[str, dict[str, Interval]]
    by_size: dict[str, Metrics]
    by_visible_fraction: dict[str, Metrics]


def outcome(
    predictions: Sequence[Mapping[str, Any]],
    images: Sequence[Image],
    annotations: Sequence[Annotation],
    categories: Sequence[Category],
) -> Outcome:
    """Match `predictions` (COCO results) with the labels. Those of a category that is not listed are left out."""
    found, truth = found_boxes(predictions, images, categories), Truth.of(images, annotations, categories)
    pairs = overlaps(found, truth, IOUS[0])
    return Outcome(found, truth, pairs, match(found, truth, pairs))


def score(
    predictions: Sequence[Mapping[str, Any]],
    images: Sequence[Image],
    annotations: Sequence[Annotation],
    categories: Sequence[Category],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """COCO metrics (Lin et al. 2014, arXiv 1405.0312) of `predictions` (COCO results).

    Annotations with `ignore: 1` are treated as `iscrowd: 1`, since COCO's code overwrites `ignore` by `iscrowd`: what
    matches them counts neither for nor against. Intervals are the 2.5th and 97.5th percentile over `draws`
    resamplings of the images with replacement (Efron & Tibshirani 1993).
    """
    return summary(outcome(predictions, images, annotations, categories), draws=draws, seed=seed)


def summary(result: Outcome, *, draws: int = 1000, seed: int = 0) -> Score:
    """All of `score`'s numbers of an outcome."""
    matches = result.matches
    classes = matches.classes
    means, each = averages(matches)
    images = len(matches.images)
    if draws and images > 1:
        drawn, each_drawn = averages(matches, resamplings(images, draws, seed))
        intervals = {key: interval(values) for key, values in drawn.items()}
        class_intervals = {
            name: {key: interval(values[:, k]) for key, values in each_drawn.items()} for k, name in enumerate(classes)
        }
    else:
        intervals = dict.fromkeys(means)
        class_intervals = {name: dict.fromkeys(each) for name in classes}
    return Score(
        {key: number(values[0]) for key, values in means.items()},
        {name: {key: number(values[0, k]) for key, values in each.items()} for k, name in enumerate(classes)},
        intervals,
        class_intervals,
        dict(_by_size(result)),
        dict(_by_visible_fraction(result)),
    )


def averages(matches: Matches, weights: Ints | None = None) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """AP, AP50, AP75 and AR100 of the mean over the classes (D values each), AP and AP50 of every class (D×K each).

    `weights` (D×I): how often an image counts, see `resamplings`. NaN without a box.
    """
    ap, ar = average_precision(matches, weights), recall(matches, weights)
    means = {"AP": ap.mean(axis=1), "AP50": ap[:, 0], "AP75": ap[:, 5], "AR100": ar.mean(axis=1)}
    return {key: _mean(values) for key, values in means.items()}, {key: means[key] for key in ("AP", "AP50")}


def paired(a: Matches, b: Matches, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """What `b` scores more than `a` on the same images: {"AP": {"a", "b", "difference", "interval"}, "AP50": …, "AP75":
    …, "AR100": …, "per_class": {class: {"AP": …, "AP50": …}}}.

    Each resampling draws the same images for both, so that what makes an image hard for both cancels (Efron &
    Tibshirani 1993). The 95 % interval is of the images alone: another training seed may differ by more.

    Raises:
        UserError: the runs were not scored on the same labels.
    """
    known = a.labels and b.labels
    if (a.images, a.classes) != (b.images, b.classes) or (
        a.labels != b.labels if known else (a.wanted != b.wanted).any()
    ):
        raise UserError("the runs were scored on other images, classes or boxes; score both on the same data=")
    images = len(a.images)
    drawn = resamplings(images, draws if images > 1 else 0, seed)
    weights = np.concatenate([np.ones((1, images), dtype=np.int64), drawn])
    (means_a, each_a), (means_b, each_b) = averages(a, weights), averages(b, weights)
    return {
        **{key: _difference(means_a[key], means_b[key]) for key in means_a},
        "per_class": {
            name: {key: _difference(each_a[key][:, k], each_b[key][:, k]) for key in each_a}
            for k, name in enumerate(a.classes)
        },
    }


def interval(values: Floats) -> Interval:
    """The 2.5th and 97.5th percentile of what is not NaN, None if nothing is left."""
    values = values[~np.isnan(values)]
    return [float(v) for v in np.percentile(values, [2.5, 97.5])] if values.size else None


def number(value: float) -> float | None:
    """None for NaN, since JSON has none."""
    return None if np.isnan(value) else float(value)


def _difference(a: Floats, b: Floats) -> dict[str, Any]:
    """The first value is on all images, the others are on resamplings."""
    apart = b - a
    ends = {"a": number(a[0]), "b": number(b[0]), "difference": number(apart[0])}
    return {**ends, "interval": interval(apart[1:])}


def _mean(values: Floats) -> Floats:
    """D×K -> D: over the classes that are not NaN."""
    counted = (~np.isnan(values)).sum(axis=1)
    return np.where(counted > 0, np.nansum(values, axis=1) / np.maximum(counted, 1), np.nan)


def _by_size(result: Outcome) -> Iterator[tuple[str, Metrics]]:
    """As COCO: labels by `area`, and detections without a label by that of their box, which others' misses are not."""
    sides = result.found.box[:, 2] * result.found.box[:, 3]
    for name, (low, high) in SIZES.items():
        outside = [(area < low) | (area > high) for area in (result.truth.area, sides)]
        yield name, _part(result, *outside)


def _by_visible_fraction(result: Outcome) -> Iterator[tuple[str, Metrics]]:
    """Nothing where labels do not carry it. False alarms have no visible fraction: each bin's AP counts them all."""
    visible = result.truth.visible
    for name, (low, high) in VISIBLE.items() if (visible >= 0).any() else ():
        yield name, _part(result, ~((visible >= low) & (visible < high)), None)


def _part(result: Outcome, truth_aside: Bools, found_aside: Bools | None) -> Metrics:
    matches = match(result.found, result.truth, result.pairs, truth_aside=truth_aside, found_aside=found_aside)
    means, _ = averages(matches)
    values = {**{key: means[key] for key in ("AP", "AP50", "AR100")}, "AR50": _mean(recall(matches.at(0.5))[:, 0])}
    return {"boxes": int(matches.wanted.sum()), **{key: number(value[0]) for key, value in values.items()}}
