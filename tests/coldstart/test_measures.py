import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart.dataset import Dataset, load, save
from coldstart.errors import UserError
from coldstart.measures import GRID, SIDES, UNLABELLED, measure

Toy = Callable[..., Dataset]


def test_counts_by_hand(toy: Toy) -> None:
    data = toy("data", 2)
    first = [a for a in data.annotations if a["image_id"] == 1]
    first[0] |= {"bbox": [0.0, 0.0, 48.0, 64.0]}  # the upper left quarter of 96×128
    first[1] |= {"bbox": [48.0, 64.0, 24.0, 32.0]}
    first[2] |= {"ignore": 1}
    save(Dataset(data.root, data.images, first, data.categories))
    numbers = measure(load(data.root))
    assert (numbers["images"], numbers["objects"], numbers["ignored"]) == (2, 2, 1)
    assert numbers["picture_sizes"] == [{"width": 96, "height": 128, "images": 2}]
    milk, orange, water = numbers["classes"]
    assert (milk["objects"], milk["images"], milk["median_width"], milk["median_height"]) == (1, 1, 48, 64)
    assert (water["objects"], water["ignored"], water["median_width"]) == (0, 1, None)
    quarter = np.zeros((GRID, GRID))
    quarter[: GRID // 2, : GRID // 2] = 0.5  # in one of two images
    assert milk["position"] == quarter.tolist()
    assert np.sum(orange["position"]) == 0.5 * (GRID // 4) ** 2
    assert numbers["position"] == (quarter + np.array(orange["position"])).tolist()
    assert numbers["objects_per_image"] == [1, 0, 1]
    assert numbers["box_area"] == {"small": 1, "medium": 1, "large": 0}
    sides = dict(zip(SIDES[1:], numbers["box_side_percent"]["counts"], strict=True))
    assert {k for k, v in sides.items() if v} == {32, 64}  # 25 % and 50 %
    assert numbers["visible_fraction"] is numbers["occlusion"] is numbers["placement"] is None


def test_renders_tell_more(renders: Toy) -> None:
    data = renders("data", 6)
    numbers = measure(data)
    shown = [a["visible_fraction"] for a in data.annotations]
    assert sum(numbers["visible_fraction"]["counts"]) == len(shown)
    assert numbers["visible_fraction"]["low"] == round(min(shown), 4)
    occlusion = numbers["occlusion"]
    assert (occlusion["images"], occlusion["exact"]) == (6, False)
    assert occlusion["hiders"] == ["milk", "orange", "water", UNLABELLED]
    counts = np.array(occlusion["counts"])
    # Later objects are drawn in front, so nothing hides water and milk hides nothing.
    assert counts[:, 2].sum() == counts[0].sum() == 0
    assert counts.sum() > 0
    assert numbers["placement"]["products"] == [{"name": "milk", "placed": 0, "unplaced": 3}]
    assert numbers["cut_by_frame"] == 0


def test_looks_of_one_scene_count_once(renders: Toy) -> None:
    data = renders("data", 3)
    for image in data.images:
        record = {"scene": "fridge", "seed": 1, "index": 7, "placements": [{"product": "jam"}], "unplaced": {"jam": 2}}
        (data.root / image["scene"]).write_text(json.dumps(record))
    placement = measure(data)["placement"]
    assert placement == {"scenes": 1, "products": [{"name": "jam", "placed": 1, "unplaced": 2}]}


def test_light_is_luma(toy: Toy) -> None:
    data = toy("data", 2)
    Picture.new("RGB", (96, 128), (200, 200, 200)).save(data.path(data.images[0]))
    half = np.zeros((128, 96, 3), np.uint8)
    half[:64] = 100
    Picture.fromarray(half).save(data.path(data.images[1]))
    rows = measure(data)["per_image"]
    assert [(row["brightness"], row["contrast"]) for row in rows] == [(200, 0), (50, 50)]


def test_a_dataset_without_any_object_has_numbers(toy: Toy) -> None:
    data = toy("data", 2)
    numbers = measure(Dataset(data.root, data.images, [], data.categories))
    assert numbers["objects"] == sum(numbers["box_side_percent"]["counts"]) == 0
    assert numbers["objects_per_image"] == [2]


def test_a_broken_mask_or_record_is_one_line(renders: Toy) -> None:
    data = renders("data", 1)
    whole = data.mask_path(data.images[0]).read_bytes()
    data.mask_path(data.images[0]).write_bytes(whole[:60])
    with pytest.raises(UserError, match="cannot be read as a mask"):
        measure(data)
    data.mask_path(data.images[0]).write_bytes(whole)
    for text in ("[", "[]", '{"placements": [3]}'):
        (data.root / "scenes" / "000000.json").write_text(text)
        with pytest.raises(UserError, match="is not a scene record of ours"):
            measure(data)


def test_a_picture_that_is_cut_off_is_one_line(toy: Toy) -> None:
    data = toy("data", 1)
    path = data.path(data.images[0])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"000000\.png: cannot be read as an image"):
        measure(load(data.root))


def test_a_crowd_counts_as_ignored(toy: Toy) -> None:
    data = toy("data", 1)
    data.annotations[2] |= {"iscrowd": 1}
    numbers = measure(data)
    assert (numbers["objects"], numbers["ignored"]) == (2, 1)
    assert [row["objects"] for row in numbers["classes"]] == [1, 1, 0]
    assert numbers["per_image"][0]["objects"] == 2
