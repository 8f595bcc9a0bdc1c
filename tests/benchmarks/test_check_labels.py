import sys

import numpy as np

from benchmarks import check_labels


def test_labels_agree_with_rays_cast_at_the_meshes() -> None:
    """One scene of each kind; `python benchmarks/check_labels.py 200` does the same at length."""
    found = check_labels.run(len(check_labels.KINDS), [sys.executable, "-m", "blender_scenes.render"])
    assert found.scenes == len(check_labels.KINDS)
    assert found.objects > 15
    assert found.wrong == 0, str(found)
    assert np.sum(found.visible, axis=0)[0] > 800
    assert np.quantile(found.fractions, 0.9) < 0.05  # a pixel is much of a small object
    assert np.mean(found.fractions) < 0.01
    assert np.median(np.concatenate(found.angles)) < 2.3  # means over a pixel, in which a small product curves
    assert np.concatenate(found.depth_errors).mean() < 0.0001


def test_the_check_sees_what_is_wrong() -> None:
    expected = np.zeros((12, 12))
    expected[4:8, 4:8] = 1

    def within(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        columns, rows = check_labels._around(y, x)
        return expected[np.round(rows).astype(int), np.round(columns).astype(int)]

    assert check_labels._compare(expected, expected, within).tolist() == [0, 0]
    assert check_labels._compare(np.roll(expected, 1, axis=1), expected, within).tolist() == [8, 0]
    assert check_labels._compare(np.roll(expected, 2, axis=1), expected, within).tolist() == [10, 6]
    hole = expected.copy()
    hole[5, 5] = 0
    assert check_labels._compare(hole, expected, within).tolist() == [0, 1]
