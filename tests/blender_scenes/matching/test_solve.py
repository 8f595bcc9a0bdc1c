from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_scenes.matching import marks
from blender_scenes.matching.model import Prior
from blender_scenes.matching.solve import Solution, solve
from coldstart.errors import UserError

SIZE = (1000, 1333)
PHONE = Prior(27.0, 0.12, log=True)
Marked = Callable[..., dict[str, Any]]


def solved(content: dict[str, Any], lens: Prior = PHONE) -> Solution:
    return solve(marks.parse(content, SIZE), lens)


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"camera.yaw": -12.0, "camera.x": -250.0, "camera.lens_mm": 28.5},
        {"camera.pitch": -22.0, "camera.z": 1050.0, "camera.lens_mm": 24.0, "camera.roll": 3.0},
        {"camera.pitch": -8.0, "camera.y": -1200.0, "camera.lens_mm": 32.0, "cabinet.depth": 480.0},
    ],
)
def test_known_fridges_are_recovered_through_a_pixel_of_noise(
    marked: Marked, truth: dict[str, float], view: dict[str, float]
) -> None:
    true = truth | view
    lens, heights = [], []
    for seed in range(2):
        found = solved(marked(1.0, seed, **view))
        assert found.rms < 2.5
        lens.append(found.values["camera.lens_mm"] / true["camera.lens_mm"] - 1)
        heights += [found.values[f"shelf{k}.height"] - true[f"shelf{k}.height"] for k in range(3)]
    assert np.abs(lens).max() < 0.03
    assert np.abs(heights).max() < 5.0


def test_exact_points_fit_to_a_fraction_of_a_pixel(marked: Marked, truth: dict[str, float]) -> None:
    found = solved(marked(), Prior(truth["camera.lens_mm"], 0.04, log=True))
    assert found.rms < 0.3
    for name in ("camera.pitch", "camera.yaw", "camera.roll"):
        assert found.values[name] == pytest.approx(truth[name], abs=0.1)
    assert found.values["cabinet.height"] == pytest.approx(1050, abs=2)


def test_one_wrong_click_stands_out_and_bends_little(marked: Marked, truth: dict[str, float]) -> None:
    content = marked(0.5)
    content["points"]["shelf1.front_left"][1] += 60
    found = solved(content)
    assert max(found.errors, key=lambda name: found.errors[name]) == "shelf1.front_left"
    assert found.values["shelf0.height"] == pytest.approx(truth["shelf0.height"], abs=15)
    assert "shelf1.front_left" in found.report()


def test_what_is_not_marked_stays_typical_and_is_said(marked: Marked) -> None:
    content = marked()
    content["points"] = {k: p for k, p in content["points"].items() if "back" not in k and "shelf2" not in k}
    found = solved(content)
    assert {"shelf2.height", "shelf2.front"} <= set(found.loose)
    assert "shelf0.height" not in found.loose
    assert "not determined by these points" in found.report()
    assert "shelf2.height" in found.report().splitlines()[-1]


def test_a_point_on_an_edge_stands_in_for_its_corners(marked: Marked, truth: dict[str, float]) -> None:
    content = marked()
    for y in ("front", "back"):
        ends = [content["points"].pop(f"shelf1.{y}_{side}") for side in ("left", "right")]
        content["points"][f"shelf1.{y}"] = np.mean(ends, axis=0).tolist()
    found = solved(content)
    assert found.values["shelf1.height"] == pytest.approx(truth["shelf1.height"], abs=5)


def test_mixed_up_labels_are_refused(marked: Marked) -> None:
    content = marked()
    names = list(content["points"])
    shuffled = np.random.default_rng(1).permutation(len(names))
    content["points"] = {names[i]: content["points"][names[k]] for i, k in enumerate(shuffled)}
    with pytest.raises(UserError, match="no fridge fits these points"):
        solved(content)


@pytest.mark.parametrize(("name", "size"), [("fridge_a", (1000, 1333)), ("fridge_b", (1080, 1920))])
def test_points_of_real_photos_are_explained_within_three_pixels(name: str, size: tuple[int, int]) -> None:
    file = Path(__file__).resolve().parents[3] / "docs" / "points" / f"{name}.json"
    assert solve(marks.read(file, size), PHONE).rms < 3
