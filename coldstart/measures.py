"""The numbers of a dataset folder: what `coldstart.statistics` shows and writes to statistics.json."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from coldstart.dataset import Annotation, Dataset, Image, asked
from coldstart.errors import UserError
from coldstart.formats.files import places
from coldstart.occlusion import hiders
from coldstart.pictures import UNREADABLE, opened
from coldstart.progress import track

__all__ = ["GRID", "SIDES", "UNLABELLED", "measure"]

GRID = 24  # cells a side of a map of positions
SIDES = (0, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 23, 32, 45, 64, 100)  # box side, percent of the picture's; steps of √2
SHARES = tuple(i / 10 for i in range(11))
LEVELS = tuple(range(0, 257, 16))
CONTRASTS = tuple(range(0, 129, 8))
SMALL, MEDIUM = 32**2, 96**2  # COCO's limits of area, square pixels
UNLABELLED = "(no label)"

Maps = NDArray[np.int64]


def measure(dataset: Dataset) -> dict[str, Any]:
    """Everything statistics.json holds; opens every picture, mask and scene record once. Keys: docs/statistics.md.

    Raises:
        UserError: a picture, a mask or a scene record cannot be read.
    """
    order = {c["id"]: i for i, c in enumerate(sorted(dataset.categories, key=lambda c: c["id"]))}
    names = dataset.class_names
    by_image = dataset.by_image()
    maps = np.zeros((len(names) + 1, GRID, GRID), np.int64)  # one a class, and one of all
    pairs: Counter[tuple[str, str]] = Counter()  # (what hides, what is hidden)
    masked = 0
    per_image: list[dict[str, Any]] = []
    for image in track(dataset.images, "measure", unit="img"):
        objects = by_image[image["id"]]
        counted = [a for a in objects if asked(a)]
        maps += _covered(counted, image, order, len(names))
        brightness, contrast = _light(dataset.path(image))
        per_image.append(
            {
                "file_name": image["file_name"],
                "objects": len(counted),
                "brightness": round(brightness, 1),
                "contrast": round(contrast, 1),
            }
        )
        if dataset.mask_path(image).is_file() and all("instance" in a and "amodal_bbox" in a for a in objects):
            masked += 1
            mask = _mask(dataset.mask_path(image))
            for a in objects:
                for other in hiders(a, objects, mask):
                    who = names[order[other["category_id"]]] if other else UNLABELLED
                    pairs[who, names[order[a["category_id"]]]] += 1
    counted = [a for a in dataset.annotations if asked(a)]
    areas = {i["id"]: i["width"] * i["height"] for i in dataset.images}
    sides = [100 * (a["bbox"][2] * a["bbox"][3] / areas[a["image_id"]]) ** 0.5 for a in counted]
    box_areas = np.array([a["bbox"][2] * a["bbox"][3] for a in counted])
    visible = [a["visible_fraction"] for a in dataset.annotations if "visible_fraction" in a]
    truncated = [a["truncated"] for a in dataset.annotations if "truncated" in a]
    return {
        "images": len(dataset.images),
        "objects": len(counted),
        "ignored": len(dataset.annotations) - len(counted),
        "picture_sizes": _sizes(dataset.images),
        "classes": [_class(dataset, names[i], key, maps[i]) for key, i in order.items()],
        "objects_per_image": np.bincount([row["objects"] for row in per_image]).tolist(),
        "box_side_percent": _histogram(sides, SIDES),
        "box_area": {
            "small": int((box_areas < SMALL).sum()),
            "medium": int(((box_areas >= SMALL) & (box_areas < MEDIUM)).sum()),
            "large": int((box_areas >= MEDIUM).sum()),
        },
        "position": (maps[-1] / len(dataset.images)).round(4).tolist(),
        "visible_fraction": _histogram(visible, SHARES) if visible else None,
        "cut_by_frame": sum(t > 0 for t in truncated) if truncated else None,
        "occlusion": _matrix(pairs, names, dataset, masked),
        "brightness": _histogram([row["brightness"] for row in per_image], LEVELS),
        "contrast": _histogram([row["contrast"] for row in per_image], CONTRASTS),
        "placement": _placement(dataset),
        "per_image": per_image,
    }


def _class(dataset: Dataset, name: str, key: int, positions: Maps) -> dict[str, Any]:
    found = [a for a in dataset.annotations if a["category_id"] == key]
    counted = [a for a in found if asked(a)]
    shown = [a["visible_fraction"] for a in found if "visible_fraction" in a]
    return {
        "name": name,
        "objects": len(counted),
        "ignored": len(found) - len(counted),
        "images": len({a["image_id"] for a in counted}),
        "median_width": float(np.median([a["bbox"][2] for a in counted])) if counted else None,
        "median_height": float(np.median([a["bbox"][3] for a in counted])) if counted else None,
        "mean_visible_fraction": round(float(np.mean(shown)), 4) if shown else None,
        "position": (positions / len(dataset.images)).round(4).tolist(),
    }


def _covered(objects: Sequence[Annotation], image: Image, order: dict[int, int], classes: int) -> Maps:
    """1 where a box of the class (last: of any class) touches the cell; (classes + 1)×GRID×GRID."""
    cells = np.zeros((classes + 1, GRID, GRID), np.int64)
    for a in objects:
        x, y, width, height = a["bbox"]
        left, right = x / image["width"] * GRID, (x + width) / image["width"] * GRID
        top, bottom = y / image["height"] * GRID, (y + height) / image["height"] * GRID
        rows = slice(max(int(top), 0), max(int(np.ceil(bottom)), 0))
        columns = slice(max(int(left), 0), max(int(np.ceil(right)), 0))
        cells[order[a["category_id"]], rows, columns] = 1
        cells[-1, rows, columns] = 1
    return cells


def _light(path: Path) -> tuple[float, float]:
    """Mean and standard deviation of the luma (ITU-R BT.601) of a picture, 0..255."""
    with opened(path) as picture:
        luma = np.asarray(picture.convert("L"), np.float32)
    return float(luma.mean()), float(luma.std())


def _mask(path: Path) -> NDArray[np.integer[Any]]:
    try:
        with Picture.open(path) as picture:
            return np.asarray(picture).astype(np.int64)
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as a mask ({error}); restore it or remove masks/") from None


def _histogram(values: Sequence[float], edges: Sequence[float]) -> dict[str, Any]:
    """Counts between `edges`; what lies beyond counts in the first or last bin."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    summary = {"median": float(np.median(values)), "low": min(values), "high": max(values)} if len(values) else {}
    return {"edges": list(edges), "counts": counts.tolist(), **{k: round(v, 4) for k, v in summary.items()}}


def _sizes(images: Sequence[Image]) -> list[dict[str, int]]:
    counts = Counter((i["width"], i["height"]) for i in images)
    return [{"width": w, "height": h, "images": n} for (w, h), n in counts.most_common()]


def _matrix(pairs: Counter[tuple[str, str]], names: list[str], dataset: Dataset, masked: int) -> dict[str, Any] | None:
    """How often an object of one class (column) is hidden by one of another (row); None without masks."""
    if not masked:
        return None
    rows = [*names, UNLABELLED]
    exact = sum("amodal_segmentation" in a for a in dataset.annotations)
    return {
        "images": masked,
        "exact": exact == len(dataset.annotations),
        "hidden": names,
        "hiders": rows,
        "counts": [[pairs[row, column] for column in names] for row in rows],
    }


def _placement(dataset: Dataset) -> dict[str, Any] | None:
    """How many of each product were placed and how many found no room, each scene once; None without records."""
    placed: Counter[str] = Counter()
    unplaced: Counter[str] = Counter()
    seen = set()
    for image in dataset.images:
        path = places(dataset, image).get(image.get("scene", ""))
        if path is None or not path.is_file():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            scene = (content.get("scene"), content.get("seed"), content.get("index", image["id"]))
            if scene not in seen:
                placed.update(p["product"] for p in content.get("placements", []))
                unplaced.update(content.get("unplaced", {}))
            seen.add(scene)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: is not a scene record of ours ({error!r}); restore it or remove it") from None
    products = sorted(placed.keys() | unplaced.keys())
    return (
        {
            "scenes": len(seen),
            "products": [{"name": p, "placed": placed[p], "unplaced": unplaced[p]} for p in products],
        }
        if seen
        else None
    )
