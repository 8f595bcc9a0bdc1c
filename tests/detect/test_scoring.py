import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from coldstart.dataset import Annotation, Image, categories_from
from detect.scoring import score

CATEGORIES = categories_from(["a", "b", "c"])
Case = tuple[list[dict[str, Any]], list[Image], list[Annotation]]


def random_case(seed: int) -> Case:
    """A few images; tied scores, empty images, absent classes, crowds, near and far boxes, no predictions at all."""
    rng = np.random.default_rng(seed)
    images: list[Image] = [
        {"id": i + 1, "file_name": f"{i}.png", "width": 200, "height": 200} for i in range(rng.integers(1, 6))
    ]
    present = rng.choice([1, 2, 3], size=rng.integers(1, 4), replace=False)
    annotations: list[Annotation] = []
    predictions: list[dict[str, Any]] = []
    for image in images:
        for _ in range(rng.integers(0, 7)):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 120, 2), *rng.uniform(10, 80, 2)))
            category = int(rng.choice(present))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": int(rng.random() < 0.15),
                }
            )
            for _ in range(rng.integers(0, 3)):
                near = (np.array([x, y, w, h]) + rng.normal(0, 4, 4)).clip(1).tolist()
                other = int(rng.integers(1, 4)) if rng.random() < 0.2 else category
                tied = float(rng.choice([0.25, 0.5, 0.75, rng.random()]))
                predictions.append({"image_id": image["id"], "category_id": other, "bbox": near, "score": tied})
    return ([] if rng.random() < 0.08 else predictions), images, annotations


def reference(case: Case) -> dict[str, Any]:
    """pycocotools' numbers for the same case."""
    predictions, images, annotations = case
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": [dict(a) for a in annotations], "categories": CATEGORIES}
        truth.createIndex()
        if predictions:
            found = truth.loadRes([dict(p) for p in predictions])
        else:
            found = COCO()
            found.dataset = {"images": images, "annotations": [], "categories": CATEGORIES}
            found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()

    def number(value: float) -> float | None:
        return None if value == -1 else float(value)

    def mean(values: Any) -> float | None:
        return float(values[values > -1].mean()) if (values > -1).any() else None

    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return {
        **{key: number(evaluation.stats[i]) for key, i in (("AP", 0), ("AP50", 1), ("AP75", 2), ("AR100", 8))},
        **{c["name"]: mean(precision[:, :, k]) for k, c in enumerate(CATEGORIES)},
        **{c["name"] + "50": mean(precision[0, :, k]) for k, c in enumerate(CATEGORIES)},
    }


def test_equals_pycocotools_on_random_cases() -> None:
    absent = empty = crowds = 0
    for seed in range(100):
        case = random_case(seed)
        predictions, images, annotations = case
        ours, theirs = score(predictions, images, annotations, CATEGORIES, draws=1), reference(case)
        flat = {
            **ours.metrics,
            **{name: values["AP"] for name, values in ours.per_class.items()},
            **{name + "50": values["AP50"] for name, values in ours.per_class.items()},
        }
        assert flat == pytest.approx(theirs, abs=1e-9), seed
        absent += None in flat.values()
        empty += not predictions
        crowds += any(a["iscrowd"] for a in annotations)
    assert min(absent, empty, crowds) >= 5


def box(number: int, image: int, x: float, **more: Any) -> Annotation:
    return {"id": number, "image_id": image, "category_id": 1, "bbox": [x, 10.0, 20.0, 20.0], **more}  # type: ignore[typeddict-item]


def test_ignore_really_ignores() -> None:
    images: list[Image] = [{"id": 1, "file_name": "a.png", "width": 200, "height": 200}]
    found = [
        {"image_id": 1, "category_id": 1, "bbox": [100.0, 10, 20, 20], "score": 0.9},
        {"image_id": 1, "category_id": 1, "bbox": [10.0, 10, 20, 20], "score": 0.8},
    ]
    wanted, hidden = box(1, 1, 10.0), box(2, 1, 100.0, ignore=1, iscrowd=0)
    assert score(found, images, [wanted], CATEGORIES).metrics["AP"] == pytest.approx(0.5)  # a false alarm first
    assert score(found, images, [wanted, hidden], CATEGORIES).metrics["AP"] == pytest.approx(1.0)
    # Nor does a hidden box that nobody found count as missed.
    assert score(found[1:], images, [wanted, hidden], CATEGORIES).metrics["AR100"] == pytest.approx(1.0)


def test_intervals_bracket_the_score_and_follow_the_seed() -> None:
    images: list[Image] = [{"id": i, "file_name": f"{i}.png", "width": 200, "height": 200} for i in range(1, 21)]
    annotations = [box(i, i, 10.0) for i in range(1, 21)]
    # Found on three images of four.
    found = [
        {"image_id": i, "category_id": 1, "bbox": [10.0, 10, 20, 20], "score": 1 - i / 100}
        for i in range(1, 21)
        if i % 4
    ]
    result = score(found, images, annotations, CATEGORIES, seed=1)
    low, high = result.intervals["AP"] or [0, 0]
    assert result.metrics["AP"] == pytest.approx(0.75, abs=0.01)
    # The recall of 20 images is binomial: a standard deviation of sqrt(0.75 · 0.25 / 20) = 0.097.
    assert 0.45 < low < 0.65
    assert 0.85 < high <= 1.0
    assert score(found, images, annotations, CATEGORIES, seed=1) == result
    assert score(found, images, annotations, CATEGORIES, seed=2).intervals != result.intervals


def test_what_cannot_be_measured_is_none() -> None:
    images: list[Image] = [{"id": 1, "file_name": "a.png", "width": 200, "height": 200}]
    result = score([], images, [], CATEGORIES)
    assert set(result.metrics.values()) == {None}
    assert result.intervals == {"AP": None, "AP50": None}
    one = score([], images, [box(1, 1, 10.0)], CATEGORIES)
    assert one.metrics["AP"] == 0.0
    assert one.per_class["b"] == {"AP": None, "AP50": None}
