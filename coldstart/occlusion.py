"""Which object hides which: from instance masks and what the annotations say of the whole objects. Pure numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.dataset import Annotation, decode_rle

__all__ = ["SHARE", "hidden_share", "hiders"]

SHARE = 0.05  # of the object's pixels in the frame, from which it counts as hidden, and its neighbour as what hides it


def hiders(
    annotation: Annotation, others: Sequence[Annotation], mask: NDArray[np.integer[Any]]
) -> list[Annotation | None]:
    """What hides an object, None standing for something that has no label; empty if it shows (nearly) all of itself.

    `mask` is H×W, the instance of every visible pixel. With `amodal_segmentation`, what hides an object is what is seen
    at its hidden pixels. Without, it is estimated: a neighbour that is seen within the object's amodal box and whose
    own amodal box reaches further down in the picture, since what stands nearer to the camera stands lower.
    """
    whole = _pixels_in_frame(annotation)
    if hidden_share(annotation) < SHARE or whole == 0:
        return []
    exact = "amodal_segmentation" in annotation
    if exact:
        region = decode_rle(annotation["amodal_segmentation"])
        whole = float(region.sum())
        seen = mask[region]
    else:
        x, y, width, height = annotation["amodal_bbox"]
        seen = mask[max(int(y), 0) : max(int(y + height), 0), max(int(x), 0) : max(int(x + width), 0)].ravel()
    counts = np.bincount(seen, minlength=1)
    found: list[Annotation | None] = []
    for other in others:
        value = other["instance"]
        enough = value < len(counts) and counts[value] >= SHARE * whole
        if value != annotation["instance"] and enough and (exact or _foot(other) > _foot(annotation)):
            found.append(other)
    if (exact and counts[0] >= SHARE * whole) or not found:
        found.append(None)
    return found


def hidden_share(annotation: Annotation) -> float:
    """Fraction (0..1) of an object's pixels in the frame that something hides; 0 where the annotation does not say."""
    inside = 1 - annotation.get("truncated", 0.0)
    return max(1 - annotation.get("visible_fraction", inside) / inside, 0.0) if inside > 0 else 0.0


def _pixels_in_frame(annotation: Annotation) -> float:
    """Pixels the object would show in the frame if nothing stood before it."""
    fraction = annotation.get("visible_fraction", 0.0)
    if fraction > 0:
        return annotation["area"] / fraction * (1 - annotation.get("truncated", 0.0))
    # Nothing of it shows: half its box is as good a guess of its area as any.
    return annotation["amodal_bbox"][2] * annotation["amodal_bbox"][3] / 2 if "amodal_bbox" in annotation else 0.0


def _foot(annotation: Annotation) -> float:
    return annotation["amodal_bbox"][1] + annotation["amodal_bbox"][3]
