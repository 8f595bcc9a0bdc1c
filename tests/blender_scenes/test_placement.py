import numpy as np
import pytest

from blender_scenes.placement import Footprint, Hanging, Surface, apart, box_overlap


def square(x: float, y: float, side: float = 1.0) -> Footprint:
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]]) + [x, y]
    return Footprint.of(np.c_[corners, np.zeros(4)])


def test_apart_needs_the_gap() -> None:
    assert apart(square(0, 0), square(1.01, 0), gap=0.005)
    assert not apart(square(0, 0), square(1.01, 0), gap=0.05)
    assert not apart(square(0, 0), square(0.5, 0.5), gap=0.0)


def test_what_is_called_apart_is_apart() -> None:
    """Against the exact distance of random polygons: never wrong, and rarely too careful."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(0)
    found = 0
    for _ in range(300):
        a, b = rng.normal(size=(12, 2)), rng.normal(size=(12, 2)) + rng.uniform(-6, 6, 2)
        dense = []
        for points in (a, b):
            corners = points[ConvexHull(points).vertices]
            edges = np.linspace(corners, np.roll(corners, -1, axis=0), 60).reshape(-1, 2)
            dense.append(edges)
        distance = cdist(*dense).min()
        flat = [Footprint.of(np.c_[p, np.zeros(len(p))]) for p in (a, b)]
        if apart(flat[0], flat[1], gap=0.05):
            found += 1
            assert distance >= 0.05 - 1e-9
    assert found > 100


def test_bounds_and_moving() -> None:
    assert square(0, 0).moved(2, 3).bounds == pytest.approx((2, 3, 3, 4))


def test_box_overlap_is_the_share_of_the_smaller_box() -> None:
    assert box_overlap((0, 0, 10, 10), []) == 0
    assert box_overlap((0, 0, 10, 10), [(5, 5, 7, 7)]) == 1
    assert box_overlap((0, 0, 10, 10), [(20, 20, 30, 30), (5, 0, 15, 10)]) == pytest.approx(0.5)


def test_low_hanging_things_limit_what_stands_below_them() -> None:
    surface = Surface("s", (0, 1), (0, 1), 0.5, 0.3, 1.0, (Hanging((0.4, 0.6), (0.4, 0.6), 0.1),))

    def fits(x: float, height: float) -> bool:
        return surface.room_for(np.array([x, 0.45, 0.5]), np.array([x + 0.1, 0.55, 0.5 + height]))

    assert fits(0.1, 0.29)
    assert not fits(0.1, 0.31)
    assert fits(0.45, 0.09)
    assert not fits(0.35, 0.2)  # reaches below it
    assert not fits(0.95, 0.1)  # over the edge
