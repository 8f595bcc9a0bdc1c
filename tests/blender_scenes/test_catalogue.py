from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from blender_scenes import catalogue
from blender_scenes.config import RenderConfig
from coldstart.cli import typed
from coldstart.errors import UserError

# Outer sizes in mm that a person would measure: width, depth, height.
SIZES = {
    "eggBox": (300, 114, 68),
    "joghurt": (117, 117, 135),
    "ketchup": (76, 52, 160),
    "mushroom": (156, 116, 73),
    "mustard": (72, 49, 140),
    "orange": (80, 80, 75),
    "squash": (140, 140, 152),
    "water": (59, 59, 207),
}


@pytest.mark.parametrize("name", SIZES)
def test_products_are_solid_stand_on_zero_and_have_real_sizes(name: str, config: Callable[..., RenderConfig]) -> None:
    mesh = catalogue.mesh(config().products[name], 0)
    assert mesh.vertices[:, 2].min() == pytest.approx(0, abs=1e-9)
    assert np.ptp(mesh.vertices, axis=0) * 1000 == pytest.approx(SIZES[name], abs=4)
    assert trimesh.Trimesh(mesh.vertices, mesh.triangles()).volume > 0.5e-4  # above 50 ml, normals outwards


def test_label_art_repeats_per_variant_and_differs_between_variants(config: Callable[..., RenderConfig]) -> None:
    water = config().products["water"]
    first = catalogue.label_art("water", water, 0)
    assert (first == catalogue.label_art("water", water, 0)).all()
    assert (first != catalogue.label_art("water", water, 1)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": []}, "has no parts"),
        ({"parts": [{"material": "gold", "profile": [[1, 0], [1, 1]]}]}, "'gold' is none of body"),
        ({"parts": [{"kind": "torus"}]}, "'torus' is none of lathe, sphere, box"),
        ({"parts": [{"profile": [[1, 0]]}]}, "at least two rows"),
        ({"materials": {"body": {"colour": "blue"}}}, "#rrggbb"),
        ({"materials": {"body": {"see_through": 0.9}}}, "not in 0..0.45"),
        ({"materials": {"body": {"shine": 1}}}, "unknown key"),
        ({"poses": {"upright": {"weight": 0}}}, "weight above 0"),
        ({"art": {"layers": [{"circle": 1}]}, "materials": {"body": {"art": True}}}, "needs one of"),
    ],
)
def test_mistakes_in_a_product_are_named(change: dict[str, object], message: str) -> None:
    good = {"category": "x", "parts": [{"profile": [[1, 0], [1, 1]]}], "materials": {"body": {}}}
    assert typed(catalogue.Product, good).category == "x"
    with pytest.raises(UserError, match=message):
        typed(catalogue.Product, good | change)


def test_a_product_has_the_poses_it_names_and_no_other() -> None:
    good = {"category": "x", "parts": [{"profile": [[1, 0], [1, 1]]}], "materials": {"body": {}}}
    assert list(typed(catalogue.Product, good).poses) == ["upright"]
    assert list(typed(catalogue.Product, good | {"poses": {"lying": {"weight": 1}}}).poses) == ["lying"]
