"""The numbers of a study, gathered from its folders, and what they allow to be said."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coldstart.dataset import load
from coldstart.errors import UserError
from coldstart.lineage import read_card
from coldstart.runner import Record, Step
from coldstart.study import ARMS, StudyConfig, all_photos_arms
from coldstart.tables import aligned

__all__ = ["METRICS", "collect", "compare", "number", "table", "verdict"]

METRICS = ("AP", "AP50", "AP75", "AR100")
USEFUL = 0.05  # AP below which a ranking would compare noise
# (arm, arm it is compared with, the question that their difference answers)
QUESTIONS = (
    ("translated", "synthetic", "What did translation change?"),
    ("translated_real", "real", "What did synthetic data add to the labelled photos?"),
    ("synthetic", "real", "Renders alone, against the labelled photos"),
)


def collect(config: StudyConfig, steps: Sequence[Step], records: Mapping[str, Record]) -> dict[str, Any]:
    """Everything results.json holds; what a folder lacks is None, never 0."""
    out = Path(config.out)
    folders = {
        "renders": out / "source",
        "translations": out / "translated",
        "target train": out / "target" / "train",
        "target test": out / "target" / "test",
    }
    datasets = {name: _statistics(folder) for name, folder in folders.items() if _wanted(folder, steps)}
    rows = [_row(config, arm, "test images", out / "results" / arm, datasets) for arm in config.arms]
    if config.evaluate_all:
        rows += [
            _row(config, arm, "all photos", out / "results" / f"{arm}_all", datasets)
            for arm in all_photos_arms(config.arms)
        ]
    results: dict[str, Any] = {
        "name": config.name,
        "seed": config.seed,
        "target": {"kind": config.target.kind, "data": config.target.data},
        "rows": rows,
        "comparisons": compare(rows),
        "datasets": datasets,
        "steps": [_step(step, records) for step in steps],
        "lineage": [_lineage(folder) for folder in dict.fromkeys(step.out for step in steps)],
    }
    results["seconds"] = round(sum(step["seconds"] or 0 for step in results["steps"]), 1)
    return {"verdict": verdict(results), **results}


def verdict(results: Mapping[str, Any]) -> str:
    """One sentence that claims no more than the numbers carry."""
    scored = [r for r in results["rows"] if r["scored_on"] == "test images" and r["AP"] is not None]
    if not scored:
        return "No verdict: no arm has been scored on the test photos."
    ranked = sorted(scored, key=lambda r: -r["AP"])
    best = ranked[0]
    simulated = results["target"]["kind"] == "simulated_camera"
    shown = f"{best['images']} test {'images of a simulated camera' if simulated else 'photos'}"
    on = f"On {shown} ({best['boxes']} boxes), one seed:"
    if best["AP"] < USEFUL:
        highest = number(best["AP"])
        return f"{on} every arm is still close to nothing (highest AP {highest}); train longer before comparing."
    if len(ranked) == 1:
        return f"{on} training on {best['title']} gives AP {_with_interval(best)}."
    second = ranked[1]
    return (
        f"{on} training on {best['title']} scores highest, AP {_with_interval(best)}, before {second['title']}, "
        f"{_with_interval(second)}; {_order(best, second)}."
    )


def compare(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The differences in AP that answer the study's questions, for the arms that have a score on the test photos."""
    scored = {r["arm"]: r for r in rows if r["scored_on"] == "test images" and r["AP"] is not None}
    return [
        {
            "question": question,
            "arms": [ARMS[other].title, ARMS[arm].title],
            "AP": [scored[other]["AP"], scored[arm]["AP"]],
            "difference": scored[arm]["AP"] - scored[other]["AP"],
            "certainty": _order(scored[arm], scored[other]),
        }
        for arm, other, question in QUESTIONS
        if arm in scored and other in scored
    ]


def table(results: Mapping[str, Any]) -> str:
    """The rows as a text table for the terminal."""
    lines = [["arm", "synthetic", "photos", "scored on", *METRICS, "AP 95 %"]]
    for row in results["rows"]:
        counts = [_count(row["training_images"][part]) for part in ("synthetic", "photos")]
        metrics = [number(row[metric]) for metric in METRICS]
        scored = f"{row['scored_on']} ({_count(row['images'])})"
        lines.append([row["arm"], *counts, scored, *metrics, _interval(row) or "-"])
    return aligned(lines)


def number(value: float | None) -> str:
    """A score with three digits, or `missing`."""
    return "missing" if value is None else f"{value:.3f}"


def _count(value: int | None) -> str:
    return "missing" if value is None else str(value)


def _interval(row: Mapping[str, Any]) -> str:
    bounds = row["intervals"].get("AP")
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""


def _with_interval(row: Mapping[str, Any]) -> str:
    return number(row["AP"]) + (f" ({interval})" if (interval := _interval(row)) else "")


def _order(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """What can be said about the order of two rows."""
    first, second = a["intervals"].get("AP"), b["intervals"].get("AP")
    if not (first and second):
        return "no intervals, so the order is an indication only"
    if first[0] <= second[1] and second[0] <= first[1]:
        return "the 95 % intervals overlap, so the order may be chance"
    return "the 95 % intervals do not overlap"


def _wanted(folder: Path, steps: Sequence[Step]) -> bool:
    """Whether a step writes `folder`, itself or as a part of its own."""
    return any(step.out in (folder, folder.parent) for step in steps)


def _statistics(folder: Path) -> dict[str, Any] | None:
    """Images and asked-for boxes per class of a dataset folder, None if there is none."""
    try:
        dataset = load(folder)
    except UserError:
        return None
    names = {c["id"]: c["name"] for c in dataset.categories}
    boxes = Counter(names[a["category_id"]] for a in dataset.annotations if not a.get("ignore"))
    classes = {name: boxes[name] for name in dataset.class_names}
    return {"images": len(dataset.images), "boxes": sum(boxes.values()), "classes": classes}


def _row(
    config: StudyConfig, name: str, scored_on: str, folder: Path, datasets: Mapping[str, dict[str, Any] | None]
) -> dict[str, Any]:
    arm = ARMS[name]
    try:
        scores = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        scores = {}
    parts = {
        "synthetic": {"source": "renders", "translated": "translations", None: None}[arm.synthetic],
        "photos": "target train" if arm.photos else None,
    }
    return {
        "arm": name,
        "title": arm.title,
        "scored_on": scored_on,
        "training_images": {
            part: (datasets[dataset] or {}).get("images") if dataset else 0 for part, dataset in parts.items()
        },
        "training_steps": config.detector.steps,
        "batch": config.detector.batch,
        **{metric: scores.get(metric) for metric in METRICS},
        "intervals": scores.get("intervals", {}),
        "per_class": scores.get("per_class", {}),
        "images": scores.get("images"),
        "boxes": scores.get("boxes"),
    }


def _step(step: Step, records: Mapping[str, Record]) -> dict[str, Any]:
    record = records.get(step.name)
    return {
        "name": step.name,
        "command": step.command,
        "out": str(step.out),
        "seconds": record["seconds"] if record else None,
        "calls": record["calls"] if record else 0,
        "done": bool(record and record["done"]),
    }


def _lineage(folder: Path) -> dict[str, Any]:
    try:
        card = read_card(folder)
    except UserError:
        return {"folder": str(folder), "stage": None, "git": None, "complete": False, "parents": {}}
    return {"folder": str(folder), **{key: card.get(key) for key in ("stage", "git", "complete", "parents")}}
