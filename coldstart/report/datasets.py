"""How the synthetic pictures differ from the photos in numbers, and what translation did to their labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from coldstart.dataset import Dataset
from coldstart.measures import measure
from coldstart.pictures import spread
from coldstart.report.parts import SOURCE, Results, called, command, dataset, translations

__all__ = ["Audit", "Chart", "Line", "Table", "audits", "charts", "measured", "table"]

PICTURES = 200  # of a dataset are measured at most
FRAME = (300, 110)  # of a chart, SVG units
MEASURED = {
    "box_side_percent": ("Box size", "% of the picture's side"),
    "objects_per_image": ("Objects in a picture", ""),
    "brightness": ("Brightness", "of 255"),
    "contrast": ("Contrast", "of 255"),
}

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One dataset's histogram as an SVG path in FRAME, and its mean."""

    name: str
    path: str
    mean: float


@dataclass(frozen=True)
class Chart:
    """Histograms of several datasets over the same range, from `low` to `high`; the highest is `most` of a dataset."""

    title: str
    unit: str
    low: float
    high: float
    lines: list[Line]


@dataclass(frozen=True)
class Table:
    """How the boxes of each dataset divide into classes: `rows` {class: [(boxes, share of the dataset's)]}."""

    names: list[str]
    images: list[int]
    boxes: list[int]
    rows: dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Audit:
    """What became of the objects of a translated folder: `verdicts` {verdict: objects}, images where something
    `appeared` of all that were `asked`, how many were `left_out` before (audit=drop), the commands that translate and
    that audit again."""

    name: str
    fold: str | None
    verdicts: dict[str, int]
    appeared: int
    asked: int
    left_out: int
    commands: list[str]


def measured(results: Results) -> dict[str, Numbers]:
    """`coldstart.measures` of the test photos, the renders and each translator's work, by what they are called."""
    renders = [part["folder"] for part in results["synthetic"] if part["name"] == SOURCE]
    folders = {
        "photos": [fold["test"]["folder"] for fold in results["folds"]],
        "renders": renders[:1],
        **{f"translations: {part['name']}": [part["folder"]] for part in translations(results)},
    }
    found = {name: [data for folder in some if (data := _some(folder, len(some)))] for name, some in folders.items()}
    return {name: _together([measure(data) for data in some]) for name, some in found.items() if some}


def _some(folder: str, folders: int) -> Dataset | None:
    """An even choice of a folder's pictures that are there, with their labels; None without any."""
    data = dataset(folder)
    there = [image for image in data.images if data.path(image).is_file()] if data else []
    if not data or not there:
        return None
    chosen = spread(there, max(1, PICTURES // folders))
    ids = {image["id"] for image in chosen}
    return replace(data, images=chosen, annotations=[a for a in data.annotations if a["image_id"] in ids])


def _together(parts: Sequence[Numbers]) -> Numbers:
    """The counts of several folders as those of one, as far as the page shows them."""
    classes: Counter[str] = Counter()
    for part in parts:
        classes.update({row["name"]: row["objects"] for row in part["classes"]})
    counts = {key: _sum([part[key]["counts"] for part in parts]) for key in MEASURED if key != "objects_per_image"}
    return {
        "images": sum(part["images"] for part in parts),
        "objects": sum(part["objects"] for part in parts),
        "classes": dict(classes),
        **{key: {"edges": parts[0][key]["edges"], "counts": counts[key]} for key in counts},
        "objects_per_image": _sum([part["objects_per_image"] for part in parts]),
    }


def _sum(lists: Sequence[Sequence[int]]) -> list[int]:
    longest = max(map(len, lists))
    return [sum(some[i] for some in lists if i < len(some)) for i in range(longest)]


def table(found: Mapping[str, Numbers]) -> Table:
    """The classes of all datasets, those with the most boxes first."""
    classes: Counter[str] = Counter()
    for numbers in found.values():
        classes.update(numbers["classes"])
    return Table(
        list(found),
        [numbers["images"] for numbers in found.values()],
        [numbers["objects"] for numbers in found.values()],
        {name: [_share(numbers, name) for numbers in found.values()] for name, _ in classes.most_common()},
    )


def _share(numbers: Numbers, name: str) -> tuple[int, float]:
    boxes = numbers["classes"].get(name, 0)
    return boxes, boxes / max(1, numbers["objects"])


def charts(found: Mapping[str, Numbers]) -> list[Chart]:
    """A chart for each of MEASURED with all datasets, cut to where there is something."""
    return [_chart(*MEASURED[key], {name: _bins(numbers[key]) for name, numbers in found.items()}) for key in MEASURED]


def _bins(histogram: Any) -> tuple[list[float], list[int]]:
    """Edges and counts; of whole numbers, around each."""
    if isinstance(histogram, Mapping):
        return list(histogram["edges"]), list(histogram["counts"])
    return [n - 0.5 for n in range(len(histogram) + 1)], list(histogram)


def _chart(title: str, unit: str, bins: Mapping[str, tuple[list[float], list[int]]]) -> Chart:
    full = [(a, b) for edges, counts in bins.values() for (a, b), n in zip(pairwise(edges), counts, strict=True) if n]
    low, high = (min(a for a, _ in full), max(b for _, b in full)) if full else (0.0, 1.0)
    density = {
        name: [n / max(1, sum(counts)) / (b - a) for (a, b), n in zip(pairwise(edges), counts, strict=True)]
        for name, (edges, counts) in bins.items()
    }
    most = max((value for values in density.values() for value in values), default=0.0) or 1.0
    height = FRAME[1]
    lines = []
    for name, (edges, counts) in bins.items():
        steps = [f"M{_x(max(edges[0], low), low, high):.1f} {height}"]
        for (a, b), value in zip(pairwise(edges), density[name], strict=True):
            if low <= a and b <= high:
                y = height - value / most * (height - 4)
                steps.append(f"L{_x(a, low, high):.1f} {y:.1f}L{_x(b, low, high):.1f} {y:.1f}")
        middle = sum((a + b) / 2 * n for (a, b), n in zip(pairwise(edges), counts, strict=True)) / max(1, sum(counts))
        lines.append(Line(name, "".join(steps) + f"L{_x(min(edges[-1], high), low, high):.1f} {height}", middle))
    return Chart(title, unit, max(low, 0.0), high, lines)


def _x(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) * FRAME[0]


def audits(results: Results) -> list[Audit]:
    """What `gan.translate` says of its own work, for every translator and fold that was audited."""
    found = []
    for part in results["synthetic"]:
        data = dataset(part["folder"]) if part["name"] != SOURCE else None
        asked = [image["audit"] for image in data.images if "audit" in image] if data else []
        if asked:
            verdicts: Counter[str] = Counter()
            for counts in asked:
                verdicts.update({verdict: n for verdict, n in counts.items() if verdict != "appeared"})
            appeared = sum(counts["appeared"] > 0 for counts in asked)
            again = called("gan.audit", translated=part["folder"], out="outputs/audit")
            made = [line for line in (command(results, part["folder"]), again) if line]
            left_out = data.info.get("left_out", 0) if data else 0
            found.append(Audit(part["name"], part["fold"], dict(verdicts), appeared, len(asked), left_out, made))
    return found
