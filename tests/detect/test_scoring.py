import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from coldstart.dataset import Annotation, Image, categories_from
from coldstart.errors import UserError
from detect.boxes import Floats, Ints
from detect.matching import Matches
from detect.precision import average_precision, recall, resamplings
from detect.scoring import averages, outcome, paired, score

CATEGORIES = categories_from(["a", "b", "c"])
SIZES = ("small", "medium", "large")
Case = tuple[list[dict[str, Any]], list[Image], list[Annotation]]


def random_case(seed: int) -> Case:
    """A few images; tied scores and overlaps, empty images, absent classes, crowds, ignored boxes, near and far boxes
    of all sizes, in any order, or no predictions at all."""
    rng = np.random.default_rng(seed)
    images: list[Image] = [
        {"id": i + 1, "file_name": f"{i}.png", "width": 300, "height": 300} for i in rng.permutation(rng.integers(1, 6))
    ]
    present = rng.choice([1, 2, 3], size=rng.integers(1, 4), replace=False)
    annotations: list[Annotation] = []
    predictions: list[dict[str, Any]] = []
    for image in images:
        for _ in range(rng.integers(0, 7)):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 120, 2), *rng.uniform(10, rng.choice([40, 150]), 2)))
            label: Annotation = {
                "id": len(annotations) + 1,
                "image_id": image["id"],
                "category_id": int(rng.choice(present)),
                "bbox": [x, y, w, h],
                "area": w * h * rng.choice([1.0, rng.uniform(0.4, 1)]),
                "iscrowd": int(rng.random() < 0.1),
                "ignore": int(rng.random() < 0.1),
            }
            copies = 2 if rng.random() < 0.1 else 1
            annotations += [{**label, "id": label["id"] + copy} for copy in range(copies)]
            for _ in range(rng.integers(0, 3)):
                near = (np.array([x, y, w, h]) + rng.choice([0, 4, 8]) * rng.normal(size=4)).clip(1).tolist()
                other = int(rng.integers(1, 4)) if rng.random() < 0.2 else label["category_id"]
                tied = float(rng.choice([0.25, 0.5, 0.75, rng.random()]))
                predictions.append({"image_id": image["id"], "category_id": other, "bbox": near, "score": tied})
    rng.shuffle(predictions)  # type: ignore[arg-type]
    return ([] if rng.random() < 0.08 else predictions), images, annotations


def reference(case: Case) -> dict[str, Any]:
    """pycocotools' numbers for the same case, NaN where it says -1."""
    predictions, images, annotations = case
    labels = [{**a, "iscrowd": int(a["iscrowd"] or a["ignore"])} for a in annotations]
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = COCO(), COCO()
        truth.dataset = {"images": images, "annotations": labels, "categories": CATEGORIES}
        found.dataset = {"images": images, "annotations": [], "categories": CATEGORIES}
        truth.createIndex()
        found.createIndex()
        if predictions:
            found = truth.loadRes([dict(p) for p in predictions])
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    numbers = [np.nan if value == -1 else float(value) for value in evaluation.stats]
    precision = evaluation.eval["precision"][:, :, :, 0, -1]

    def mean(values: Any) -> float:
        return float(values[values > -1].mean()) if (values > -1).any() else np.nan

    return {
        **dict(zip(("AP", "AP50", "AP75", "AR100"), (numbers[i] for i in (0, 1, 2, 8)), strict=True)),
        **{f"AP {size}": numbers[i] for i, size in enumerate(SIZES, 3)},
        **{f"AR100 {size}": numbers[i] for i, size in enumerate(SIZES, 9)},
        **{f"AP {c['name']}": mean(precision[:, :, k]) for k, c in enumerate(CATEGORIES)},
        **{f"AP50 {c['name']}": mean(precision[0, :, k]) for k, c in enumerate(CATEGORIES)},
    }


def ours(case: Case) -> dict[str, Any]:
    """The same of our own."""
    result = score(*case, CATEGORIES, draws=0)
    values = {
        **result.metrics,
        **{f"{key} {size}": result.by_size[size][key] for key in ("AP", "AR100") for size in SIZES},
        **{f"{key} {name}": result.per_class[name][key] for key in ("AP", "AP50") for name in result.per_class},
    }
    return {key: np.nan if value is None else value for key, value in values.items()}


def same(values: Any) -> Any:
    """Equal to 1e-12, and missing where missing."""
    return pytest.approx(values, rel=0, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("batch", range(5))
def test_equals_pycocotools_on_500_random_cases(batch: int) -> None:
    seen = dict.fromkeys(("absent", "empty", "crowds", "ignored", "ties", "small", "large"), 0)
    for seed in range(100 * batch, 100 * batch + 100):
        case = random_case(seed)
        predictions, _, annotations = case
        theirs = reference(case)
        assert ours(case) == same(theirs), seed
        seen["absent"] += any(np.isnan(theirs[f"AP {c['name']}"]) for c in CATEGORIES)
        seen["empty"] += not predictions
        seen["crowds"] += any(a["iscrowd"] for a in annotations)
        seen["ignored"] += any(a["ignore"] and not a["iscrowd"] for a in annotations)
        seen["ties"] += len({p["score"] for p in predictions}) < len(predictions)
        for size in ("small", "large"):
            seen[size] += theirs[f"AP {size}"] > 0
    assert min(seen.values()) >= 3, seen


def test_at_most_100_detections_of_a_class_on_an_image_count() -> None:
    images: list[Image] = [{"id": 1, "file_name": "a.png", "width": 200, "height": 200}]
    crowd = [{"image_id": 1, "category_id": 1, "bbox": [150.0, 150, 9, 9], "score": 0.9} for _ in range(99)]
    last = [{"image_id": 1, "category_id": 1, "bbox": [10.0, 10, 20, 20], "score": 0.5}]
    truth = [{**box(1, 1, 10.0), "iscrowd": 0, "ignore": 0, "area": 400.0}]
    for more, found in ((0, 1), (1, 0)):
        case: Case = ([*crowd, *crowd[:more], *last], images, truth)  # type: ignore[list-item]
        assert ours(case) == same(reference(case))
        assert ours(case)["AR100"] == found


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
    few = [score(found, images, annotations, CATEGORIES, draws=20, seed=seed).intervals for seed in (1, 2)]
    assert few[0] != few[1]


def test_what_cannot_be_measured_is_none() -> None:
    images: list[Image] = [{"id": 1, "file_name": "a.png", "width": 200, "height": 200}]
    result = score([], images, [], CATEGORIES)
    assert set(result.metrics.values()) == {None}
    assert set(result.intervals.values()) == {None}
    assert result.by_visible_fraction == {}
    one = score([], images, [box(1, 1, 10.0)], CATEGORIES)
    assert one.metrics["AP"] == 0.0
    assert one.per_class["b"] == {"AP": None, "AP50": None}


def repeated(case: Case, counts: Ints) -> Case:
    """The case with each image as often as it counts, as an image of its own each time."""
    predictions, images, annotations = case
    new: Case = ([], [], [])
    for image, count in zip(sorted(images, key=lambda i: i["id"]), counts, strict=True):
        for _ in range(count):
            number = len(new[1]) + 1
            new[1].append({**image, "id": number})
            new[0].extend({**p, "image_id": number} for p in predictions if p["image_id"] == image["id"])
            new[2].extend({**a, "image_id": number} for a in annotations if a["image_id"] == image["id"])
    for number, annotation in enumerate(new[2], 1):
        annotation["id"] = number
    return new


def untied(case: Case, seed: int) -> Case:
    """Other scores, all different: within ties, COCO's AP depends on the order of the images."""
    scores = np.random.default_rng(seed).permutation(len(case[0])) + 1.0
    return [{**p, "score": float(s)} for p, s in zip(case[0], scores, strict=True)], case[1], case[2]


def test_a_resampling_scores_what_its_images_score() -> None:
    compared = 0
    for seed in range(40):
        case = untied(random_case(seed), seed)
        weights = resamplings(len(case[1]), 3, seed)
        assert (weights.sum(axis=1) == len(case[1])).all()
        means, each = averages(outcome(*case, CATEGORIES).matches, weights)
        for d, counts in enumerate(weights):
            again = reference(repeated(case, counts))
            drawn = {
                **means,
                **{f"{key} {c['name']}": v[:, k] for key, v in each.items() for k, c in enumerate(CATEGORIES)},
            }
            for key, values in drawn.items():
                assert values[d] == same(again[key]), seed
                compared += not np.isnan(again[key])
    assert compared > 500


def plain(matches: Matches, weights: Ints) -> tuple[Floats, Floats]:
    """All at once, in the smallest pieces."""
    return average_precision(matches, weights), recall(matches, weights)


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    case = random_case(7)
    matches, weights = outcome(*case, CATEGORIES).matches, resamplings(len(case[1]), 50)
    whole = plain(matches, weights)
    monkeypatch.setattr("detect.precision.CELLS", 7)
    for a, b in zip(whole, plain(matches, weights), strict=True):
        np.testing.assert_array_equal(a, b)


def scene(images: int, found_by: Any) -> Matches:
    """One box an image; `found_by(image)` says whether it is found."""
    records: list[Image] = [{"id": i, "file_name": f"{i}.png", "width": 99, "height": 99} for i in range(1, images + 1)]
    labels = [box(i, i, 10.0) for i in range(1, images + 1)]
    predictions = [
        {"image_id": i, "category_id": 1, "bbox": [10.0, 10, 20, 20], "score": 1 - i / 1000}
        for i in range(1, images + 1)
        if found_by(i)
    ]
    return outcome(predictions, records, labels, CATEGORIES).matches


def test_paired_differences_cancel_what_is_hard_for_both() -> None:
    a = scene(60, lambda i: i % 2)
    b = scene(60, lambda i: i % 2 or i == 2)  # one more
    result = paired(a, b)
    low, high = result["AP"]["interval"]
    assert result["AP"]["difference"] == pytest.approx(result["AP"]["b"] - result["AP"]["a"])
    assert 0 <= low <= result["AP"]["difference"] <= high < 0.07  # of each alone: about 0.25 wide
    assert result["per_class"]["a"]["AP50"] == result["AP50"]
    assert result["per_class"]["b"]["AP"] == {"a": None, "b": None, "difference": None, "interval": None}
    assert paired(a, a)["AP"]["interval"] == [0.0, 0.0]
    assert paired(b, a)["AP"]["difference"] == -result["AP"]["difference"]


def test_runs_on_other_data_are_not_paired() -> None:
    with pytest.raises(UserError, match="scored on other images"):
        paired(scene(4, bool), scene(5, bool))


def test_by_visible_fraction() -> None:
    images: list[Image] = [{"id": 1, "file_name": "a.png", "width": 400, "height": 200}]
    visible = (0.1, 0.2, 0.6, 0.9, 1.0)
    labels = [box(i, 1, 60.0 * i, visible_fraction=v) for i, v in enumerate(visible, 1)]
    labels.append(box(9, 1, 0.0))  # says nothing
    found = [{"image_id": 1, "category_id": 1, "bbox": labels[i]["bbox"], "score": 0.9} for i in (1, 3, 4, 5)]
    parts = score(found, images, labels, CATEGORIES, draws=0).by_visible_fraction
    assert [part["boxes"] for part in parts.values()] == [2, 0, 1, 2]
    assert [part["AR50"] for part in parts.values()] == [0.5, None, 0.0, 1.0]
