from typing import Any

import pytest

from coldstart.errors import UserError
from detect.matching import Matches
from detect.threshold import ThresholdConfig, operation, operations, suggest
from tests.detect.records import found, label, match_all


def run() -> Matches:
    """Two photos, four milks: right 0.9, false 0.8, right 0.7, right 0.5, false 0.3, false 0.1."""
    labels = [label("milk", 0), label("milk", 50), label("milk", 0, image=2), label("milk", 50, image=2)]
    predictions = [
        found("milk", 0, 0.9),
        found("milk", 300, 0.8),
        found("milk", 0, 0.7, image=2),
        found("milk", 50, 0.5),
        found("milk", 300, 0.3, image=2),
        found("milk", 400, 0.1, image=2),
    ]
    return match_all(labels, predictions, images=2).matches


def at(**aim: Any) -> dict[str, Any]:
    return suggest(run(), ThresholdConfig(**aim)) or {}


def test_operation() -> None:
    values = operation(run(), 0.6)
    assert (values.precision, values.recall, values.false_alarms) == (2 / 3, 0.5, 0.5)
    assert values.f1 == pytest.approx(4 / 7)
    nothing = operation(run(), 0.95)
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.false_alarms) == (None, 0, 0, 0)


def test_each_aim() -> None:
    best = at()
    assert best["score"] == pytest.approx(0.4)  # halfway between the last one taken and the next
    assert (best["precision"], best["recall"], best["aim"]) == (0.75, 0.75, "best F1")
    assert at(recall=0.5)["score"] == pytest.approx(0.6)
    assert at(false_alarms=0.5)["score"] == pytest.approx(0.4)
    assert at(false_alarms=1.0)["score"] == pytest.approx(0.2)
    assert at(false_alarms=0.0)["score"] == pytest.approx(0.85)
    assert all(at(**aim)["reached"] for aim in ({}, {"recall": 0.75}, {"false_alarms": 0.0}))
    assert not at(recall=0.9)["reached"]
    assert at(recall=0.9)["recall"] == 0.75


def test_what_is_suggested_is_what_it_does() -> None:
    curve = operations(run())
    for i, score in enumerate(curve.score):
        values = operation(run(), float(score))
        assert (values.precision, values.recall) == (curve.precision[i], curve.recall[i])
        assert values.f1 == pytest.approx(curve.f1[i])


def test_equal_scores_stand_or_fall_together() -> None:
    matches = match_all([label("milk", 0)], [found("milk", 300, 0.5), found("milk", 0, 0.5)]).matches
    assert len(operations(matches).score) == 1
    assert (suggest(matches, ThresholdConfig()) or {})["precision"] == 0.5


def test_nothing_to_suggest() -> None:
    assert suggest(match_all([label("milk", 0)], []).matches, ThresholdConfig()) is None
    assert suggest(match_all([], [found("milk", 0, 0.5)]).matches, ThresholdConfig()) is None


@pytest.mark.parametrize(
    "aim", [{"recall": 0.9, "false_alarms": 1}, {"recall": 1.2}, {"recall": 0}, {"false_alarms": -1}]
)
def test_bad_aims(aim: Any) -> None:
    with pytest.raises(UserError):
        ThresholdConfig(**aim)
