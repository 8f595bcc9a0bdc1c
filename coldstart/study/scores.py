"""The scores of every arm and budget, also over many resamplings of test photos and seeds, alike for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coldstart.errors import UserError
from coldstart.study.config import Budget
from coldstart.study.plan import Cell, Plan
from detect.matching import Matches
from detect.precision import resamplings
from detect.scoring import averages

__all__ = ["METRICS", "PER_CLASS", "Point", "Scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
METRICS = ("AP", "AP50", "AP75", "AR100")
PER_CLASS = ("AP", "AP50")
Point = tuple[str, Budget]  # an arm at a budget


@dataclass(frozen=True)
class Scores:
    """Means over folds of every point's detectors: `means[point][metric][seed]` is one score a draw, NaN without a box.

    Draw 0 is on all test photos, the others on resamplings of each fold's (Efron & Tibshirani 1993), the same for all
    points and seeds, so that differences are paired. Seeds for which a fold is missing are left out. `classes` holds
    the same for each class. Where `sound` is false, some fold has a single test photo: nothing can be resampled.
    """

    means: Mapping[Point, Mapping[str, Mapping[int, Floats]]]
    classes: Mapping[Point, Mapping[str, Mapping[str, Mapping[int, Floats]]]]
    draws: int
    seed: int
    sound: bool

    @classmethod
    def of(cls, plan: Plan, cells: Iterable[Cell], *, draws: int = 1000, seed: int = 0) -> "Scores":
        """Read what detect.evaluate wrote for `cells`, those of `plan` that are done.

        Raises:
            UserError: a file is none of detect.evaluate's, or a fold was scored on other photos in another cell.
        """
        numbers = {fold.name: number for number, fold in enumerate(plan.folds)}
        weights: dict[str, Ints] = {}
        images: dict[str, list[str]] = {}
        found: dict[tuple[Point, int], dict[str, tuple[dict[str, Floats], dict[str, Floats], list[str]]]] = {}
        for cell in cells:
            matches = Matches.load(Path(cell.score.out) / "matches.npz")
            count = len(matches.images)
            if images.setdefault(cell.fold, matches.images) != matches.images:
                raise UserError(f"{cell.score.out}: was scored on other photos than the others of {cell.fold}")
            if cell.fold not in weights:
                drawn = resamplings(count, draws, [seed, numbers[cell.fold]])
                weights[cell.fold] = np.concatenate([np.ones((1, count), dtype=np.int64), drawn])
            parts = (*averages(matches, weights[cell.fold]), matches.classes)
            found.setdefault(((cell.arm, cell.budget), cell.seed), {})[cell.fold] = parts
        means: dict[Point, dict[str, dict[int, Floats]]] = {}
        classes: dict[Point, dict[str, dict[str, dict[int, Floats]]]] = {}
        for (point, s), folds in found.items():
            if len(folds) < len(plan.folds):
                continue
            for metric in METRICS:
                mean = _mean([overall[metric] for overall, _, _ in folds.values()])
                means.setdefault(point, {}).setdefault(metric, {})[s] = mean
            names = dict.fromkeys(name for *_, known in folds.values() for name in known)
            for name in names:
                for metric in PER_CLASS:
                    columns = [each[metric][:, known.index(name)] for _, each, known in folds.values() if name in known]
                    of_class = classes.setdefault(point, {}).setdefault(name, {}).setdefault(metric, {})
                    of_class[s] = _mean(columns)
        sound = all(len(names) > 1 for names in images.values())
        return cls(means, classes, draws, seed, sound)

    def seeds(self, *points: Point) -> list[int]:
        """The seeds for which all of `points` are there for every fold."""
        known = [set(self.means.get(point, {}).get(METRICS[0], {})) for point in points]
        return sorted(set.intersection(*known)) if known else []

    def over(self, by_seed: Mapping[int, Floats], seeds: Sequence[int]) -> Floats:
        """The mean over `seeds` of each draw; in draws from 1 on, of one seed fewer, drawn with replacement.

        So few are resampled without making their spread too small (Rao & Wu 1988: n - 1 of n).
        """
        size = max(1, len(seeds) - 1)
        drawn = resamplings(len(seeds), self.draws, [self.seed, 2**31], size=size) / size
        counts = np.concatenate([np.full((1, len(seeds)), 1 / len(seeds)), drawn])
        values: Floats = (counts * np.stack([by_seed[s] for s in seeds], axis=1)).sum(axis=1)
        return values


def _mean(columns: Sequence[Floats]) -> Floats:
    """The mean of those that are not NaN, draw by draw."""
    stacked = np.stack(columns)
    counted = (~np.isnan(stacked)).sum(axis=0)
    return np.where(counted > 0, np.nansum(stacked, axis=0) / np.maximum(counted, 1), np.nan)
