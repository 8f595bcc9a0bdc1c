import numpy as np
import pytest

from coldstart.study.curve import monotone, photos_for


def test_photos_for_inverts_a_curve_of_known_shape() -> None:
    photos = np.array([0.0, 1, 3, 6, 12])
    curve = 1 - np.exp(-photos / 4)
    wanted = np.concatenate([[0.0], curve, [np.interp(4.5, photos, curve), 0.99]])
    found = photos_for(photos, np.repeat(curve[:, None], len(wanted), axis=1), wanted)
    assert found == pytest.approx([0, 0, 1, 3, 6, 12, 4.5, np.inf])


def test_a_plateau_counts_from_its_beginning() -> None:
    photos, values = np.array([0.0, 1, 3, 6]), np.array([[0.0], [0.4], [0.4], [0.6]])
    assert photos_for(photos, values, np.array([0.4])) == pytest.approx([1])
    assert photos_for(photos, values, np.array([0.5])) == pytest.approx([4.5])


def test_a_dip_is_levelled() -> None:
    assert monotone(np.array([[0.0], [0.5], [0.3], [0.6]]))[:, 0] == pytest.approx([0, 0.4, 0.4, 0.6])


@pytest.mark.parametrize("seed", range(20))
def test_on_any_curve_the_answer_lies_on_it_and_grows_with_what_is_wanted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    photos = np.concatenate([[0], np.cumsum(rng.integers(1, 5, 4))]).astype(float)
    noisy = np.concatenate([np.zeros((1, 30)), rng.random((4, 30))])
    curves = monotone(noisy)
    assert (np.diff(curves, axis=0) >= 0).all()
    assert curves.mean(axis=0) == pytest.approx(noisy.mean(axis=0))
    low, high = np.sort(rng.random((2, 30)), axis=0)
    fewer, more = photos_for(photos, curves, low), photos_for(photos, curves, high)
    assert (fewer <= more).all()
    for column, wanted, count in zip(curves.T, low, fewer, strict=True):
        if np.isfinite(count):
            assert np.interp(count, photos, column) == pytest.approx(wanted)
        else:
            assert wanted > column.max()
