from typing import Any

import numpy as np
import pytest

from coldstart.dataset import Annotation, encode_rle, mask_box
from coldstart.occlusion import hidden_share, hiders


def scene(*boxes: tuple[int, int, int, int], amodal: bool = False) -> tuple[list[Annotation], Any]:
    """Objects as (left, top, right, bottom) on 40×40 pixels, later ones in front; annotations and mask."""
    mask = np.zeros((40, 40), np.int64)
    wholes = []
    for number, (left, top, right, bottom) in enumerate(boxes, start=1):
        whole = np.zeros(mask.shape, bool)
        whole[top:bottom, left:right] = True
        mask[whole] = number
        wholes.append(whole)
    objects: list[Annotation] = []
    for number, whole in enumerate(wholes, start=1):
        shown = int((mask == number).sum())
        a: Annotation = {"id": number, "instance": number, "area": shown, "truncated": 0.0}
        a |= {"visible_fraction": shown / int(whole.sum()), "amodal_bbox": [float(v) for v in mask_box(whole)]}
        if amodal:
            a["amodal_segmentation"] = encode_rle(whole)
        objects.append(a)
    return objects, mask


@pytest.mark.parametrize("amodal", [True, False])
def test_what_stands_in_front_hides(amodal: bool) -> None:
    objects, mask = scene((10, 10, 20, 20), (15, 12, 25, 24), (30, 30, 35, 35), amodal=amodal)
    assert [[o and o["instance"] for o in hiders(a, objects, mask)] for a in objects] == [[2], [], []]


def test_a_neighbour_in_the_box_that_hides_nothing_does_not_count_with_amodal_masks() -> None:
    objects, mask = scene((10, 10, 20, 20), (15, 12, 25, 24), amodal=True)
    corner = np.zeros(mask.shape, bool)
    corner[10:14, 10:14] = True
    mask[corner] = 3  # a third object, seen in the first one's box but outside its outline
    outline = np.zeros(mask.shape, bool)
    outline[10:20, 10:20] = True
    objects[0]["amodal_segmentation"] = encode_rle(outline & ~corner)
    third: Annotation = {"id": 3, "instance": 3, "visible_fraction": 1.0, "area": 16, "amodal_bbox": [10, 10, 4, 40]}
    assert [o and o["instance"] for o in hiders(objects[0], [*objects, third], mask)] == [2]
    del objects[0]["amodal_segmentation"]
    assert [o and o["instance"] for o in hiders(objects[0], [*objects, third], mask)] == [2, 3]


@pytest.mark.parametrize("amodal", [True, False])
def test_something_without_a_label_hides(amodal: bool) -> None:
    objects, mask = scene((10, 10, 20, 20), amodal=amodal)
    mask[15:20, 10:20] = 0  # a shelf's rim
    objects[0] |= {"area": 50, "visible_fraction": 0.5}
    assert hiders(objects[0], objects, mask) == [None]


def test_what_nothing_shows_of_has_hiders_too() -> None:
    objects, mask = scene((10, 10, 20, 20), (8, 8, 24, 24))
    assert [o and o["instance"] for o in hiders(objects[0], objects, mask)] == [2]


def test_the_frame_hides_nothing() -> None:
    assert hidden_share({"truncated": 0.4, "visible_fraction": 0.6}) == 0
    assert hidden_share({"truncated": 0.5, "visible_fraction": 0.25}) == 0.5
    assert hidden_share({}) == 0
    assert hidden_share({"truncated": 1.0, "visible_fraction": 0.0}) == 0
