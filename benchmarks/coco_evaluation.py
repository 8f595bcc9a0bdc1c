"""How long COCO's evaluation takes, beside pycocotools: made-up detections on images with COCO's numbers of boxes.

    python -m benchmarks.coco_evaluation images=5000

AP, AP50, AP75 and AR100, overall, per class and by size, of 80 classes and about 7.3 boxes and 36 detections an image;
both start from the same lists of records. Keys are the fields of `Evaluation`.
"""

import contextlib
import io
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from coldstart.cli import typed
from coldstart.dataset import Annotation, Category, Image, categories_from
from detect import scoring
from detect.precision import resamplings

WIDTH, HEIGHT, CLASSES = 640, 480, 80


@dataclass(frozen=True)
class Evaluation:
    """Keys of the command line."""

    images: int = 5000
    draws: int = 1000  # resamplings, whose time is printed apart
    seed: int = 0


Case = tuple[list[dict[str, Any]], list[Image], list[Annotation], list[Category]]


def main(keys: list[str]) -> None:
    """Print both times and their ratio."""
    config = typed(Evaluation, OmegaConf.from_dotlist(keys))
    case = make(config.images, config.seed)
    print(f"{len(case[1])} images, {len(case[2])} boxes, {len(case[0])} detections, {CLASSES} classes")
    seconds, theirs, apart = compare(case)
    print(
        f"detect.scoring {seconds:.1f} s, pycocotools {theirs:.1f} s: {theirs / seconds:.1f} ×; apart by {apart:.0e} AP"
    )
    start = time.perf_counter()
    scoring.averages(scoring.outcome(*case).matches, resamplings(config.images, config.draws))
    print(f"{config.draws} resamplings of the images: {time.perf_counter() - start:.1f} s")


def make(count: int, seed: int = 0) -> Case:
    """Predictions, images, annotations and categories: uneven, confused classes, poor boxes, repeats, false alarms."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(CLASSES, 0.5))
    images: list[Image] = [
        {"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in range(1, count + 1)
    ]
    annotations: list[Annotation] = []
    predictions: list[dict[str, Any]] = []

    def predict(image: int, category: int, box: Any, score: float) -> None:
        predictions.append({"image_id": image, "category_id": category, "bbox": [*map(float, box)], "score": score})

    for image in range(1, count + 1):
        for category in rng.choice(CLASSES, size=rng.poisson(7.3), p=share) + 1:
            box = random_box(rng)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": int(category),
                    "bbox": box.tolist(),
                    "area": float(0.7 * box[2] * box[3]),
                    "iscrowd": int(rng.random() < 0.01),
                }
            )
            for _ in range(rng.integers(0, 4)):
                said = int(category) if rng.random() < 0.8 else int(rng.integers(CLASSES)) + 1
                predict(image, said, box * (1 + rng.normal(0, 0.08, 4)), float(rng.random()))
        for category in rng.choice(CLASSES, size=25, p=share) + 1:
            predict(image, int(category), random_box(rng), float(0.5 * rng.random()))
    return predictions, images, annotations, categories_from(map(str, range(CLASSES)))


def random_box(rng: np.random.Generator) -> Any:
    """x y width height; sides from 4 to 400 pixels."""
    sides = np.exp(rng.normal(4, 0.9, 2)).clip(4, 400)
    return np.array([*rng.uniform(0, [WIDTH, HEIGHT] - sides), *sides])


def compare(case: Case) -> tuple[float, float, float]:
    """Seconds of ours and of pycocotools, and how far their AP lies apart."""
    start = time.perf_counter()
    ours = scoring.score(*case, draws=0)
    middle = time.perf_counter()
    predictions, images, annotations, categories = case
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": annotations, "categories": categories}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(predictions), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    apart = abs((ours.metrics["AP"] or 0) - evaluation.stats[0])
    return middle - start, time.perf_counter() - middle, float(apart)


if __name__ == "__main__":
    main(sys.argv[1:])
