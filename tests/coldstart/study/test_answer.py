from collections.abc import Mapping

import numpy as np
import pytest

from coldstart.study import answer
from coldstart.study.answer import Comparison
from coldstart.study.config import Arm
from coldstart.study.scores import METRICS, Point, Scores

DRAWS = 400
ARMS = {
    "renders": Arm("renders", ["source"]),
    "translated": Arm("translations", ["gan"]),
    "real": Arm("labelled photos", real=True),
    "translated_real": Arm("translations + labelled photos", ["gan"], real=True),
}
PHOTOS: dict[Point, list[int]] = {
    ("renders", 0): [0, 0],
    ("translated", 0): [0, 0],
    **{(arm, budget): [n, n] for arm in ("real", "translated_real") for budget, n in ((1, 1), (3, 3), ("all", 8))},
}


def scores(
    points: Mapping[Point, float], noise: float = 0.01, seeds: int = 3, sound: bool = True, spread: float = 0.0
) -> Scores:
    """Points of known AP; photos that are drawn move all of them alike, seeds each by itself."""
    rng = np.random.default_rng(0)
    common = np.concatenate([[0], rng.normal(0, noise, DRAWS)])
    means = {
        at: {
            metric: {s: np.maximum(0, ap + common + (s - (seeds - 1) / 2) * spread) for s in range(seeds)}
            for metric in METRICS
        }
        for at, ap in points.items()
    }
    classes = {at: {"milk": {m: values[m] for m in ("AP", "AP50")}} for at, values in means.items()}
    return Scores(means, classes, DRAWS, 0, sound)


REAL = {("real", 1): 0.2, ("real", 3): 0.4, ("real", "all"): 0.6}


def test_a_point_has_its_mean_its_interval_and_every_seed() -> None:
    found = answer.point(scores({("renders", 0): 0.5}, noise=0.02, spread=0.1), ("renders", 0))
    assert found["AP"]["mean"] == pytest.approx(0.5)
    assert found["AP"]["by_seed"] == pytest.approx({"0": 0.4, "1": 0.5, "2": 0.6})
    low, high = found["AP"]["interval"]
    assert 0.4 <= low + 0.05 < 0.5 < high - 0.05 <= 0.65  # seeds widen what photos alone would give, 0.46 to 0.54
    assert found["per_class"]["milk"]["AP50"]["mean"] == pytest.approx(0.5)
    assert answer.point(scores({}), ("renders", 0))["AP"] == {"mean": None, "interval": None, "by_seed": {}}


def test_the_photos_replaced_are_those_of_the_known_curve() -> None:
    known = scores({**REAL, ("renders", 0): 0.52})
    found = answer.replaced(known, "real", PHOTOS, ("renders", 0), "AP")
    assert found
    assert found["equals"] == pytest.approx(6)  # three fifths of the way from 3 photos (0.4) to 8 (0.6)
    low, high = found["interval"]
    assert low == pytest.approx(6, abs=0.3) == high  # what moves both alike changes nothing
    assert (found["beyond"], found["most"], found["text"]) == (False, 8, "about 6 labelled photos")


def test_beyond_the_curve_is_said_as_more_than() -> None:
    found = answer.replaced(scores({**REAL, ("renders", 0): 0.7}), "real", PHOTOS, ("renders", 0), "AP")
    assert found
    assert (found["equals"], found["interval"], found["beyond"]) == (None, [None, None], True)
    assert found["text"] == "more than 8 labelled photos"
    wide = scores({**REAL, ("renders", 0): 0.57}, noise=0)
    by_seed = wide.means["renders", 0]["AP"]
    for s in by_seed:
        by_seed[s] = by_seed[s] + np.concatenate([[0], np.linspace(-0.2, 0.1, DRAWS)])  # type: ignore[index]
    found = answer.replaced(wide, "real", PHOTOS, ("renders", 0), "AP")
    assert found
    assert found["interval"][1] is None
    assert found["text"] == "about 7 labelled photos (at least 3)"


def test_folds_of_several_sizes_are_named_as_they_are() -> None:
    assert [answer.spread(counts) for counts in ([3, 3], [8, 7], [12, 9, 10])] == ["3", "7 or 8", "9 to 12"]
    uneven = PHOTOS | {("real", "all"): [7, 8]}
    found = answer.replaced(scores({**REAL, ("renders", 0): 0.7}), "real", uneven, ("renders", 0), "AP")
    assert found
    assert (found["most"], found["most_text"], found["text"]) == (7.5, "7 or 8", "more than 7 or 8 labelled photos")


def test_less_than_one_photo_is_said_so() -> None:
    found = answer.replaced(scores({**REAL, ("renders", 0): 0.04}, noise=0), "real", PHOTOS, ("renders", 0), "AP")
    assert found
    assert found["text"] == "less than 1 labelled photo"


def test_without_photos_alone_nothing_is_replaced() -> None:
    assert answer.replaced(scores({("renders", 0): 0.5}), "real", PHOTOS, ("renders", 0), "AP") is None


def test_a_curve_starts_at_nothing_and_never_falls() -> None:
    curve = answer.learning_curve(scores({**REAL, ("real", 3): 0.1}, noise=0), "real", PHOTOS, "AP")
    assert curve
    assert curve.photos.tolist() == [0, 1, 3, 8]
    assert curve.values[:, 0] == pytest.approx([0, 0.15, 0.15, 0.6])


def test_what_all_photos_alone_score_is_not_replaced_by_fewer() -> None:
    known = scores({("real", 1): 0.2, ("translated_real", "all"): 0.7})  # those of all photos alone have failed
    asked = list(answer.comparisons(ARMS, list(known.means), PHOTOS))
    assert [comparison.kind for comparison in asked] == []
    known = scores({**REAL, ("translated_real", 1): 0.7})
    assert [c.kind for c in answer.comparisons(ARMS, list(known.means), PHOTOS)] == ["added", "saved"]


def test_a_difference_names_the_seeds_that_both_have() -> None:
    known = scores({**REAL, ("renders", 0): 0.62})
    del known.means["renders", 0]["AP"][1]  # type: ignore[attr-defined]
    found = answer.difference(known, Comparison("added", "?", ("real", "all"), ("renders", 0)))
    assert found
    assert found["seeds"] == [0, 2]


def test_differences_are_paired_and_never_overclaim() -> None:
    asked = Comparison("added", "?", ("real", "all"), ("renders", 0))
    better = answer.difference(scores({**REAL, ("renders", 0): 0.62}, noise=0.1), asked)
    assert better
    assert better["AP"]["difference"] == pytest.approx(0.02)
    assert better["AP"]["interval"] == pytest.approx([0.02, 0.02])  # the noise that both share is gone
    assert (better["says"], better["text"]) == ("better", "+0.020 (+0.020 to +0.020) AP: better")
    worse = answer.difference(scores({**REAL, ("renders", 0): 0.5}), asked)
    assert worse
    assert worse["text"].startswith("−0.100")
    assert worse["says"] == "worse"
    alone = answer.difference(scores({**REAL, ("renders", 0): 0.9}, sound=False), asked)
    assert alone
    assert (alone["AP"]["interval"], alone["says"]) == (None, "cannot tell")
    uncertain = scores({**REAL, ("renders", 0): 0.62}, noise=0)
    for s, values in uncertain.means["renders", 0]["AP"].items():
        uncertain.means["renders", 0]["AP"][s] = values + (s - 1) * 0.1  # type: ignore[index]
    assert answer.difference(uncertain, asked)["says"] == "cannot tell"  # type: ignore[index]
    assert answer.difference(scores({("renders", 0): 0.5}), asked) is None


def test_the_questions_of_a_study() -> None:
    asked = list(answer.comparisons(ARMS, list(PHOTOS), PHOTOS))
    assert [(c.kind, c.a, c.b) for c in asked] == [
        ("saved", ("real", "all"), ("renders", 0)),
        ("translated", ("renders", 0), ("translated", 0)),
        ("saved", ("real", "all"), ("translated", 0)),
        ("added", ("real", 1), ("translated_real", 1)),
        ("saved", ("real", "all"), ("translated_real", 1)),
        ("added", ("real", 3), ("translated_real", 3)),
        ("saved", ("real", "all"), ("translated_real", 3)),
        ("added", ("real", "all"), ("translated_real", "all")),
    ]
    assert [c.question for c in asked[1:5]] == [
        "Translations instead of renders",
        "Translations, against all labelled photos alone",
        "Translations + labelled photos, against 1 labelled photo alone",
        "Translations + labelled photos (with 1 labelled photo), against all labelled photos alone",
    ]


def test_an_arm_is_compared_with_its_teacher() -> None:
    arms = {"renders": ARMS["renders"], "taught": Arm("renders + its own labels", ["source"], teacher="renders")}
    points: list[Point] = [("renders", 0), ("taught", 0)]
    (asked,) = answer.comparisons(arms, points, dict.fromkeys(points, 0))
    assert asked == Comparison("taught", "Renders + its own labels instead of renders", *points)
    assert answer.photos_alone({"taught": Arm("photos", real=True, teacher="renders")}) is None


def test_the_plainest_arm_of_photos_alone_is_the_measure() -> None:
    arms = {"a": Arm("a", real=True, overrides=["lr=0.1"]), "b": Arm("b", real=True)}
    assert answer.photos_alone(arms) == "b"
    assert answer.photos_alone({"renders": ARMS["renders"]}) is None


def test_folds_with_fewer_photos_than_the_budget_are_named_as_they_are() -> None:
    uneven = PHOTOS | {("real", 3): [2, 3], ("translated_real", 3): [2, 3]}
    asked = [c.question for c in answer.comparisons(ARMS, list(uneven), uneven) if c.b == ("translated_real", 3)]
    assert any("against 2 or 3 labelled photos alone" in question for question in asked)
    assert any("(with 2 or 3 labelled photos)" in question for question in asked)
