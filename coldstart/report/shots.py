"""Test photos with what every detector found on them, right or not: boxes for the page to draw at any score."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coldstart.dataset import Dataset, Image, asked
from coldstart.pictures import data_uri, spread
from coldstart.report.parts import Results, command, dataset
from detect import scoring
from detect.boxes import places

__all__ = ["LOWEST", "shots"]

PHOTOS, WIDTH = 6, 900  # on the page; pixels
LOWEST = 0.05  # score of a detection that the page can show

Shots = list[dict[str, Any]]


def shots(results: Results) -> Shots:
    """Some test photos of every fold, evenly picked, not by result.

    Each: `name`, `fold`, `uri`, `size`, `classes`, `truth` [{`box`, `class`, `ignored`}], and `found` {`arm/budget`:
    [{`box`, `class`, `score`, `takes`, `aside`}]}, best first: `takes` is the place in `truth` of the label that it
    found (COCO's rule at IoU 0.5), -1 for none; `aside`: counts neither for nor against. A detector with another
    threshold takes the same labels with those that are left, since the rule goes from the best down. `commands`
    {`arm/budget`: what scores it}. Of an arm at a budget, the first seed that is scored is shown.
    """
    folds, found = results["folds"], []
    share = -(-PHOTOS // len(folds))
    for fold in folds[:PHOTOS]:
        test = dataset(fold["test"]["folder"])
        if test is not None:
            chosen = [image for image in spread(test.images, share) if test.path(image).is_file()]
            found += _of_fold(test, chosen, fold["name"], _cells(results, fold["name"]), results)
    return found[:PHOTOS]


def _cells(results: Results, fold: str) -> dict[str, Mapping[str, Any]]:
    """The cell to show of every point, by `arm/budget`."""
    cells: dict[str, Mapping[str, Any]] = {}
    for cell in results["cells"]:
        if cell["fold"] == fold and cell["status"] == "done":
            cells.setdefault(f"{cell['arm']}/{cell['budget']}", cell)
    return cells


def _of_fold(
    test: Dataset, images: Sequence[Image], fold: str, cells: Mapping[str, Mapping[str, Any]], results: Results
) -> Shots:
    ids = {image["id"] for image in images}
    labels = [a for a in test.annotations if a["image_id"] in ids]
    outcomes = {}
    for key, cell in cells.items():
        predictions = _predictions(Path(cell["scores"]))
        if predictions is not None:
            some = [p for p in predictions if p["image_id"] in ids and p["score"] >= LOWEST]
            outcomes[key] = scoring.outcome(some, images, labels, test.categories)
    place = places(images)
    commands = {key: command(results, cell["scores"]) for key, cell in cells.items()}
    classes = test.class_names
    names = {c["id"]: classes.index(c["name"]) for c in test.categories}
    found = []
    for image in images:
        own = [n for n, a in enumerate(labels) if a["image_id"] == image["id"]]
        truth = [
            {
                "box": labels[n]["bbox"],
                "class": names[labels[n]["category_id"]],
                "ignored": not asked(labels[n]),
            }
            for n in own
        ]
        found.append(
            {
                "name": image["file_name"],
                "fold": fold,
                "uri": data_uri(test.path(image), WIDTH),
                "size": [image["width"], image["height"]],
                "classes": classes,
                "truth": truth,
                "found": {key: _found(o, place[image["id"]], own) for key, o in outcomes.items()},
                "commands": commands,
            }
        )
    return found


def _predictions(scores: Path) -> list[dict[str, Any]] | None:
    """What detect.evaluate found, None if it is not there (any more)."""
    try:
        predictions: list[dict[str, Any]] = json.loads((scores / "detections.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return predictions


def _found(outcome: scoring.Outcome, image: int, own: Sequence[int]) -> list[dict[str, Any]]:
    found, matches = outcome.found, outcome.matches.at(0.5)
    return [
        {
            "box": [round(v, 1) for v in found.box[n].tolist()],
            "class": int(found.category[n]),
            "score": round(float(found.score[n]), 3),
            "takes": own.index(int(matches.box[0, n])) if matches.box[0, n] >= 0 else -1,
            "aside": bool(matches.ignored[0, n]),
        }
        for n in (found.image == image).nonzero()[0].tolist()
    ]
