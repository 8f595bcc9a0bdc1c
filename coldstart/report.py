"""The report of a study: results.json, and one page that carries everything inside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldstart.dataset import Dataset, Image, load, write_atomic, write_json
from coldstart.errors import UserError
from coldstart.page import environment
from coldstart.pictures import data_uri, nearest, spread
from coldstart.progress import track
from coldstart.results import METRICS, number
from coldstart.runner import clock
from coldstart.study import ARMS, StudyConfig

__all__ = ["picture_files", "write"]

STRIPS, TEST_IMAGES = 4, 3  # rows of pictures


def write(config: StudyConfig, results: Mapping[str, Any], call: str) -> Path:
    """Write `results` to results.json and report.html in the study's folder; return the page's path.

    `call` is the command that made the study. Pictures that are missing are shown as missing.
    """
    out = Path(config.out)
    write_json(out / "results.json", results)
    templates = environment()
    templates.filters |= {"clock": lambda seconds: clock(seconds or 0), "score": number}
    page = templates.get_template("report.html.j2").render(
        results=results,
        config=config,
        call=call,
        metrics=METRICS,
        classes=list(dict.fromkeys(name for row in results["rows"] for name in row["per_class"])),
        strips=_strips(config),
        samples=_samples(config),
        detections=_detections(config),
    )
    write_atomic(out / "report.html", page.encode())
    return out / "report.html"


def picture_files(config: StudyConfig) -> dict[str, list[Path]]:
    """The pictures that a run of the study logs: what the translator made, what the detectors saw and found."""
    out = Path(config.out)
    files = {
        "translations": spread(sorted((out / "gan" / "samples").glob("*.png")), STRIPS),
        "training_batches": [out / "detectors" / arm / "batch.png" for arm in config.arms],
        "detections": [path for _, paths in _detection_files(config) for path in paths.values()],
    }
    return {name: [path for path in paths if path.is_file()] for name, paths in files.items()}


def _dataset(root: Path) -> Dataset | None:
    try:
        return load(root)
    except UserError:
        return None


def _strips(config: StudyConfig) -> list[dict[str, str | None]]:
    """Rows of render, its translation (if there are any), and the train photo nearest to it in colour."""
    out = Path(config.out)
    renders, photos = _dataset(out / "source"), _dataset(out / "target" / "train")
    translations = _dataset(out / "translated")
    if renders is None:
        return []
    translated = {Path(i["file_name"]).stem: translations.path(i) for i in translations.images} if translations else {}
    rows = []
    for image in track(spread(renders.images, STRIPS), "report: compare pictures", unit="img"):
        path = renders.path(image)
        translation = translated.get(Path(image["file_name"]).stem)
        row = {"render": data_uri(path, 300)}
        if (out / "translated").exists():
            row["translation"] = data_uri(translation, 300) if translation else None
        if photos:
            found = nearest(translation or path, [photos.path(i) for i in photos.images])
            row["nearest train photo"] = data_uri(found, 300)
        rows.append(row)
    return rows


def _samples(config: StudyConfig) -> list[tuple[str, str | None]]:
    """Captions and pictures of what the networks saw while they trained."""
    out = Path(config.out)
    samples = [
        (f"Training batch: {ARMS[arm].title}", data_uri(out / "detectors" / arm / "batch.png", 640))
        for arm in config.arms
    ]
    during = sorted((out / "gan" / "samples").glob("*.png"))
    return samples + [(f"Translator while training: {path.stem}", data_uri(path, 640)) for path in during[-1:]]


def _detection_files(config: StudyConfig) -> list[tuple[Image, dict[str, Path]]]:
    """Some test images, each with the drawing of every arm's detections on it."""
    out = Path(config.out)
    test = _dataset(out / "target" / "test")
    return [
        (
            image,
            {arm: out / "results" / arm / "detections" / f"{Path(image['file_name']).stem}.jpg" for arm in config.arms},
        )
        for image in (spread(test.images, TEST_IMAGES) if test else [])
    ]


def _detections(config: StudyConfig) -> list[tuple[str, dict[str, str | None]]]:
    return [
        (image["file_name"], {ARMS[arm].title: data_uri(path, 340) for arm, path in paths.items()})
        for image, paths in _detection_files(config)
    ]
