import numpy as np
import pytest
from PIL import Image

from detect.embedding import Crops, crop, domain_gap, tsne


def crops(seed: int, shift: float, category: list[int]) -> Crops:
    """Two classes, 8 apart; the domain moves all features by `shift`."""
    rng = np.random.default_rng(seed)
    kinds = np.array(category)
    features = rng.normal(0, 1, (len(kinds), 6))
    features[:, 0] += 8 * kinds
    features[:, 1] += shift
    return Crops(features, kinds)


BOTH = [0] * 60 + [1] * 60


def test_the_same_domain_has_no_gap() -> None:
    gap = domain_gap(crops(0, 0, BOTH), crops(1, 0, BOTH))
    assert gap["objects"] == 120
    assert abs(gap["own_domain"] - gap["chance"]) < 0.06
    assert gap["class_across"] > 0.95


def test_domains_far_apart_do_not_touch() -> None:
    gap = domain_gap(crops(0, 0, BOTH), crops(1, 30, BOTH))
    assert gap["own_domain"] > 0.97
    assert gap["class_across"] > 0.8


def test_more_objects_of_one_domain_are_no_gap() -> None:
    gap = domain_gap(crops(0, 0, BOTH), crops(1, 0, [0] * 400 + [1] * 70 + [2] * 50))
    assert gap["objects"] == 120
    assert abs(gap["own_domain"] - 0.5) < 0.06


def test_too_few_to_say() -> None:
    assert domain_gap(crops(0, 0, [0, 0]), crops(1, 0, [0, 1]))["own_domain"] is None
    assert domain_gap(crops(0, 0, [0] * 9), crops(1, 0, [1] * 9))["objects"] == 0


def test_tsne_keeps_neighbours_together() -> None:
    data = crops(0, 0, [0] * 30 + [1] * 30)
    points = tsne(data.features)
    centres = [points[data.category == k].mean(axis=0) for k in (0, 1)]
    nearer = np.linalg.norm(points[:, None] - np.array(centres), axis=2).argmin(axis=1)
    assert (nearer == data.category).mean() > 0.95
    np.testing.assert_array_equal(points, tsne(data.features))


@pytest.mark.parametrize("box", [(95.6, 10, 1, 20), (10, 71.7, 20, 1), (0, 0, 0.2, 0.2)])
def test_a_sliver_at_the_edge_is_cut_out_too(box: tuple[float, ...]) -> None:
    assert crop(Image.new("RGB", (96, 72)), box).shape == (3, 128, 128)
