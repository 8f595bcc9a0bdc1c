"""What the scores answer: means with intervals, real photos replaced, differences between arms."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coldstart.study.config import SOURCE, Arm
from coldstart.study.curve import monotone, photos_for
from coldstart.study.scores import METRICS, PER_CLASS, Point, Scores
from detect.scoring import interval, number

__all__ = [
    "Comparison",
    "Photos",
    "comparisons",
    "difference",
    "learning_curve",
    "mean",
    "photos_alone",
    "point",
    "replaced",
    "spread",
]

Floats = NDArray[np.float64]
Photos = Mapping[Point, Sequence[int]]  # labelled photos of each point in each fold


def mean(counts: Sequence[int]) -> float:
    """Labelled photos, mean over folds."""
    return float(np.mean(counts))


def spread(counts: Sequence[int]) -> str:
    """Labelled photos of the folds in words: `12`, `7 or 8`, `9 to 12`."""
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} {'or' if high == low + 1 else 'to'} {high}"


def photos_alone(arms: Mapping[str, Arm]) -> str | None:
    """The arm that learns from labelled photos alone, the plainest if there are several; None if there is none."""
    alone = [name for name, arm in arms.items() if arm.real and not arm.synthetic and not arm.teacher]
    return min(alone, key=lambda name: len(arms[name].overrides), default=None)


def point(scores: Scores, at: Point) -> dict[str, Any]:
    """A point's scores: {metric: {mean, interval, by_seed}} and `per_class`; None for what no seed has whole."""
    seeds = scores.seeds(at)
    if not seeds:
        return {**{metric: _summary(None) for metric in METRICS}, "seeds": [], "per_class": {}}
    found: dict[str, Any] = {"seeds": seeds}
    for metric in METRICS:
        by_seed = scores.means[at][metric]
        mean = _summary(scores.over(by_seed, seeds), scores.sound)
        found[metric] = {**mean, "by_seed": {str(s): number(by_seed[s][0]) for s in seeds}}
    found["per_class"] = {
        name: {m: _summary(scores.over(values[m], seeds), scores.sound) for m in PER_CLASS}
        for name, values in scores.classes[at].items()
    }
    return found


def _summary(values: Floats | None, sound: bool = True) -> dict[str, Any]:
    """The first value is on all test photos, the others are on resamplings."""
    if values is None:
        return {"mean": None, "interval": None, "by_seed": {}}
    return {"mean": number(values[0]), "interval": interval(values[1:]) if sound else None}


class Curve(NamedTuple):
    """Labelled photos alone: P budgets with their `photos`, from 0 on, and P×draws scores that never fall."""

    points: list[Point]
    photos: Floats
    values: Floats


def learning_curve(scores: Scores, arm: str, photos: Photos, metric: str, also: Sequence[Point] = ()) -> Curve | None:
    """The curve of an arm over the budgets that have scores, on the seeds that they and `also` share; None without."""
    points = sorted((at for at in scores.means if at[0] == arm), key=lambda at: mean(photos[at]))
    seeds = scores.seeds(*points, *also) if points else []
    if not seeds:
        return None
    values = [scores.over(scores.means[at][metric], seeds) for at in points]
    values = [np.zeros_like(values[0]), *values]  # of a detector that nobody taught
    counts = np.array([0.0, *(mean(photos[at]) for at in points)])
    return Curve(points, counts, monotone(np.nan_to_num(np.stack(values))))


def replaced(scores: Scores, arm: str, photos: Photos, at: Point, metric: str) -> dict[str, Any] | None:
    """How many labelled photos alone (`arm`) score as `at` does; None if that cannot be said.

    `equals` is None if it is `beyond` the curve's last number of photos, `most`; so are ends of `interval`. Numbers of
    photos are means over folds, but where the texts name `most`, which says what the folds have.
    """
    curve = learning_curve(scores, arm, photos, metric, [at])
    if curve is None:
        return None
    wanted = scores.over(scores.means[at][metric], scores.seeds(*curve.points, at))
    needed = photos_for(curve.photos, curve.values, np.nan_to_num(wanted))
    # Quantiles that are draws themselves: between two draws, of which one is beyond the end, there is nothing.
    ends = np.quantile(needed[1:], [0.025, 0.975], method="nearest") if scores.sound else None
    equals, most = _finite(needed[0]), float(curve.photos[-1])
    bounds = None if ends is None else [_finite(ends[0]), _finite(ends[1])]
    said = spread(photos[curve.points[-1]])
    found = {"equals": equals, "interval": bounds, "beyond": equals is None, "most": most, "most_text": said}
    return {**found, "text": _photos_text(equals, bounds, said)}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _photos_text(equals: float | None, bounds: Sequence[float | None] | None, most: str) -> str:
    def count(value: float | None) -> str:
        return f"more than {most}" if value is None else "less than 1" if value < 0.5 else f"{value:.0f}"

    whole = count(equals) if equals is None or equals < 0.5 else f"about {count(equals)}"
    plural = "photo" if whole.endswith(" 1") else "photos"
    if bounds is None or count(bounds[0]) == count(bounds[1]):
        return f"{whole} labelled {plural}"
    low, high = bounds
    if high is None and low is not None and low >= 0.5:
        return f"{whole} labelled {plural} (at least {count(low)})"
    return f"{whole} labelled {plural} ({count(low)} to {count(high)})"


class Comparison(NamedTuple):
    """A question that the difference of two points answers: what `b` scores more than `a`.

    `kind`: `translated`, the same but for the translation; `taught`, an arm against its teacher; `added`, synthetic
    pictures to as many photos; `saved`, synthetic pictures and fewer photos (or none) against all photos alone.
    """

    kind: str
    question: str
    a: Point
    b: Point


def comparisons(arms: Mapping[str, Arm], points: Sequence[Point], photos: Photos) -> Iterator[Comparison]:
    """The questions that a study of these arms answers, of those points that are there."""
    alone = photos_alone(arms)
    # Of all that are planned: where they have no scores yet, fewer photos are no substitute.
    most = max((at for at in photos if at[0] == alone), key=lambda at: mean(photos[at]), default=None)
    for name, arm in arms.items():
        plain = next((n for n, other in arms.items() if _untranslated(arm, other)), None)
        for at in (at for at in points if at[0] == name):
            budget = at[1]
            title, with_photos = _first_up(arm.title), f" (with {_photos(at, photos)})" if arm.real else ""
            if plain and (plain, budget) in points:
                question = f"{title} instead of {arms[plain].title}{with_photos}"
                yield Comparison("translated", question, (plain, budget), at)
            if arm.teacher and (arm.teacher, budget) in points:
                question = f"{title} instead of {arms[arm.teacher].title}{with_photos}"
                yield Comparison("taught", question, (arm.teacher, budget), at)
            if arm.synthetic and alone and (alone, budget) in points:
                yield Comparison("added", f"{title}, against {_photos(at, photos)} alone", (alone, budget), at)
            if arm.synthetic and most and most in points and budget != most[1]:
                yield Comparison("saved", f"{title}{with_photos}, against {_photos(most, photos)} alone", most, at)


def _untranslated(arm: Arm, other: Arm) -> bool:
    """Whether `other` is `arm` but for its synthetic pictures, which are the renders as they are."""
    alike = all(getattr(arm, key) == getattr(other, key) for key in ("real", "teacher", "mix", "overrides"))
    return alike and list(other.synthetic) == [SOURCE] and bool(arm.synthetic) and list(arm.synthetic) != [SOURCE]


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _photos(at: Point, photos: Photos) -> str:
    """How many labelled photos a point has: a fold with fewer than its budget has them all."""
    counts = photos[at]
    return (
        "all labelled photos" if at[1] == "all" else f"{spread(counts)} labelled photo{'' if max(counts) == 1 else 's'}"
    )


def difference(scores: Scores, comparison: Comparison) -> dict[str, Any] | None:
    """{metric: {a, b, difference, interval}} on the `seeds` that both have, and what AP's interval `says`; or None."""
    a, b = comparison.a, comparison.b
    seeds = scores.seeds(a, b)
    if not seeds:
        return None
    found: dict[str, Any] = {"seeds": seeds}
    for metric in METRICS:
        values = [scores.over(scores.means[at][metric], seeds) for at in (a, b)]
        apart = _summary(values[1] - values[0], scores.sound)
        ends = {"a": number(values[0][0]), "b": number(values[1][0])}
        found[metric] = {**ends, "difference": apart["mean"], "interval": apart["interval"]}
    says = _says(found["AP"]["interval"])
    return {**found, "says": says, "text": f"{signed(found['AP'])} AP: {says}"}


def _says(bounds: Sequence[float] | None) -> str:
    if bounds is None or bounds[0] <= 0 <= bounds[1]:
        return "cannot tell"
    return "better" if bounds[0] > 0 else "worse"


def signed(values: Mapping[str, Any]) -> str:
    """A difference with its interval: `+0.031 (−0.010 to +0.072)`."""
    if values["difference"] is None:
        return "missing"
    bounds = values["interval"]
    numbers = f"{values['difference']:+.3f}" + (f" ({bounds[0]:+.3f} to {bounds[1]:+.3f})" if bounds else "")
    return numbers.replace("-", "−")
