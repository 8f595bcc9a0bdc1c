import numpy as np
import pytest

from blender_scenes.lens import BENT, bend, bounds, distorted, pinhole
from blender_scenes.spec import Camera

LEVEL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))


def camera(k1: float) -> Camera:
    return Camera((0.0, 0.0, 0.0), LEVEL, 26.0, 36.0, (90, 120), k1)


def test_without_distortion_nothing_changes() -> None:
    picture = np.random.default_rng(0).uniform(size=(120, 90, 3))
    assert pinhole(camera(0)) == camera(0)
    assert bend(picture, camera(0), smooth=True) is picture


@pytest.mark.parametrize("k1", [-0.15, 0.05])
def test_bent_picture_shows_points_where_the_camera_projects_them(k1: float) -> None:
    """Small discs drawn where the pinhole sees them lie where the distorting camera says, all over the frame."""
    bent = camera(k1)
    straight = pinhole(bent)
    width, height = straight.size
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    for x in (-0.4, 0.0, 0.3):
        for z in (-0.5, 0.1, 0.55):
            point = np.array([[x, 1.0, z]])
            (u, v), (seen_u, seen_v) = straight.project(point)[0][0], bent.project(point)[0][0]
            picture = (np.hypot(columns - u, rows - v) < 2.5).astype(np.uint16)
            found = bend(picture, bent)
            assert found.shape == (120, 90)
            ys, xs = np.nonzero(found)
            assert xs.mean() + 0.5 == pytest.approx(seen_u, abs=0.5)
            assert ys.mean() + 0.5 == pytest.approx(seen_v, abs=0.5)


def test_a_barrel_pulls_corners_in() -> None:
    corner = np.array([[0.45, 1.0, 0.6]])
    straight, barrel = camera(0).project(corner)[0][0], camera(-0.1).project(corner)[0][0]
    middle = np.array([45.0, 60.0])
    assert np.linalg.norm(barrel - middle) < np.linalg.norm(straight - middle)


@pytest.mark.parametrize("k1", [-0.9, 0.9])
def test_a_camera_is_bent_no_further_than_its_corners_allow(k1: float) -> None:
    """At the bound the corner still finds its place, a hundredth of a pixel off at most, and the border stays small."""
    bent = distorted(camera(0), k1)
    assert bent.k1 == pytest.approx(bounds(18 / 26, (90, 120))[k1 > 0], abs=1e-6)
    assert distorted(camera(0), k1 / 9) == camera(k1 / 9)
    focal, pixel = 26 / 36 * 120, np.array([0.5, 0.5])
    seen = np.linalg.norm(pixel - (45, 60)) / focal
    exact = min(np.roots([bent.k1, 0, 1, -seen]), key=lambda r: abs(r - seen)).real
    assert abs(bent.k1) * exact**2 == pytest.approx(BENT, rel=0.05)
    straight = pinhole(bent)
    picture = np.hypot(*np.meshgrid(*(np.arange(s) + 0.5 - s / 2 for s in straight.size))) / focal
    assert bend(picture, bent, smooth=True)[0, 0] == pytest.approx(exact, abs=0.01 / focal)
    assert max(straight.size) < 1.5 * 120


def test_smooth_lookup_of_a_gradient_is_exact_between_pixels() -> None:
    bent = camera(-0.1)
    width, height = pinhole(bent).size
    gradient = np.tile(np.arange(width, dtype=float) + 0.5, (height, 1))
    found = bend(gradient, bent, smooth=True)
    # The left edge of the frame shows what the pinhole sees further out, in its border.
    assert found[60, 45] == pytest.approx(width / 2 + 0.5, abs=0.01)
    assert found[0, 0] < found[60, 0]
