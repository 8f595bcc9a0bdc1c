"""Score a trained detector on labelled photos.

    python -m detect.evaluate checkpoint=outputs/detectors/a/detector.safetensors data=photos out=outputs/scores/a

Writes into `out`:
  results.json      AP, AP50, AP75, AR100 (COCO), per class, and 95 % intervals over resampled images
  detections.json   every detection, as COCO results
  detections/       every photo: right boxes (green), false alarms (red), missed (orange, dashed), truth (white)
Boxes with ignore=1 or iscrowd=1 count neither for nor against, as COCO treats crowds. Boxes of a class that the
detector does not know count as missed; detections of a class that the data does not have are left out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from detect import detectors, inference, matching, scoring
from detect.data import targets
from detect.drawing import draw_marks, save_picture

__all__ = ["EvaluateConfig", "evaluate"]


@dataclass(frozen=True)
class EvaluateConfig:
    """See conf/detect_evaluate.yaml."""

    logger: tracking.LoggerConfig
    checkpoint: str
    data: str
    out: str
    score: float = 0.3
    draws: int = 200
    seed: int = 0
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise UserError(f"score: {self.score} is not between 0 and 1")
        if self.draws < 1 or self.seed < 0:
            raise UserError("draws must be at least 1 and seed not below 0")


def evaluate(config: EvaluateConfig) -> None:
    """Detect, score, draw.

    Raises:
        UserError: bad input, found before anything is written.
    """
    checkpoint = detectors.load(config.checkpoint)
    data = dataset.load(config.data)
    training.device(config.accelerator)
    out = Path(config.out)
    parents = {"checkpoint": config.checkpoint, "data": config.data}
    if lineage.claim(out, "detect.evaluate", cli.plain(config), parents=parents):
        print(f"{out / 'results.json'}: already there")
        return
    with tracking.start(config.logger, "detect.evaluate", cli.plain(config), out) as run:
        photos = [data.path(image) for image in data.images]
        ids = {c["name"]: c["id"] for c in data.categories}
        predictions: list[dict[str, Any]] = []
        truth = data.by_image()
        names = {c["id"]: c["name"] for c in data.categories}
        pictures = []
        found_on = inference.detect(checkpoint, photos, config.accelerator, config.precision)
        for image, photo, found in zip(data.images, photos, found_on, strict=True):
            predictions += inference.results(found, image["id"], ids)
            shown = [d for d in found if d.score >= config.score and d.name in ids]
            with Image.open(photo) as picture:
                drawn = draw_marks(picture, matching.marks(shown, truth[image["id"]], names))
            pictures.append(out / "detections" / Path(image["file_name"]).with_suffix(".jpg"))
            save_picture(drawn, pictures[-1])
        score = scoring.score(
            predictions, data.images, data.annotations, data.categories, draws=config.draws, seed=config.seed
        )
        boxes = targets(data.annotations)
        results = {
            **score.metrics,
            "intervals": score.intervals,
            "per_class": score.per_class,
            "images": len(data.images),
            "boxes": len(boxes),
            "checkpoint": config.checkpoint,
            "data": config.data,
        }
        dataset.write_json(out / "detections.json", predictions)
        dataset.write_json(out / "results.json", results)
        run.summary(score.metrics)
        run.images("detections", pictures[:16])
    lineage.complete(out, **score.metrics)
    unknown = sorted(set(ids) - set(checkpoint.class_names))
    if unknown:
        print(f"the detector does not know {', '.join(unknown)}: its boxes of these classes count as missed")
    print(table(results, {name: sum(names[a["category_id"]] == name for a in boxes) for name in ids}))
    print(f"{out / 'results.json'}; look at {out / 'detections'}")


def table(results: dict[str, Any], boxes: dict[str, int]) -> str:
    """The results as lines of text, one per class and one for all."""
    width = max(map(len, [*boxes, "all classes"]))
    lines = [f"{'':{width}}  boxes     AP   AP50"]
    for name, values in results["per_class"].items():
        lines.append(f"{name:{width}}  {boxes[name]:5}  {_number(values['AP'])}  {_number(values['AP50'])}")
    lines.append(f"{'all classes':{width}}  {results['boxes']:5}  {_number(results['AP'])}  {_number(results['AP50'])}")
    extra = f"AP75 {_number(results['AP75'])}  AR100 {_number(results['AR100'])}"
    for key, interval in results["intervals"].items():
        if interval:
            extra += f"  {key} 95 % {interval[0]:.3f}–{interval[1]:.3f}"
    return "\n".join([*lines, f"{extra}  ({results['images']} images)"])


def _number(value: float | None) -> str:
    return "    –" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    cli.run(evaluate, EvaluateConfig, "detect_evaluate", __doc__)
