import numpy as np
import pytest

from blender_scenes.placement import (
    DIRECTIONS,
    Surface,
    apart,
    box_overlap,
    extent,
    limits,
    moved,
    separation,
)


def cube(x: float, y: float, z: float = 0.0) -> np.ndarray:
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(-1, 3)
    return extent(corners + [x, y, z])


def test_apart_needs_the_gap() -> None:
    boxes = np.stack([cube(1.01, 0), cube(0.5, 0.5), cube(0.2, 0.1, 1.01)])
    assert apart(cube(0, 0)[None], boxes, gap=0.005).tolist() == [[True, False, True]]
    assert apart(cube(0, 0)[None], boxes, gap=0.05).tolist() == [[False, False, False]]
    assert apart(cube(0, 0)[None], boxes[:0], gap=0.05).all(axis=1).tolist() == [True]


def test_opposite_directions_are_half_way_round() -> None:
    half = len(DIRECTIONS) // 2
    assert np.allclose(DIRECTIONS[:half], -DIRECTIONS[half:])
    assert np.allclose(np.linalg.norm(DIRECTIONS, axis=1), 1)


def test_what_is_called_apart_is_apart() -> None:
    """Against the exact distance of random convex bodies by FCL: never wrong, and rarely too careful."""
    import trimesh

    rng = np.random.default_rng(0)
    found = careful = 0
    for _ in range(300):
        a, b = rng.normal(size=(12, 3)), rng.normal(size=(12, 3)) + rng.uniform(-4, 4, 3)
        manager = trimesh.collision.CollisionManager()
        manager.add_object("a", trimesh.convex.convex_hull(a))
        distance = manager.min_distance_single(trimesh.convex.convex_hull(b))
        width = float(separation(extent(a), extent(b)))
        assert width <= distance + 1e-9
        assert apart(extent(a)[None], extent(b)[None], 0.05)[0, 0] == (width >= 0.05) or distance >= 0.05
        found += width >= 0.05
        careful += width < 0.05 <= distance
    assert found > 100
    assert careful < 0.1 * found


def test_limits_and_moving() -> None:
    low, high = limits(moved(cube(0, 0), np.array([2.0, 3.0, 4.0])))
    assert low == pytest.approx([2, 3, 4])
    assert high == pytest.approx([3, 4, 5])


def test_box_overlap_is_the_share_of_the_smaller_box() -> None:
    assert box_overlap((0, 0, 10, 10), []) == 0
    assert box_overlap((0, 0, 10, 10), [(5, 5, 7, 7)]) == 1
    assert box_overlap((0, 0, 10, 10), [(20, 20, 30, 30), (5, 0, 15, 10)]) == pytest.approx(0.5)


def test_a_surface_has_edges_and_headroom() -> None:
    surface = Surface("s", (0, 1), (0, 1), 0.5, 0.3, 1.0)

    def fits(x: float, height: float) -> bool:
        return bool(surface.room_for(np.array([x, 0.45, 0.5]), np.array([x + 0.1, 0.55, 0.5 + height])))

    assert fits(0.1, 0.29)
    assert not fits(0.1, 0.31)
    assert not fits(0.95, 0.1)  # over the edge
