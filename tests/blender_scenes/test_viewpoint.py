import numpy as np
import pytest

from blender_scenes.furniture.parts import Frame
from blender_scenes.viewpoint import Framing, ViewPoint
from coldstart.errors import UserError

FRONT = Frame((-0.3, 0.1, 0.0), (0.6, 0.0, 0.0), (0.0, 0.0, 1.0))
TOP = Frame((-0.4, -0.3, 0.0), (0.8, 0.0, 0.0), (0.0, 0.6, 0.0))
STRAIGHT = {"elevation": [0.0, 0.0], "azimuth": [0.0, 0.0], "roll": [0.0, 0.0], "wander": 0.0}


def corners(frame: Frame) -> np.ndarray:
    corner, across, up = (np.array(v) for v in (frame.corner, frame.across, frame.up))
    return np.array([corner + u * across + v * up for u in (0, 1) for v in (0, 1)])


def test_span_one_fills_the_picture_with_the_frame() -> None:
    camera = Framing(**STRAIGHT, span=[1.0, 1.0]).draw(FRONT, [300, 400], np.random.default_rng(0))  # type: ignore[arg-type]
    pixels, depth = camera.project(corners(FRONT))
    assert (depth > 0.3).all()
    assert pixels[:, 1].min() == pytest.approx(0, abs=0.1)
    assert pixels[:, 1].max() == pytest.approx(400, abs=0.1)
    assert pixels[:, 0].min() == pytest.approx(150 - 0.3 * 400, abs=0.1)


def test_a_close_up_stays_inside_the_frame() -> None:
    framing = Framing(**STRAIGHT, span=[0.4, 0.4])  # type: ignore[arg-type]
    seen = []
    for seed in range(20):
        camera = framing.draw(FRONT, [300, 400], np.random.default_rng(seed))
        pixels, _ = camera.project(corners(FRONT))
        assert pixels[:, 0].min() <= 0.1
        assert pixels[:, 0].max() >= 299.9
        assert np.ptp(pixels[:, 1]) == pytest.approx(1000, abs=1)
        seen.append(pixels[:, 1].min())
    assert np.std(seen) > 100  # now this part, now that


def test_from_above_the_table_is_seen_upright() -> None:
    camera = Framing(**STRAIGHT | {"elevation": [90.0, 90.0]}, span=[1.0, 1.0]).draw(  # type: ignore[arg-type]
        TOP, [400, 300], np.random.default_rng(0)
    )
    pixels, _ = camera.project(np.array([[0.4, 0.3, 0.0], [-0.4, -0.3, 0.0]]))
    assert pixels == pytest.approx(np.array([[400, 0], [0, 300]]), abs=0.2)


def test_cameras_keep_their_distance_and_zoom_instead() -> None:
    framing = Framing(**STRAIGHT, span=[0.2, 0.2], fov=[80.0, 80.0], nearest=500.0)  # type: ignore[arg-type]
    camera = framing.draw(FRONT, [300, 400], np.random.default_rng(0))
    assert camera.location[1] == pytest.approx(0.1 - 0.5)
    pixels, _ = camera.project(corners(FRONT))
    assert np.ptp(pixels[:, 1]) == pytest.approx(2000, abs=1)


def test_a_view_point_strays_around_its_mean() -> None:
    view, rng = ViewPoint(), np.random.default_rng(0)
    cameras = [view.draw(FRONT, [30, 40], rng) for _ in range(200)]
    places = np.array([c.location for c in cameras])
    assert places.mean(axis=0) == pytest.approx([0, -0.77, 0.845], abs=0.02)
    assert (np.abs(places - [0, -0.77, 0.845]) <= [0.0801, 0.0601, 0.0401]).all()
    down = [np.degrees(np.arcsin(-np.array(c.rotation)[2, 2])) for c in cameras]
    assert np.mean(down) == pytest.approx(-15.2, abs=0.5)


def test_impossible_framings_are_refused() -> None:
    with pytest.raises(UserError, match=r"scene.framing.span: \[2, 1\] must be"):
        Framing(span=[2, 1])
