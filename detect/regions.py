"""The first stage of recognition: a detector's boxes, whatever class it gives them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coldstart.dataset import Annotation, Dataset, categories_from
from detect import inference, scoring
from detect.detectors import Checkpoint
from detect.gallery import View

__all__ = ["found_products", "labelled_products"]

PRODUCT = "product"


def found_products(
    checkpoint: Checkpoint, photos: Sequence[Path], score: float, accelerator: str = "auto", precision: str = "auto"
) -> list[View]:
    """The detections with at least `score`, photo by photo, without names."""
    found_on = inference.detect(checkpoint, photos, accelerator, precision)
    return [
        View(photo, tuple(d.box))
        for photo, found in zip(photos, found_on, strict=True)
        for d in found
        if d.score >= score
    ]


def labelled_products(
    checkpoint: Checkpoint, data: Dataset, score: float, accelerator: str = "auto", precision: str = "auto"
) -> tuple[list[View], dict[str, Any]]:
    """The detections, each with the name of the label it takes by COCO's rule at IoU 0.5, classes aside.

    Those that take none are false alarms, which no gallery knows; those of ignored labels are left out. Also counts:
    `boxes` to be found, `found`, `false_alarms`, and `AP50` as if all classes were one.
    """
    photos = [data.path(image) for image in data.images]
    predictions: list[dict[str, Any]] = []
    for image, found in zip(data.images, inference.detect(checkpoint, photos, accelerator, precision), strict=True):
        predictions += [{"image_id": image["id"], "category_id": 1, "bbox": d.box, "score": d.score} for d in found]
    collapsed: list[Annotation] = [{**a, "category_id": 1} for a in data.annotations]
    outcome = scoring.outcome(predictions, data.images, collapsed, categories_from([PRODUCT]))
    matches, names = outcome.matches.at(0.5), {c["id"]: c["name"] for c in data.categories}
    by_place = [data.path(image) for image in sorted(data.images, key=lambda image: image["id"])]
    views = []
    for n in ((outcome.found.score >= score) & ~matches.ignored[0]).nonzero()[0].tolist():
        label = int(matches.box[0, n])
        name = names[data.annotations[label]["category_id"]] if label >= 0 else None
        views.append(View(by_place[outcome.found.image[n]], tuple(outcome.found.box[n].tolist()), name))
    right = sum(view.name is not None for view in views)
    counts = {"boxes": int(matches.wanted.sum()), "found": right, "false_alarms": len(views) - right}
    ap50 = scoring.averages(outcome.matches)[0]["AP50"][0]
    return sorted(views, key=lambda view: view.picture), {**counts, "AP50": scoring.number(ap50)}
