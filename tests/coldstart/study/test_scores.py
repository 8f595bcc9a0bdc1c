from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coldstart.errors import UserError
from coldstart.study.config import StudyConfig
from coldstart.study.scores import METRICS, Scores
from detect.matching import Matches
from detect.precision import resamplings
from detect.scoring import averages
from tests.coldstart.study.conftest import finish

Make = Callable[..., StudyConfig]


def loaded(cell: object) -> Matches:
    return Matches.load(Path(cell.score.out) / "matches.npz")  # type: ignore[attr-defined]


def test_a_point_is_the_mean_over_folds_for_every_seed(photos: Make) -> None:
    planned = finish(photos())
    scores = Scores.of(planned, planned.cells, draws=20)
    assert scores.sound
    for at in (("real", 1), ("renders", 0)):
        for seed in (0, 1):
            of_folds = [averages(loaded(c))[0] for c in planned.cells if (c.arm, c.budget, c.seed) == (*at, seed)]
            for metric in METRICS:
                expected = np.mean([means[metric][0] for means in of_folds])
                assert scores.means[at][metric][seed][0] == pytest.approx(expected)
                assert scores.means[at][metric][seed].shape == (21,)


def test_test_photos_are_drawn_alike_for_all(config: Make) -> None:
    planned = finish(config(seeds=[0]))
    scores = Scores.of(planned, planned.cells, draws=20, seed=4)
    weights = resamplings(5, 20, [4, 0])
    for cell in planned.cells:
        by_hand = averages(loaded(cell), weights)[0]["AP50"]
        assert scores.means[cell.arm, cell.budget]["AP50"][0][1:] == pytest.approx(by_hand)


def test_classes_are_scored_too(photos: Make) -> None:
    planned = finish(photos())
    classes = Scores.of(planned, planned.cells, draws=5).classes["real", "all"]
    assert list(classes) == ["milk", "orange", "water"]
    of_folds = [c for c in planned.cells if (c.arm, c.budget, c.seed) == ("real", "all", 1)]
    expected = np.mean([averages(loaded(c))[1]["AP"][0, 2] for c in of_folds])
    assert classes["water"]["AP"][1][0] == pytest.approx(expected)


def test_a_seed_without_all_folds_is_left_out(photos: Make) -> None:
    planned = finish(photos())
    lost = next(c for c in planned.cells if (c.arm, c.budget, c.fold, c.seed) == ("real", 1, "fold1", 0))
    scores = Scores.of(planned, [c for c in planned.cells if c is not lost], draws=5)
    assert scores.seeds(("real", 1)) == [1]
    assert scores.seeds(("real", "all"), ("real", 1)) == [1]
    assert scores.seeds(("real", "all")) == [0, 1]
    assert scores.seeds(("nobody", 0)) == []


def test_seeds_spread_as_much_as_their_mean_does() -> None:
    """Over many sets of three seeds, the variance of the draws is that of the mean of three."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        scores = Scores({}, {}, 200, 0, True)
        by_seed = {s: np.full(201, rng.normal()) for s in (3, 5, 8)}
        values = scores.over(by_seed, [3, 5, 8])
        assert values[0] == pytest.approx(np.mean([of[0] for of in by_seed.values()]))
        found.append(values[1:].var())
    assert np.mean(found) == pytest.approx(1 / 3, rel=0.15)
    alone = {5: np.linspace(0, 1, 201)}
    assert scores.over(alone, [5]) == pytest.approx(alone[5])


def test_scores_of_other_photos_are_refused(photos: Make) -> None:
    planned = finish(photos())
    cell = planned.cells[0]
    matches = loaded(cell)
    Matches(*{**vars(matches), "images": ["another", *matches.images[1:]]}.values()).save(
        cell.score.out / "matches.npz"
    )
    with pytest.raises(UserError, match="was scored on other photos than the others of fold0"):
        Scores.of(planned, planned.cells, draws=2)
