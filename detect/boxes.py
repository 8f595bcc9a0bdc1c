"""Labels and detections as arrays, and which of them overlap by how much, as COCO counts it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.dataset import Annotation, Category, Image, asked

__all__ = ["MAX_DETECTIONS", "Bools", "Floats", "Found", "Ints", "Pairs", "Truth", "found_boxes", "overlaps", "places"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_DETECTIONS = 100  # of one class on one image, the best; COCO's


@dataclass(frozen=True)
class Truth:
    """M labelled boxes, in the order of the annotations.

    `image` and `category` are places in `images` (file names, by id) and `classes` (names, by id); `box` is M×4,
    x y width height in pixels; `area` in pixels; `ignored`: counts neither for nor against; `visible` in 0..1, NaN
    where the label does not say.
    """

    images: list[str]
    classes: list[str]
    image: Ints
    category: Ints
    box: Floats
    area: Floats
    ignored: Bools
    visible: Floats

    @classmethod
    def of(cls, images: Sequence[Image], annotations: Sequence[Annotation], categories: Sequence[Category]) -> "Truth":
        """Labels of COCO records. `ignore: 1` is taken as `iscrowd: 1`, since COCO's code overwrites the first."""
        image, category = places(images), places(categories)
        names = {i["id"]: i["file_name"] for i in images}
        return cls(
            [names[i] for i in image],
            [c["name"] for c in sorted(categories, key=lambda c: c["id"])],
            np.array([image[a["image_id"]] for a in annotations], dtype=np.int64),
            np.array([category[a["category_id"]] for a in annotations], dtype=np.int64),
            np.array([a["bbox"] for a in annotations], dtype=float).reshape(-1, 4),
            np.array([a.get("area", a["bbox"][2] * a["bbox"][3]) for a in annotations], dtype=float),
            np.array([not asked(a) for a in annotations], dtype=bool),
            np.array([a.get("visible_fraction", np.nan) for a in annotations], dtype=float),
        )

    @property
    def digest(self) -> str:
        """sha256 that stands for what is asked for: the same for equal boxes, classes and pictures in equal order."""
        digest = hashlib.sha256("\n".join([*self.images, "", *self.classes]).encode(errors="surrogateescape"))
        for array in (self.image, self.category, self.box, self.ignored):
            digest.update(array.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Found:
    """N detections, best first; `rank` counts those of one class on one image from 0; the rest as in `Truth`."""

    image: Ints
    category: Ints
    box: Floats
    score: Floats
    rank: Ints


@dataclass(frozen=True)
class Pairs:
    """P overlapping pairs: a detection's and a label's place, and their IoU."""

    found: Ints
    truth: Ints
    iou: Floats


def places(records: Sequence[Any]) -> dict[int, int]:
    """id -> its place among all ids in order."""
    return {number: place for place, number in enumerate(sorted(r["id"] for r in records))}


def found_boxes(
    predictions: Sequence[Mapping[str, Any]], images: Sequence[Image], categories: Sequence[Category]
) -> Found:
    """Detections of COCO results; those of a category that is not listed are left out, as are those behind the best
    100 of their class and image. Equal scores stand in the order of their images, then of `predictions`.

    Raises:
        KeyError: a prediction is of an image that is not listed.
    """
    image_places, category_places = places(images), places(categories)
    known = [p for p in predictions if p["category_id"] in category_places]
    image = np.array([image_places[p["image_id"]] for p in known], dtype=np.int64)
    category = np.array([category_places[p["category_id"]] for p in known], dtype=np.int64)
    score = np.array([p["score"] for p in known], dtype=float)
    rank = ranks(image * max(1, len(categories)) + category, score)
    order = np.lexsort((rank, image, -score))
    order = order[rank[order] < MAX_DETECTIONS]
    box = np.array([p["bbox"] for p in known], dtype=float).reshape(-1, 4)
    return Found(image[order], category[order], box[order], score[order], rank[order])


def ranks(group: Ints, score: Floats) -> Ints:
    """The place of each of N within its group, by falling score, from 0; equal scores keep their order."""
    order = np.lexsort((-score, group))
    _, first, counts = np.unique(group[order], return_index=True, return_counts=True)
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(first, counts)
    return rank


def overlaps(found: Found, truth: Truth, floor: float, *, any_class: bool = False) -> Pairs:
    """All pairs on one image, of one class unless `any_class`, with an IoU of at least `floor` (above 0).

    A box that is ignored is a region: what counts is how much of the detection lies in it (COCO's crowds).
    """
    classes = 1 if any_class else len(truth.classes)
    sought, key = (b.image * classes + (0 if any_class else b.category) for b in (found, truth))
    order = np.argsort(key, kind="stable")
    start, stop = (np.searchsorted(key[order], sought, side) for side in ("left", "right"))
    counts = stop - start
    f = np.repeat(np.arange(len(sought)), counts)
    t = order[np.repeat(start - np.cumsum(counts) + counts, counts) + np.arange(len(f))]
    a, b = found.box[f], truth.box[t]
    sides = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    meet = (sides > 0).all(axis=1)
    f, t, common = f[meet], t[meet], sides[meet].prod(axis=1)
    own, other = a[meet, 2] * a[meet, 3], b[meet, 2] * b[meet, 3]
    iou = common / np.where(truth.ignored[t], own, own + other - common)
    enough = iou >= floor
    return Pairs(f[enough], t[enough], iou[enough])
