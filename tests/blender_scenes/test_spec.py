import numpy as np
import pytest

from blender_scenes.geometry import euler
from blender_scenes.spec import Camera, Placement, rounded


def test_camera_projects_like_a_pinhole() -> None:
    camera = Camera((0, 0, 0), rounded(euler([90, 0, 0])), 36.0, 36.0, (300, 400))  # looks along +y, z up
    pixels, depth = camera.project(np.array([[0, 2, 0], [0.5, 2, 0], [0, 2, 0.5]]))
    assert depth == pytest.approx([2, 2, 2])
    assert pixels[0] == pytest.approx([150, 200])
    assert pixels[1] == pytest.approx([250, 200])  # x right; focal length is 400 px
    assert pixels[2] == pytest.approx([150, 100])  # up is less y


def test_placement_scales_turns_and_moves() -> None:
    placement = Placement("p", 1, 0, "upright", "shelf0", (1, 2, 3), rounded(euler([0, 0, 90])), 2.0, (1, 1, 1))
    assert placement.transform(np.array([[1.0, 0, 0]])) == pytest.approx(np.array([[1, 4, 3]]))


def test_rounded_gives_plain_floats_without_negative_zero() -> None:
    assert rounded(np.array([[1.23456789, -1e-9]])) == ((1.234568, 0.0),)
    assert str(rounded(-1e-9)) == "0.0"
