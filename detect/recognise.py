"""Find products with a detector, whatever it calls them, and name them by a gallery of reference pictures.

    python -m detect.recognise gallery=my_products boxes=outputs/detector/detector.safetensors queries=photos \\
        out=outputs/recognised

A new product is a new folder of pictures in the gallery: nothing is trained. What is near no product is `unknown`.
With boxes=truth, the labelled boxes of queries are named, which measures the naming alone. Writes into `out`:
  recognised.json   every thing: picture, bbox, name or unknown, the nearest classes and their cosines
  sheet.jpg         some things, and references of the classes nearest to them
  results.json      with labelled queries: top-1, top-5, rejection of strangers, 95 % intervals, per class
  cosines.png       with labelled queries: how near things and strangers are
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.tables import aligned
from detect import detectors, gallery, open_set, plots
from detect.boxes import Floats
from detect.gallery import View
from detect.precision import check_draws
from detect.recognise_sheet import draw_sheet
from detect.regions import found_products, labelled_products
from detect.threshold import check_score

__all__ = ["RecogniseConfig", "recognise", "table"]

UNKNOWN = "unknown"
TRUTH = "truth"


@dataclass(frozen=True)
class RecogniseConfig:
    """See conf/detect_recognise.yaml."""

    logger: tracking.LoggerConfig
    gallery: str
    queries: str
    boxes: str
    out: str
    score: float = 0.3
    threshold: float | None = None
    validation: str | None = None
    draws: int = 1000
    seed: int = 0
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        training.check_precision(self.precision)
        check_score(self.score)
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise UserError(f"threshold: {self.threshold} is no cosine, between -1 and 1")
        if self.threshold is not None and self.validation is not None:
            raise UserError("threshold and validation exclude each other; give one of them")
        check_draws(self.draws, self.seed)


def recognise(config: RecogniseConfig) -> None:
    """Find, name, score, draw.

    Raises:
        UserError: bad input, found before anything is written.
    """
    shown = gallery.read_gallery(config.gallery)
    classes = sorted({str(view.name) for view in shown})
    validation = None if config.validation is None else gallery.read_gallery(config.validation)
    checkpoint = None if config.boxes == TRUTH else detectors.load(config.boxes)
    queries = gallery.read_gallery(config.queries) if checkpoint is None else []
    labels = dataset.load(config.queries) if (Path(config.queries) / "annotations.json").is_file() else None
    photos = dataset.list_photos(config.queries) if checkpoint is not None else []
    first = config.score, config.accelerator, config.precision
    training.device(config.accelerator)
    out = Path(config.out)
    parents = {"gallery": config.gallery, "queries": config.queries}
    parents |= {} if config.validation is None else {"validation": config.validation}
    parents |= {} if checkpoint is None else {"boxes": config.boxes}
    settings = {**cli.plain(config), "references": {name: sum(v.name == name for v in shown) for name in classes}}
    if lineage.claim(out, "detect.recognise", settings, parents=parents):
        print(f"{out / 'recognised.json'}: already there")
        return
    references = _references(shown, classes, config)
    try:
        limits = _limits(references, validation, config)
    except UserError:
        lineage.withdraw(out)
        raise
    with tracking.start(config.logger, "detect.recognise", settings, out) as run:
        results: dict[str, Any] = {"classes": classes, "references": len(shown)}
        if checkpoint is not None and labels is not None:
            queries, results["found"] = labelled_products(checkpoint, labels, *first)
        elif checkpoint is not None:
            queries = found_products(checkpoint, photos, *first)
        features = gallery.embed(queries, "looking at queries", config.accelerator)
        cosine = open_set.cosines(references, features)
        things = _things(queries, cosine, classes, float(limits[-1]), Path(config.queries))
        dataset.write_json(out / "recognised.json", things)
        pictures = [
            draw_sheet(
                queries, [t["name"] for t in things], cosine, references=shown, classes=classes, path=out / "sheet.jpg"
            )
        ]
        if checkpoint is None or labels is not None:
            trial = open_set.examine(references, features, _places(queries, classes), _pictures(queries))
            results |= {"queries": len(queries), "threshold": float(limits[-1])}
            results |= open_set.measure(trial, limits, classes=classes, draws=config.draws, seed=config.seed)
            plots.draw_cosines(trial.best[trial.known], trial.stranger, float(limits[-1]), out / "cosines.png")
            pictures.append(out / "cosines.png")
            dataset.write_json(out / "results.json", results)
            run.summary({key: results[key] for key in results["intervals"]})
            print(table(results))
        for picture in pictures:
            run.images(picture.stem, [picture])
    named = sum(t["name"] != UNKNOWN for t in things)
    lineage.complete(out, things=len(things), named=named)
    print(f"{out / 'recognised.json'}: {len(things)} things, {named} named, the others unknown; see {pictures[0]}")


def _references(views: Sequence[View], classes: Sequence[str], config: RecogniseConfig) -> open_set.References:
    features = gallery.embed(views, "looking at the gallery", config.accelerator)
    return open_set.References(list(classes), features, _places(views, classes), _pictures(views))


def _limits(references: open_set.References, validation: Sequence[View] | None, config: RecogniseConfig) -> Floats:
    """K+1 thresholds: for things of each class one that was chosen without that class, and last the one in use.

    So a class that is left out to play the stranger is as new to its threshold as a stranger would be.
    """
    count = len(references.classes)
    if config.threshold is not None:
        return np.full(count + 1, config.threshold)
    if validation is None:
        trial = open_set.cross_trial(references)
    else:
        features = gallery.embed(validation, "looking at validation", config.accelerator)
        places = _places(validation, references.classes)
        trial = open_set.examine(references, features, places, _pictures(validation))
    chosen = open_set.threshold(trial)
    if chosen is None:
        raise UserError(
            "threshold: cannot be chosen, for want of two products with two pictures each; "
            "give validation=, threshold=, or more pictures in gallery="
        )
    without = [open_set.threshold(trial, k) for k in range(count)]
    return np.array([chosen if limit is None else limit for limit in [*without, chosen]])


def _places(views: Sequence[View], classes: Sequence[str]) -> Any:
    place = {name: k for k, name in enumerate(classes)}
    return np.array([place.get(str(view.name), -1) for view in views], dtype=np.int64)


def _pictures(views: Sequence[View]) -> Any:
    numbers: dict[Path, int] = {}
    return np.array([numbers.setdefault(view.picture, len(numbers)) for view in views], dtype=np.int64)


def _things(
    views: Sequence[View], cosine: Floats, classes: Sequence[str], limit: float, root: Path
) -> list[dict[str, Any]]:
    order = np.argsort(-cosine, axis=1, kind="stable")[:, : open_set.TOP]
    return [
        {
            "picture": view.picture.relative_to(root).as_posix(),
            "bbox": view.box and list(view.box),
            "name": classes[nearest[0]] if row[nearest[0]] >= limit else UNKNOWN,
            "nearest": {classes[k]: round(float(row[k]), 4) for k in nearest},
        }
        for view, row, nearest in zip(views, cosine, order, strict=True)
    ]


def table(results: dict[str, Any]) -> str:
    """The results as lines of text."""
    words = {
        "top1": "nearest is its class",
        "top5": "among the 5 nearest",
        "named": "rightly named",
        "rejected": "stranger rejected",
        "auroc": "AUROC, known against stranger",
        "fpr95": "strangers passing at 95 % known",
    }
    rows = [["", "", "95 %"]]
    for key, text in words.items():
        bounds = results["intervals"][key]
        rows.append([text, _number(results[key]), f"{bounds[0]:.3f}–{bounds[1]:.3f}" if bounds else "–"])
    keys = ("top1", "top5", "named", "rejected")
    parts = [["", "things", *keys]]
    for name, values in results["per_class"].items():
        parts.append([name, str(values["things"]), *(_number(values[key]) for key in keys)])
    head = (
        f"{results['queries']} things, {results['known']} of classes in the gallery; {results['strangers']} strangers"
    )
    lines = [f"{head} (left-out classes and others); threshold {results['threshold']:.3f}"]
    if found := results.get("found"):
        lines.insert(0, f"found {found['found']} of {found['boxes']} products, {found['false_alarms']} false alarms")
    return "\n".join([*lines, aligned(rows, right=True), aligned(parts, right=True)])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    cli.run(recognise, RecogniseConfig, "detect_recognise", __doc__)
