import numpy as np
import pytest

from coldstart.stratify import stratify


def dealt(labels: np.ndarray, sides: np.ndarray, count: int) -> np.ndarray:
    """Sides × labels: what each side got."""
    return np.array([labels[sides == k].sum(axis=0) for k in range(count)])


def test_every_fold_gets_its_share_of_every_label() -> None:
    random = np.random.default_rng(0)
    labels = (random.random((60, 5)) < [0.5, 0.3, 0.2, 0.15, 0.1]).astype(float)
    sizes, room = np.ones(60, dtype=int), np.full(4, 15)
    for seed in range(5):
        sides = stratify(labels, sizes, room, np.random.default_rng(seed))
        assert np.bincount(sides).tolist() == [15] * 4
        ours = dealt(labels, sides, 4)
        assert np.ptp(ours, axis=0).max() <= 2
        chance = np.mean([np.ptp(dealt(labels, random.permutation(sides), 4), axis=0).mean() for _ in range(50)])
        assert np.ptp(ours, axis=0).mean() < chance / 3


def test_groups_are_not_parted_and_sides_come_near_their_size() -> None:
    random = np.random.default_rng(1)
    sizes = random.integers(1, 6, size=40)
    labels = random.poisson(sizes[:, None] * [2.0, 1.0])
    room = np.array([round(sizes.sum() * 0.6), sizes.sum() - round(sizes.sum() * 0.6)])
    sides = stratify(labels.astype(float), sizes, room, random)
    got = np.array([sizes[sides == k].sum() for k in range(2)])
    assert abs(got - room).max() <= 2
    shares = dealt(labels, sides, 2)[0] / labels.sum(axis=0)
    assert shares == pytest.approx([0.6, 0.6], abs=0.05)


def test_the_first_side_gets_every_label_if_it_must() -> None:
    labels = np.eye(6)[[0] * 15 + [1, 2, 3, 4, 5]]
    labels[15, 2] = 1  # a group that holds two labels at once
    sizes, room = np.ones(20, dtype=int), np.array([5, 15])
    for seed in range(5):
        sides = stratify(labels, sizes, room, np.random.default_rng(seed), complete_first=True)
        assert (dealt(labels, sides, 2)[0] > 0).all()
        assert np.bincount(sides).tolist() == [5, 15]
    without = [stratify(labels, sizes, room, np.random.default_rng(seed)) for seed in range(5)]
    assert not all((dealt(labels, sides, 2)[0] > 0).all() for sides in without)
