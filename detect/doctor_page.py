"""The doctor's page: what was found, with the pictures in question."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from coldstart.dataset import Dataset
from coldstart.page import environment
from coldstart.pictures import data_uri
from detect.findings import KINDS, Finding

__all__ = ["page"]

LINES, PICTURES = 200, 24  # of each kind on the page; all are in doctor.json
WIDTH = 260  # pixels of a picture
AROUND = 0.5  # of a box's longer side, shown around it
PAIRED, BOXED = ("copy", "near-duplicate"), ("degenerate", "outside", "frame", "twice", "two classes", "suspect")


def page(source: Path, dataset: Dataset, findings: Sequence[Finding], report: Mapping[str, Any], fixed: bool) -> str:
    """The HTML of the page; `dataset` is what was examined, as it was."""
    sections = []
    for kind, group in groupby(findings, key=lambda f: f.kind):
        found = list(group)
        sections.append(
            {
                "kind": kind,
                "title": KINDS[kind][0],
                "fix": KINDS[kind][1],
                "count": len(found),
                "lines": [f.text for f in found[:LINES]],
                "pictures": _pictures(dataset, kind, found[:PICTURES]),
            }
        )
    return (
        environment()
        .get_template("doctor.html.j2")
        .render(
            name=source.resolve().name,
            sections=sections,
            report=report,
            fixed=fixed,
            most=max([1, *(row["boxes"] for row in report["classes"])]),
            call=shlex.join(["python", "-m", "detect.doctor", *sys.argv[1:]]),
        )
    )


def _pictures(dataset: Dataset, kind: str, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """What each finding shows: two pictures, or the box in its surroundings."""
    if kind in PAIRED:
        paths = [[dataset.root / "images" / name for name in (f.image, f.other)] for f in found]
        return [
            {"text": f.text, "uris": [data_uri(path, WIDTH) for path in pair]}
            for f, pair in zip(found, paths, strict=True)
        ]
    if kind in BOXED:
        return [{"text": f.text, "uris": [], **_surroundings(dataset, f)} for f in found]
    return []


def _surroundings(dataset: Dataset, finding: Finding) -> dict[str, Any]:
    """The part of the picture around the finding's boxes, as far as there is one, and the boxes in it."""
    image = next(i for i in dataset.images if i["file_name"] == finding.image)
    boxes = [a["bbox"] for a in dataset.annotations if a["id"] in finding.annotations]
    width, height = image["width"], image["height"]
    around = AROUND * max(16.0, *(v for box in boxes for v in box[2:]))
    left = min(max(min(b[0] for b in boxes) - around, 0), width - 1)
    top = min(max(min(b[1] for b in boxes) - around, 0), height - 1)
    right = max(min(max(b[0] + b[2] for b in boxes) + around, width), left + 1)
    bottom = max(min(max(b[1] + b[3] for b in boxes) + around, height), top + 1)
    region = (int(left), int(top), int(right + 0.999), int(bottom + 0.999))
    return {
        "uris": [data_uri(dataset.path(image), WIDTH, region)],
        "view": f"{region[0]} {region[1]} {region[2] - region[0]} {region[3] - region[1]}",
        "boxes": [[box[0], box[1], max(box[2], 0), max(box[3], 0)] for box in boxes],
    }
