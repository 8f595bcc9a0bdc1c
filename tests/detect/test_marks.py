from typing import Any

from coldstart.dataset import Annotation, categories_from
from detect.drawing import FALSE_ALARM, MISSED, RIGHT, TRUTH
from detect.marks import marks
from detect.scoring import outcome

CATEGORIES = categories_from(["milk", "orange"])
Prediction = dict[str, Any]


def truth(number: int, category: int, x: float, **more: Any) -> Annotation:
    return {"id": number, "image_id": 1, "category_id": category, "bbox": [x, 0.0, 10.0, 10.0], **more}  # type: ignore[typeddict-item]


def found(name: str, x: float, score: float) -> Prediction:
    category = {"milk": 1, "orange": 2}[name]
    return {"image_id": 1, "category_id": category, "bbox": [x, 0.0, 10.0, 10.0], "score": score}


def drawn_marks(predictions: list[Prediction], annotations: list[Annotation], score: float = 0.3) -> list[Any]:
    images: Any = [{"id": i, "file_name": f"{i}.png", "width": 99, "height": 99} for i in (1, 2)]
    return marks(outcome(predictions, images, annotations, CATEGORIES), 0, score)


def shown(predictions: list[Prediction], annotations: list[Annotation]) -> list[tuple[Any, str]]:
    return [(colour, text) for _, colour, _, text in drawn_marks(predictions, annotations) if text]


def test_right_false_and_missed() -> None:
    drawn = shown(
        [found("milk", 1, 0.9), found("milk", 2, 0.8), found("orange", 0, 0.7)], [truth(1, 1, 0), truth(2, 2, 50)]
    )
    assert drawn == [
        (MISSED, "orange missed"),
        (RIGHT, "milk 0.90"),
        (FALSE_ALARM, "milk 0.80"),
        (FALSE_ALARM, "orange 0.70"),
    ]


def test_the_better_score_takes_the_box_whatever_the_order() -> None:
    drawn = shown([found("milk", 0, 0.4), found("milk", 1, 0.9)], [truth(1, 1, 0)])
    assert drawn == [(RIGHT, "milk 0.90"), (FALSE_ALARM, "milk 0.40")]


def test_ignored_boxes_are_neither_missed_nor_false() -> None:
    assert shown([], [truth(1, 1, 0, ignore=1)]) == []
    pair = [found("milk", 0, 0.9), found("milk", 1, 0.8)]
    assert shown(pair, [truth(1, 1, 0, iscrowd=1)]) == [(TRUTH, "milk 0.90"), (TRUTH, "milk 0.80")]
    # A box that is asked for comes before one that is not.
    assert shown(pair[:1], [truth(1, 1, 0, ignore=1), truth(2, 1, 2)]) == [(RIGHT, "milk 0.90")]


def test_nothing_at_all() -> None:
    assert drawn_marks([], []) == []


def test_other_images_and_low_scores_are_left_out() -> None:
    elsewhere = {**found("milk", 0, 0.9), "image_id": 2}
    drawn = shown([elsewhere, found("milk", 0, 0.2)], [truth(1, 1, 0), {**truth(2, 2, 0), "image_id": 2}])
    assert drawn == [(MISSED, "milk missed")]
