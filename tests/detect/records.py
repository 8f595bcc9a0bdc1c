"""Labels and detections of a few images, written as short as tests want them."""

from typing import Any

import numpy as np

from coldstart.dataset import Annotation, Image, categories_from
from detect.scoring import Outcome, outcome

NAMES = ["milk", "orange", "water"]
CATEGORIES = categories_from(NAMES)
SIDE = 10.0


def label(name: str, x: float, image: int = 1, **more: Any) -> Annotation:
    """A 10×10 box at x; `id` is given by `match_all`."""
    box = [x, 0.0, SIDE, SIDE]
    return {"id": 0, "image_id": image, "category_id": 1 + NAMES.index(name), "bbox": box, **more}  # type: ignore[typeddict-item]


def found(name: str, x: float, score: float, image: int = 1) -> dict[str, Any]:
    """A detection of the same size."""
    return {"image_id": image, "category_id": 1 + NAMES.index(name), "bbox": [x, 0.0, SIDE, SIDE], "score": score}


def match_all(labels: list[Annotation], predictions: list[dict[str, Any]], images: int = 1) -> Outcome:
    """What the detections found."""
    records: list[Image] = [
        {"id": i, "file_name": f"{i}.png", "width": 999, "height": 99} for i in range(1, images + 1)
    ]
    numbered = [{**a, "id": i} for i, a in enumerate(labels, 1)]
    return outcome(predictions, records, numbered, CATEGORIES)  # type: ignore[arg-type]


def random_outcome(rng: np.random.Generator, detections: int) -> tuple[Outcome, list[dict[str, Any]]]:
    """Eight boxes and some detections strewn over three images, and those detections."""

    def draw() -> tuple[str, float, int]:
        return str(rng.choice(NAMES)), float(rng.uniform(0, 60)), int(rng.integers(1, 4))

    labels = [label(*draw()) for _ in range(8)]
    predictions = [found(name, x, float(rng.random()), image) for name, x, image in (draw() for _ in range(detections))]
    return match_all(labels, predictions, images=3), predictions
