"""COCO's box metrics as a pure function of predictions and ground truth, with intervals over resampled images."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import faster_coco_eval.faster_eval_api_cpp as compiled
import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from coldstart.dataset import Annotation, Category, Image

__all__ = ["Score", "score"]

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Score:
    """`metrics`: AP (mean over IoU 0.50:0.95), AP50, AP75, AR100; `per_class`: AP and AP50; `intervals`: 95 %.

    None stands for what cannot be measured: a class without boxes, an interval from fewer than two images.
    """

    metrics: Metrics
    per_class: dict[str, Metrics]
    intervals: dict[str, list[float] | None]


def score(
    predictions: Sequence[Mapping[str, Any]],
    images: Sequence[Image],
    annotations: Sequence[Annotation],
    categories: Sequence[Category],
    *,
    draws: int = 200,
    seed: int = 0,
) -> Score:
    """COCO metrics (Lin et al. 2014, arXiv 1405.0312) of `predictions` (COCO results).

    Annotations with `ignore: 1` are treated as `iscrowd: 1`, since COCO's code overwrites `ignore` by `iscrowd`: what
    matches them counts neither for nor against. Predictions of a category that is not listed are left out.
    Intervals are the 2.5th and 97.5th percentile over `draws` resamplings of the images with replacement (Efron &
    Tibshirani 1993).
    """
    known = {c["id"] for c in categories}
    truth = [
        {
            **a,
            "area": a.get("area", a["bbox"][2] * a["bbox"][3]),
            "iscrowd": int(bool(a.get("iscrowd") or a.get("ignore"))),
            "segmentation": [],
        }
        for a in annotations
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth = COCO({"images": list(images), "annotations": truth, "categories": list(categories), "info": {}})
        found = ground_truth.loadRes([dict(p) for p in predictions if p["category_id"] in known])
        evaluation = COCOeval_faster(ground_truth, found, "bbox", separate_eval=True)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    names = {c["id"]: c["name"] for c in categories}
    precision = _precision(evaluation.eval)
    return Score(
        {**_averages(precision), "AR100": _mean(np.asarray(evaluation.eval["recall"])[:, :, 0, -1])},
        {
            names[category]: {"AP": _mean(precision[:, :, k]), "AP50": _mean(precision[0, :, k])}
            for k, category in enumerate(evaluation.params.catIds)
        },
        _intervals(evaluation, draws, seed) if len(images) > 1 else {"AP": None, "AP50": None},
    )


def _precision(accumulated: Mapping[str, Any]) -> NDArray[np.float64]:
    """IoU thresholds × recall points × classes; -1 for a class without boxes."""
    return np.asarray(accumulated["precision"])[:, :, :, 0, -1]


def _averages(precision: NDArray[np.float64]) -> Metrics:
    return {"AP": _mean(precision), "AP50": _mean(precision[0]), "AP75": _mean(precision[5])}


def _mean(values: NDArray[np.float64]) -> float | None:
    values = values[values > -1]
    return float(values.mean()) if values.size else None


def _intervals(evaluation: Any, draws: int, seed: int) -> dict[str, list[float] | None]:
    """Matches are found per image and class, so a resampling needs no more than to accumulate them anew."""
    matches, images = evaluation._evalImgs_cpp, len(evaluation.params.imgIds)
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {"AP": [], "AP50": []}
    for _ in range(draws):
        chosen = generator.integers(images, size=images)
        resampled = [matches[k * images + i] for k in range(len(matches) // images) for i in chosen]
        averages = _averages(_precision(compiled.COCOevalAccumulate(evaluation._paramsEval, resampled)))
        for key, values in drawn.items():
            if averages[key] is not None:
                values.append(averages[key])  # type: ignore[arg-type]
    return {
        key: [float(v) for v in np.percentile(values, [2.5, 97.5])] if values else None for key, values in drawn.items()
    }
