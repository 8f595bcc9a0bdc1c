from pathlib import Path
from typing import Any

import pytest

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from detect.habit import Habit


def folder(**fields: Any) -> Dataset:
    image = {"id": 1, "file_name": "a.png", "width": 400, "height": 1000}
    annotation = {"id": 3, "image_id": 1, "category_id": 1, "bbox": [100.0, 200.0, 50.0, 60.0], **fields}
    return Dataset(Path("renders"), [image], [annotation], [{"id": 1, "name": "jam"}])


def box(habit: Habit, data: Dataset) -> list[float]:
    return list(habit(data).annotations[0]["bbox"])


def test_margins_are_thousandths_of_the_longer_side() -> None:
    data = folder()
    assert box(Habit(margin=3), data) == [97, 197, 56, 66]
    assert box(Habit(margin=-3), data) == [103, 203, 44, 54]
    assert Habit()(data) is data
    assert data.annotations[0]["bbox"] == [100, 200, 50, 60]


def test_boxes_stay_in_the_picture_and_never_turn_inside_out() -> None:
    assert box(Habit(margin=10), folder(bbox=[4.0, 990.0, 395.0, 10.0])) == [0, 980, 400, 20]
    _, _, width, height = box(Habit(margin=-20), folder(bbox=[100.0, 200.0, 30.0, 30.0]))
    assert (width, height) == (0, 0)


def test_amodal_boxes_reach_behind_what_covers_them() -> None:
    hidden = folder(amodal_bbox=[80.0, 200.0, 500.0, 90.0])
    assert box(Habit(boxes="amodal"), hidden) == [80, 200, 320, 90]
    with pytest.raises(UserError, match=r"renders: habit\.boxes=amodal, but annotation 3 has no amodal_bbox"):
        Habit(boxes="amodal")(folder())


def test_bad_habits_are_refused() -> None:
    with pytest.raises(UserError, match=r"habit\.boxes: 'loose' is neither visible nor amodal"):
        Habit(boxes="loose")
    with pytest.raises(UserError, match=r"habit\.margin: 30"):
        Habit(margin=30)
