import numpy as np
import pytest

from detect.breakdown import KINDS, breakdown
from tests.detect.records import found, label, match_all, random_outcome


def kinds(*args: object) -> dict[str, int]:
    return {name: count for name, count in breakdown(match_all(*args)).counts.items() if count}  # type: ignore[arg-type]


def test_one_of_each_kind() -> None:
    labels = [label("milk", 0), label("orange", 100)]
    right = [found("milk", 0, 0.9), found("orange", 100, 0.9)]
    assert kinds(labels, right) == {}
    assert kinds(labels, [*right, found("milk", 1, 0.8)]) == {"duplicate": 1}
    assert kinds(labels, [*right, found("milk", 300, 0.8)]) == {"background": 1}
    assert kinds(labels, [*right, found("milk", 5, 0.8)]) == {"localisation": 1}  # IoU 1/3
    assert kinds(labels, [*right, found("water", 1, 0.8)]) == {"classification": 1}
    assert kinds(labels, [*right, found("water", 5, 0.8)]) == {"both": 1}
    assert kinds(labels, right[:1]) == {"missed": 1}
    assert set(KINDS) == set(breakdown(match_all(labels, right)).counts)


def test_what_a_mended_detection_finds_is_not_missed() -> None:
    assert kinds([label("milk", 0)], [found("milk", 5, 0.8)]) == {"localisation": 1}
    assert kinds([label("milk", 0)], [found("water", 0, 0.8)]) == {"classification": 1}
    assert kinds([label("milk", 0)], [found("water", 5, 0.8)]) == {"both": 1, "missed": 1}


def test_ignored_boxes_are_neither_missed_nor_mended() -> None:
    hidden = label("milk", 0, ignore=1)
    assert kinds([hidden, label("orange", 100)], [found("milk", 0, 0.9), found("orange", 100, 0.9)]) == {}
    assert kinds([hidden], [found("water", 0, 0.9)]) == {"background": 1}


def test_counts_of_classes() -> None:
    rows = breakdown(match_all([label("milk", 0)], [found("water", 5, 0.8), found("orange", 300, 0.1)])).classes
    assert rows["water"]["both"] == rows["orange"]["background"] == rows["milk"]["missed"] == 1
    assert sum(sum(row.values()) for row in rows.values()) == 3


def test_gains() -> None:
    """Three milks, one of them found."""
    labels = [label("milk", 100.0 * i) for i in range(3)]
    first = found("milk", 0, 0.9)
    third = 34 / 101  # recalls up to 1/3
    gains = breakdown(match_all(labels, [first])).gains
    assert gains["missed"] == gains["not_found"] == pytest.approx(1 - third)
    assert gains["background"] == gains["false_alarms"] == gains["classification"] == 0
    # A false alarm before it halves precision; without it the curve is what it was.
    gains = breakdown(match_all(labels, [first, found("milk", 500, 0.95)])).gains
    assert gains["background"] == gains["false_alarms"] == pytest.approx(third / 2)
    # Two poor boxes on the second milk: the better is mended, the other goes.
    gains = breakdown(match_all(labels, [first, found("milk", 105, 0.8), found("milk", 95, 0.7)])).gains
    assert gains["localisation"] == pytest.approx(67 / 101 - third)
    # A poor box on a milk that is already found is only taken away: nothing is gained behind the last hit.
    assert breakdown(match_all(labels, [first, found("milk", 5, 0.8)])).gains["localisation"] == 0
    # The second milk, called water: both classes gain, though no water is there to be measured.
    gains = breakdown(match_all(labels, [first, found("water", 100, 0.8)])).gains
    assert gains["classification"] == pytest.approx(67 / 101 - third)


def test_mending_never_costs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        outcome, _ = random_outcome(rng, 20)
        errors = breakdown(outcome)
        false = ~outcome.matches.at(0.5).hit[0]
        assert sum(errors.counts[kind] for kind in KINDS[:-1]) == false.sum()
        assert errors.gains["false_alarms"] >= max(errors.gains[k] or 0 for k in ("both", "duplicate", "background"))
        assert errors.gains["not_found"] >= errors.gains["missed"]


def test_nothing_to_measure() -> None:
    errors = breakdown(match_all([], [found("milk", 0, 0.9)]))
    assert errors.counts["background"] == 1
    assert set(errors.gains.values()) == {None}
