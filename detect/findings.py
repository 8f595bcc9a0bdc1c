"""What can be wrong with boxes, classes and copies of pictures, and the dataset as it would be without it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torchvision.ops import box_convert, box_iou

from coldstart.dataset import Annotation, Dataset, Image
from coldstart.duplicates import Pair
from coldstart.formats.files import clipped
from coldstart.names import keys
from detect.data import targets

__all__ = ["KINDS", "Finding", "balance", "boxes", "copies", "spellings"]

# Kind -> what it is, what fix=true does about it. What is only shown needs a person.
KINDS = {
    "picture": ("pictures that cannot be used", "leaves them out, with their boxes"),
    "label": ("labels that mean nothing", "leaves them out"),
    "size": ("recorded sizes that are not the picture's", "records the picture's; look at the boxes"),
    "id": ("ids that are no ids", "gives new ones"),
    "turned": ("pictures stored turned (EXIF)", "stores them upright, their boxes turned along"),
    "degenerate": ("boxes without area", "leaves them out"),
    "outside": ("boxes outside their picture", "leaves them out"),
    "frame": ("boxes that reach out of their picture", "cuts them at the edge"),
    "twice": ("boxes that are there twice", "leaves the later one out"),
    "two classes": ("two classes on one box", "keeps both: look at them"),
    "copy": ("copies of another picture", "leaves the later one out, with its boxes"),
    "near-duplicate": ("pictures that are nearly the same", "keeps both: they must be on one side of every split"),
    "spelling": ("classes that differ in spelling alone", "keeps both, unless names= makes them one"),
    "imbalance": ("classes with few boxes", "changes nothing: add pictures, render some, or weight the class"),
    "suspect": ("labels that are likely wrong", "changes nothing: look at them"),
}

SMALLEST = 1.0  # pixels a side, below which a box has no area
BEYOND = 1.0  # pixels by which a box may reach out: rounding
SAME = 0.95  # intersection over union from which two boxes are one
RARE, FEW = 0.1, 10  # a class is rare below this share of the commonest class's boxes, and below this many boxes


@dataclass(frozen=True)
class Finding:
    """One fault: its kind (see KINDS), where and what it is, its picture, the ids of its boxes, and a number."""

    kind: str
    text: str
    image: str = ""
    annotations: tuple[int, ...] = ()
    other: str = ""  # the second picture, or the class that is more likely
    score: float | None = None


def boxes(dataset: Dataset) -> tuple[list[Finding], Dataset]:
    """Degenerate, outer and doubled boxes, and the dataset without them. Ignored objects may be anything."""
    names = {c["id"]: c["name"] for c in dataset.categories}
    findings: list[Finding] = []
    kept: list[Annotation] = []
    by_image = dataset.by_image()
    for image in dataset.images:
        asked: list[Annotation] = []
        for a in by_image[image["id"]]:
            kind = None if a.get("ignore") else _fault(a["bbox"], image)
            if kind:
                where = f"{image['file_name']}: annotation {a['id']} ({names[a['category_id']]})"
                size = f"{image['width']}×{image['height']}"
                findings.append(Finding(kind, f"{where}: bbox {a['bbox']} in {size}", image["file_name"], (a["id"],)))
            if kind == "frame":
                left, top, right, bottom = clipped(a["bbox"], image)
                box = [left, top, right - left, bottom - top]
                asked.append({**a, "bbox": box, "area": min(a.get("area", box[2] * box[3]), box[2] * box[3])})
            elif kind is None:
                (kept if a.get("ignore") or a.get("iscrowd") else asked).append(a)
        doubled, left_out = _doubled(asked, image, names)
        findings += doubled
        kept += [a for a in asked if a["id"] not in left_out]
    return findings, replace(dataset, annotations=sorted(kept, key=lambda a: a["id"]))


def _fault(box: Sequence[float], image: Image) -> str | None:
    x, y, width, height = box
    if width < SMALLEST or height < SMALLEST:
        return "degenerate"
    left, top, right, bottom = clipped(list(box), image)
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return "outside"
    beyond = max(-x, -y, x + width - image["width"], y + height - image["height"])
    return "frame" if beyond > BEYOND else None


def _doubled(asked: Sequence[Annotation], image: Image, names: dict[int, str]) -> tuple[list[Finding], set[int]]:
    findings: list[Finding] = []
    left_out: set[int] = set()
    corners = box_convert(torch.tensor([a["bbox"] for a in asked], dtype=torch.float64).reshape(-1, 4), "xywh", "xyxy")
    ious = box_iou(corners, corners).triu(1)
    for i, j in (ious >= SAME).nonzero().tolist():
        a, b, overlap = asked[i], asked[j], float(ious[i, j])
        if a["id"] in left_out:
            continue
        one, other = names[a["category_id"]], names[b["category_id"]]
        same = one == other
        text = f"{image['file_name']}: annotations {a['id']} ({one}) and {b['id']} ({other}): IoU {overlap:.2f}"
        kind = "twice" if same else "two classes"
        findings.append(Finding(kind, text, image["file_name"], (a["id"], b["id"]), score=round(overlap, 3)))
        left_out |= {b["id"]} if same else set()
    return findings, left_out


def copies(dataset: Dataset, pairs: Iterable[Pair]) -> tuple[list[Finding], Dataset]:
    """Copies and near-duplicates among the pictures (`pairs` by their place), and the dataset without the copies."""
    by_image = dataset.by_image()
    findings: list[Finding] = []
    gone: set[int] = set()
    for pair in pairs:
        first, second = dataset.images[pair.first], dataset.images[pair.second]
        if {first["id"], second["id"]} & gone:
            continue
        one, other = first["file_name"], second["file_name"]
        if pair.identical:
            labels = [sorted((a["category_id"], *a["bbox"]) for a in by_image[i["id"]]) for i in (first, second)]
            said = "and its boxes" if labels[0] == labels[1] else "but its boxes are others"
            text = f"{other}: is {one} byte by byte, {said}; {len(labels[1])} boxes"
            dropped = tuple(a["id"] for a in by_image[second["id"]])
            findings.append(Finding("copy", text, one, dropped, other))
            gone.add(second["id"])
            continue
        text = f"{one} and {other}: {pair.bits} of 256 hash bits differ{', mirrored' * pair.mirrored}"
        text += f", cosine of features {pair.cosine:.3f}"
        findings.append(Finding("near-duplicate", text, one, (), other, pair.cosine))
    images = [i for i in dataset.images if i["id"] not in gone]
    annotations = [a for a in dataset.annotations if a["image_id"] not in gone]
    return findings, replace(dataset, images=images, annotations=annotations)


def spellings(names: Sequence[str]) -> list[Finding]:
    """Classes that are one but for case, accents, punctuation and blanks."""
    return [
        Finding("spelling", f"classes {a!r} and {b!r}", other=b)
        for a, b in combinations(names, 2)
        if (keys(a) & keys(b)) - {""}
    ]


def balance(dataset: Dataset) -> tuple[list[Finding], list[dict[str, object]]]:
    """Classes that are rare, and for each class its boxes and the pictures they are in."""
    asked = targets(dataset.annotations)
    count = Counter(a["category_id"] for a in asked)
    pictures = {c: len({a["image_id"] for a in asked if a["category_id"] == c}) for c in count}
    most = max(count.values(), default=0)
    findings = []
    rows: list[dict[str, object]] = []
    for category in sorted(dataset.categories, key=lambda c: c["id"]):
        found, name = count[category["id"]], category["name"]
        rows.append({"name": name, "boxes": found, "pictures": pictures.get(category["id"], 0)})
        if found < FEW or found < RARE * most:
            text = (
                f"{name}: {found} boxes in {pictures.get(category['id'], 0)} pictures; the commonest class has {most}"
            )
            findings.append(Finding("imbalance", text, other=name, score=found / most if most else 0.0))
    return findings, rows
