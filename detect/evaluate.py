"""Score a trained detector on labelled photos.

    python -m detect.evaluate checkpoint=outputs/detectors/a/detector.safetensors data=photos out=outputs/scores/a

Writes into `out`:
  results.json      AP, AP50, AP75, AR100 (COCO), per class, by size, by visible fraction where labels carry it, 95 %
                    intervals over resampled images, confusion, kinds of errors, a suggested score, curves
  *.png             groups, precision_recall, confusion, errors, threshold; with synthetic=[DIR,…] also embedding
  detections.json   every detection, as COCO results
  detections/       every photo: right boxes (green), false alarms (red), missed (orange, dashed), truth (white)
  matches.npz       which detection found which box: what detect.compare needs
Boxes with ignore=1 or iscrowd=1 count neither for nor against, as COCO treats crowds. Boxes of a class that the
detector does not know count as missed; detections of a class that the data does not have are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.tables import aligned
from detect import analysis, boxes, detectors, inference, scoring
from detect.drawing import draw_marks, save_picture
from detect.marks import marks
from detect.per_photo import per_photo
from detect.precision import check_draws
from detect.run import drawing_name
from detect.threshold import ThresholdConfig, check_score, suggested_score

__all__ = ["EvaluateConfig", "evaluate"]

SHOWN = 100  # photos in the logged table


@dataclass(frozen=True)
class EvaluateConfig:
    """See conf/detect_evaluate.yaml."""

    logger: tracking.LoggerConfig
    checkpoint: str
    data: str
    out: str
    score: float = 0.3
    score_from: str | None = None
    suggest: ThresholdConfig = field(default_factory=ThresholdConfig)
    synthetic: list[str] = field(default_factory=list)
    objects: int = 400
    draws: int = 1000
    seed: int = 0
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        training.check_precision(self.precision)
        check_score(self.score)
        check_draws(self.draws, self.seed)
        if self.objects < 4:
            raise UserError(f"objects: {self.objects} is below 4")


def evaluate(config: EvaluateConfig) -> None:
    """Detect, score, draw.

    Raises:
        UserError: bad input, found before anything is written.
    """
    checkpoint = detectors.load(config.checkpoint)
    data = dataset.load(config.data)
    synthetic = [dataset.load(folder) for folder in config.synthetic]
    photos = [data.path(image) for image in data.images]
    for photo in photos if not lineage.is_complete(config.out) else ():
        inference.check_picture(photo)
    training.device(config.accelerator)
    threshold = config.score if config.score_from is None else suggested_score(config.score_from)
    out = Path(config.out)
    parents = {"checkpoint": config.checkpoint, "data": config.data}
    parents |= {f"synthetic {i}": folder for i, folder in enumerate(config.synthetic, 1)}
    if config.score_from is not None:
        parents["score_from"] = str(Path(config.score_from) / "results.json")
    if lineage.claim(out, "detect.evaluate", cli.plain(config), parents=parents):
        print(f"{out / 'results.json'}: already there")
        return
    with tracking.start(config.logger, "detect.evaluate", cli.plain(config), out) as run:
        ids = {c["name"]: c["id"] for c in data.categories}
        found_on = inference.detect(checkpoint, photos, config.accelerator, config.precision)
        predictions: list[dict[str, Any]] = []
        for image, found in zip(data.images, found_on, strict=True):
            predictions += inference.results(found, image["id"], ids)
        outcome = scoring.outcome(predictions, data.images, data.annotations, data.categories)
        score = scoring.summary(outcome, draws=config.draws, seed=config.seed)
        pictures = draw(outcome, data, threshold, out / "detections")
        results: dict[str, Any] = {
            **score.metrics,
            "intervals": score.intervals,
            "per_class": score.per_class,
            "per_class_intervals": score.class_intervals,
            "by_size": score.by_size,
            "by_visible_fraction": score.by_visible_fraction,
            "images": len(data.images),
            "boxes": int(outcome.matches.wanted.sum()),
            "boxes_per_class": dict(zip(outcome.matches.classes, outcome.matches.wanted.sum(0).tolist(), strict=True)),
            **analysis.analyse(outcome, threshold, config.suggest),
            "checkpoint": config.checkpoint,
            "data": config.data,
        }
        if synthetic:
            results["embedding"] = analysis.embed(
                checkpoint,
                data,
                synthetic,
                out / "embedding.png",
                count=config.objects,
                seed=config.seed,
                accelerator=config.accelerator,
            )
        charts = analysis.draw(outcome, score, results, out)
        outcome.matches.save(out / "matches.npz")
        dataset.write_json(out / "detections.json", predictions)
        dataset.write_json(out / "results.json", results)
        run.summary(comparable(results))
        run.table("classes", *class_rows(results))
        counts, place = per_photo(outcome.matches, threshold), boxes.places(data.images)
        rows = [
            [path, path.stem, *(int(n[place[image["id"]]]) for n in counts)]
            for path, image in zip(pictures, data.images, strict=True)
        ]
        run.table("photos", ["detections", "photo", "right", "false alarms", "missed"], rows[:SHOWN])
        for chart in [*charts, *([out / "embedding.png"] if synthetic else [])]:
            run.images(chart.stem, [chart])
    lineage.complete(out, **score.metrics)
    unknown = sorted(set(ids) - set(checkpoint.class_names))
    if unknown:
        print(f"the detector does not know {', '.join(unknown)}: its boxes of these classes count as missed")
    print(table(results))
    print("\n".join(analysis.lines(results)))
    print(f"{out / 'results.json'}; look at {out / 'detections'} and {out}/*.png")


def draw(outcome: scoring.Outcome, data: dataset.Dataset, threshold: float, folder: Path) -> list[Path]:
    """Every photo with its marks; returns the files."""
    place, pictures = boxes.places(data.images), []
    for image in data.images:
        pictures.append(folder / drawing_name(image["file_name"]))
        with Image.open(data.path(image)) as picture:
            save_picture(draw_marks(picture, marks(outcome, place[image["id"]], threshold)), pictures[-1])
    return pictures


def comparable(results: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers by which runs are sorted and plotted, under names that are the same for all."""
    classes = {f"{key}/{name}": values[key] for name, values in results["per_class"].items() for key in ("AP", "AP50")}
    return {**{key: results[key] for key in ("AP", "AP50", "AP75", "AR100")}, **classes, **results["at_score"]}


def class_rows(results: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a table of the classes."""
    rows = [
        [name, results["boxes_per_class"][name], values["AP"], *(interval or [None, None]), values["AP50"]]
        for name, values in results["per_class"].items()
        for interval in [results["per_class_intervals"][name]["AP"]]
    ]
    return ["class", "boxes", "AP", "AP from", "AP to", "AP50"], rows


def table(results: dict[str, Any]) -> str:
    """The results as lines of text, one per class and one for all."""
    rows = [["", "boxes", "AP", "95 %", "AP50", "95 %"]]
    groups = [
        (name, results["boxes_per_class"][name], values, results["per_class_intervals"][name])
        for name, values in results["per_class"].items()
    ]
    for name, count, values, intervals in [*groups, ("all classes", results["boxes"], results, results["intervals"])]:
        cells = [text for key in ("AP", "AP50") for text in (_number(values[key]), _interval(intervals[key]))]
        rows.append([name, str(count), *cells])
    rest = f"AP75 {_number(results['AP75'])}  AR100 {_number(results['AR100'])}  ({results['images']} images)"
    parts = [["", "boxes", "AP", "AP50", "AR50"]]
    for group in ("by_size", "by_visible_fraction"):
        for name, values in results[group].items():
            if values["boxes"]:
                what = f"visible {name}" if group == "by_visible_fraction" else f"{name} boxes"
                parts.append([what, str(values["boxes"]), *(_number(values[key]) for key in ("AP", "AP50", "AR50"))])
    return "\n".join([aligned(rows, right=True), rest, *([aligned(parts, right=True)] if len(parts) > 1 else [])])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(bounds: list[float] | None) -> str:
    return f"{bounds[0]:.3f}–{bounds[1]:.3f}" if bounds else "–"


if __name__ == "__main__":
    cli.run(evaluate, EvaluateConfig, "detect_evaluate", __doc__)
