import numpy as np

from detect.confusion import confusion_matrix
from tests.detect.records import found, label, match_all, random_outcome

MILK, ORANGE, WATER, NOTHING = range(4)


def test_every_outcome_has_its_cell() -> None:
    labels = [
        label("milk", 0),
        label("orange", 50),
        label("water", 100),
        label("water", 150),
        label("milk", 0, image=2),
    ]
    predictions = [
        found("milk", 1, 0.9),  # right
        found("water", 51, 0.8),  # an orange
        found("orange", 300, 0.7),  # nothing
        found("water", 150, 0.2),  # too weak to be shown
        found("milk", 0, 0.6, image=2),  # right, on the other image
        found("milk", 3, 0.5),  # a second time: on background
    ]
    counts = confusion_matrix(match_all(labels, predictions, images=2), 0.3)
    expected = np.zeros((4, 4), dtype=int)
    expected[MILK, MILK] = 2
    expected[ORANGE, WATER] = 1
    expected[NOTHING, [ORANGE, MILK]] = 1
    expected[WATER, NOTHING] = 2
    np.testing.assert_array_equal(counts, expected)


def test_the_right_class_comes_first_and_each_box_once() -> None:
    labels = [label("milk", 0), label("orange", 2)]
    # The best detection says orange and overlaps the milk most; another milk is found by a weaker one.
    counts = confusion_matrix(match_all(labels, [found("orange", 0, 0.9), found("milk", 0, 0.4)]), 0.3)
    assert counts[MILK, MILK] == counts[ORANGE, ORANGE] == counts.sum() / 2 == 1
    # Two wrong ones on one box: the better takes it, the other is a false alarm.
    counts = confusion_matrix(match_all([label("milk", 0)], [found("orange", 2, 0.9), found("water", 0, 0.8)]), 0.3)
    assert counts[MILK, ORANGE] == counts[NOTHING, WATER] == counts.sum() / 2 == 1


def test_ignored_boxes_count_nowhere() -> None:
    outcome = match_all([label("milk", 0, ignore=1), label("water", 50, iscrowd=1)], [found("milk", 0, 0.9)])
    assert confusion_matrix(outcome, 0.3).sum() == 0


def test_rows_add_up_to_the_boxes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        outcome, predictions = random_outcome(rng, 15)
        counts = confusion_matrix(outcome, 0.3)
        np.testing.assert_array_equal(counts[:3].sum(axis=1), outcome.matches.wanted.sum(axis=0))
        shown = [p["category_id"] - 1 for p in predictions if p["score"] >= 0.3]
        np.testing.assert_array_equal(counts[:, :3].sum(axis=0), np.bincount(shown, minlength=3))
        right = outcome.matches.at(0.5).hit[0] & (outcome.found.score >= 0.3)
        assert np.trace(counts[:3, :3]) >= right.sum()
        assert (np.diag(counts)[:3] == np.bincount(outcome.found.category[right], minlength=3)).all()
