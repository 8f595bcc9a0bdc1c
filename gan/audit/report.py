"""What an audit says: totals as a table and as JSON, and a page of the worst cases."""

import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from coldstart.dataset import Annotation, Dataset
from coldstart.page import environment
from coldstart.pictures import data_uri
from coldstart.tables import aligned
from gan.audit.verdicts import FAILED, VERDICTS, ImageAudit, ObjectAudit, retained_share

__all__ = ["page", "per_image", "per_object", "table", "totals"]

SMALL, MEDIUM = 32**2, 96**2  # COCO's limits of area, square pixels
VISIBLE = (0.25, 0.5, 0.75)  # edges of the bins of the visible fraction
CROP_WIDTH, MARGIN = 190, 24  # pixels: of a crop on the page; around its box

Totals = dict[str, Any]


def per_object(audits: Sequence[ImageAudit], folder: Dataset) -> list[dict[str, Any]]:
    """The verdict and scores of every object."""
    names = {c["id"]: c["name"] for c in folder.categories}
    return [
        {
            "id": o.annotation["id"],
            "image_id": audit.image["id"],
            "category": names[o.annotation["category_id"]],
            "verdict": o.verdict,
            "reason": o.reason,
            "correlation": _rounded(o.correlation),
            "elsewhere": _rounded(o.elsewhere),
            "shift": o.shift,
            "colour": _rounded(o.colour),
        }
        for audit in audits
        for o in audit.objects
    ]


def per_image(audits: Sequence[ImageAudit]) -> list[dict[str, Any]]:
    """The counts of every image, and the boxes of what appeared in it or is lost from its background."""
    return [
        {
            "id": audit.image["id"],
            "file_name": audit.image["file_name"],
            "failed": audit.failed,
            **audit.counts,
            "appeared_boxes": audit.appeared,
            "lost_boxes": audit.lost,
        }
        for audit in audits
    ]


def totals(audits: Sequence[ImageAudit], folder: Dataset) -> Totals:
    """Counts of verdicts and the retained share of the judged objects: in all, by class, size and visible fraction."""
    objects = [o for audit in audits for o in audit.objects]
    names = {c["id"]: c["name"] for c in folder.categories}
    groups: dict[str, Callable[[Annotation], str]] = {
        "class": lambda a: names[a["category_id"]],
        "size": _size,
        "visible": _visible,
    }
    by = {
        group: {key: _row([o for o in objects if name(o.annotation) == key]) for key in _keys(objects, name)}
        for group, name in groups.items()
    }
    return {
        "images": len(audits),
        "failed_images": sum(audit.failed for audit in audits),
        "images_where_something_appeared": sum(bool(audit.appeared) for audit in audits),
        "appeared": sum(len(audit.appeared) for audit in audits),
        "lost_from_background": sum(len(audit.lost) for audit in audits),
        "all": _row(objects),
        **by,
    }


def table(found: Totals) -> str:
    """The totals as lines of text."""
    lines = [["", "objects", *VERDICTS, "retained"], ["all", *_cells(found["all"])]]
    for group in ("class", "size", "visible"):
        lines += [[f"{group} {key}", *_cells(row)] for key, row in found[group].items()]
    return (
        f"{aligned(lines, right=True)}\n"
        f"{found['images']} images: {found['failed_images']} fail, something appeared in "
        f"{found['images_where_something_appeared']} ({found['appeared']} regions), "
        f"{found['lost_from_background']} regions lost from the background"
    )


def page(audits: Sequence[ImageAudit], folder: Dataset, found: Totals, worst: int) -> str:
    """An HTML page: the totals and the `worst` cases, render and translation side by side."""
    names = {c["id"]: c["name"] for c in folder.categories}
    cases = []
    for audit in audits:
        for o in audit.objects:
            if o.verdict in FAILED:
                title = f"{names[o.annotation['category_id']]} {o.verdict}"
                cases.append((_badness(o), audit, [round(v) for v in o.annotation["bbox"]], title, _numbers(o)))
        cases += [(0.0, audit, box, "appeared", "") for box in audit.appeared]
    cases.sort(key=lambda case: case[0])
    template = environment().get_template("audit.html.j2")
    return template.render(
        name=folder.root.resolve().name,
        n=found,
        verdicts=VERDICTS,
        total=len(cases),
        cases=[_case(folder, *case[1:]) for case in cases[:worst]],
        call=shlex.join(["python", "-m", "gan.audit", *sys.argv[1:]]),
    )


def _case(folder: Dataset, audit: ImageAudit, box: list[int], title: str, numbers: str) -> dict[str, Any]:
    x, y, width, height = box
    left, top = max(x - MARGIN, 0), max(y - MARGIN, 0)
    right, bottom = min(x + width + MARGIN, audit.image["width"]), min(y + height + MARGIN, audit.image["height"])
    crop = (left, top, right, bottom)
    return {
        "title": title,
        "numbers": numbers,
        "file": audit.image["file_name"],
        "size": (right - left, bottom - top),
        "box": (x - left, y - top, width, height),
        "uris": [data_uri(path, CROP_WIDTH, crop) for path in (audit.source, folder.path(audit.image))],
    }


def _badness(item: ObjectAudit) -> float:
    """Lower is worse: how little of the object's structure is in place."""
    return item.correlation if item.correlation is not None else 1.0


def _numbers(item: ObjectAudit) -> str:
    parts = [item.reason] if item.reason else []
    if item.correlation is not None:
        parts.append(f"correlation {item.correlation:.2f}")
    if item.verdict == "moved" and item.shift:
        parts.append(f"{item.elsewhere:.2f} at {item.shift[0]:+d}, {item.shift[1]:+d} px")
    if item.verdict == "recoloured":
        parts.append(f"colour {item.colour:.1f}")
    return ", ".join(parts)


def _row(objects: Sequence[ObjectAudit]) -> dict[str, Any]:
    counts = Counter(o.verdict for o in objects)
    return {
        "objects": sum(counts.values()),
        **{verdict: counts[verdict] for verdict in VERDICTS},
        "retained_share": _rounded(retained_share(objects)),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    share = row["retained_share"]
    shown = "-" if share is None else f"{100 * share:.1f} %"
    return [str(row["objects"]), *(str(row[verdict]) for verdict in VERDICTS), shown]


def _keys(objects: Sequence[ObjectAudit], name: Callable[[Annotation], str]) -> list[str]:
    return sorted({name(o.annotation) for o in objects})


def _size(a: Annotation) -> str:
    area = a.get("area", a["bbox"][2] * a["bbox"][3])
    return "1 small" if area < SMALL else "2 medium" if area < MEDIUM else "3 large"


def _visible(a: Annotation) -> str:
    if "visible_fraction" not in a:
        return "unknown"
    edges = [0.0, *VISIBLE, 1.0]
    k = sum(a["visible_fraction"] >= edge for edge in VISIBLE)
    return f"{edges[k]:.2f} to {edges[k + 1]:.2f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
