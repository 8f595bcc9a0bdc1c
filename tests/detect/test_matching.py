from typing import Any

from coldstart.dataset import Annotation
from detect.drawing import FALSE_ALARM, MISSED, RIGHT, TRUTH
from detect.inference import Detection
from detect.matching import marks

NAMES = {1: "milk", 2: "orange"}


def truth(number: int, category: int, x: float, **more: Any) -> Annotation:
    return {"id": number, "image_id": 1, "category_id": category, "bbox": [x, 0.0, 10.0, 10.0], **more}  # type: ignore[typeddict-item]


def found(name: str, x: float, score: float) -> Detection:
    return Detection([x, 0.0, 10.0, 10.0], name, score)


def outcome(detections: list[Detection], annotations: list[Annotation]) -> list[tuple[Any, str]]:
    return [(colour, text) for _, colour, _, text in marks(detections, annotations, NAMES) if text]


def test_right_false_and_missed() -> None:
    drawn = outcome(
        [found("milk", 1, 0.9), found("milk", 2, 0.8), found("orange", 0, 0.7)], [truth(1, 1, 0), truth(2, 2, 50)]
    )
    assert drawn == [
        (MISSED, "orange missed"),
        (RIGHT, "milk 0.90"),
        (FALSE_ALARM, "milk 0.80"),
        (FALSE_ALARM, "orange 0.70"),
    ]


def test_the_better_score_takes_the_box_whatever_the_order() -> None:
    drawn = outcome([found("milk", 0, 0.4), found("milk", 1, 0.9)], [truth(1, 1, 0)])
    assert drawn == [(FALSE_ALARM, "milk 0.40"), (RIGHT, "milk 0.90")]


def test_ignored_boxes_are_neither_missed_nor_false() -> None:
    assert outcome([], [truth(1, 1, 0, ignore=1)]) == []
    pair = [found("milk", 0, 0.9), found("milk", 1, 0.8)]
    assert outcome(pair, [truth(1, 1, 0, iscrowd=1)]) == [(TRUTH, "milk 0.90"), (TRUTH, "milk 0.80")]
    # A box that is asked for comes before one that is not.
    assert outcome(pair[:1], [truth(1, 1, 0, ignore=1), truth(2, 1, 2)]) == [(RIGHT, "milk 0.90")]


def test_nothing_at_all() -> None:
    assert marks([], [], NAMES) == []
