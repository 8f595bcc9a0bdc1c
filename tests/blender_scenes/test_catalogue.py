import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
import yaml
from PIL import Image

from blender_scenes import catalogue
from blender_scenes.config import RenderConfig
from coldstart.cli import compose, conf_dir, typed
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


GOOD: dict[str, Any] = {"category": "x", "parts": [{"profile": [[1, 0], [1, 1]]}], "materials": {"body": {}}}
BOX = {"kind": "box", "size": [40, 20, 100]}


def product(**change: Any) -> catalogue.Product:
    return typed(catalogue.Product, GOOD | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": []}, "parts: give either parts or mesh, found neither"),
        ({"parts": [{"material": "gold", **BOX}]}, r"parts\[0\].material: 'gold' is none of body"),
        ({"parts": [{"kind": "torus"}]}, r"parts\[0\].kind: 'torus' is none of lathe, sphere, box"),
        ({"parts": [BOX, {"profile": [[1, 0]]}]}, r"parts\[1\].profile: a lathe needs at least two rows of 2 or 3"),
        ({"parts": [{"profile": [[1, "a"], [1, 1]]}]}, r"parts\[0\].profile"),
        ({"parts": [{"kind": "prism", "profile": [[0, 0], [1, 0]], "size": [1, 2]}]}, r"size: a prism needs \[x\]"),
        ({"parts": [BOX | {"segments": "many"}]}, r"parts\[0\].segments: Value 'many'"),
        ({"parts": [BOX | {"colr": 1}]}, r"'parts\[0\].colr'; known there: kind, material"),
        ({"materials": {"body": {"colour": "blue"}}}, r"materials.body.colour: colour 'blue': write it as '#rrggbb'"),
        (
            {"materials": {"body": {"colour": "blue"}}, "palettes": [{"red": "#ff0000"}]},
            "'blue': write it as '#rrggbb', or one of red",
        ),
        ({"materials": {"body": {"see_through": 0.9}}}, "materials.body.see_through: 0.9 is not in 0..0.45"),
        ({"materials": {"body": {"shine": 1}}}, "'materials.body.shine'; known there: colour, art"),
        ({"poses": {"upright": {"weight": 0}}}, "poses: needs one with a weight above 0"),
        ({"poses": {"upright": {"tilt": [1]}}}, "poses.upright.tilt"),
        (
            {"art": {"layers": [{"circle": 1}]}, "materials": {"body": {"art": True}}},
            r"art.layers\[0\]: .* is none of picture, fill",
        ),
        ({"size_mm": {"height": [200, 100]}}, r"size_mm.height: \[200.0, 100.0\] must be \[low, high\]"),
        ({"size_mm": {"length": [1, 2]}}, "'size_mm.length'; known there: width, depth, height"),
        ({"shapes": {"a": {"weight": 0}}}, "shapes: needs one with a weight above 0"),
        ({"shapes": {"a": {"parts": [BOX | {"material": "lid"}]}}}, r"shapes.a.parts\[0\].material: 'lid'"),
        ({"scale": [1.1, 0.9]}, "scale"),
        ({"copies": []}, "copies"),
        ({"variants": 0}, "variants: 0 is below 1"),
    ],
)
def test_mistakes_in_a_product_name_their_key_and_what_is_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        product(**change)


def test_a_mistake_names_the_products_file(config: Callable[..., RenderConfig]) -> None:
    with pytest.raises(UserError, match=r"products.water.copies.*\(conf/product/water.yaml\)$"):
        config("+products.water.copies=[0]")


def test_a_product_has_the_poses_it_names_and_no_other() -> None:
    assert list(product().poses) == ["upright"]
    assert list(product(poses={"lying": {"weight": 1}}).poses) == ["lying"]


def test_variants_have_the_dimensions_asked_for() -> None:
    made = product(parts=[BOX], size_mm={"height": [150, 200], "depth": [18, 22]}, variants=8)
    sizes = np.array([np.ptp(catalogue.mesh(made, v).vertices, axis=0) for v in range(8)]) * 1000
    assert (sizes[:, 2] >= 150).all() and (sizes[:, 2] <= 200).all()
    assert np.ptp(sizes[:, 2]) > 15
    assert (sizes[:, 1] >= 18).all() and (sizes[:, 1] <= 22).all()
    assert sizes[:, 0] == pytest.approx(2 * sizes[:, 1])  # not named: keeps its proportion to the first that is
    plain = np.ptp(catalogue.mesh(product(parts=[BOX]), 5).vertices, axis=0) * 1000
    assert plain == pytest.approx([40, 20, 100])


def test_variants_show_every_shape_by_its_weight_and_every_palette_in_turn() -> None:
    made = product(
        parts=[BOX],
        materials={"body": {"colour": "main"}},
        shapes={"flat": {"weight": 3}, "tall": {"weight": 1, "parts": [BOX | {"size": [40, 20, 300]}]}},
        palettes=[{"main": "#ff0000"}, {"main": "#00ff00"}, {"main": "#0000ff"}],
    )
    heights = [np.ptp(catalogue.mesh(made, v).vertices[:, 2]) for v in range(40)]
    assert 8 <= sum(h > 0.2 for h in heights) <= 12
    assert any(h > 0.2 for h in heights[:4])
    assert [catalogue.make(made, v).materials["body"].colour for v in range(4)] == [
        "#ff0000",
        "#00ff00",
        "#0000ff",
        "#ff0000",
    ]


def test_palettes_fill_colours_and_words_of_the_label_art() -> None:
    layers = [{"fill": "main"}, {"text": "name", "at": [0.5, 0.5], "height": 0.5, "colour": "#000000"}]
    made = product(
        materials={"body": {"art": True}},
        art={"size": [64, 32], "layers": layers},
        palettes=[{"main": "#ff0000", "name": "A"}, {"main": "#00ff00", "name": "B"}],
    )
    red, green = (catalogue.label_art("x", made, v) for v in (0, 1))
    assert red[0, 0].tolist() == [255, 0, 0]
    assert green[0, 0].tolist() == [0, 255, 0]
    assert ((red[..., 0] < 128) != (green[..., 1] < 128)).any()  # another word


def test_meshes_are_made_once_for_each_product_and_variant() -> None:
    meshes = catalogue.Meshes({"x": product(parts=[BOX], variants=3)})
    assert list(meshes) == [("x", 0), ("x", 1), ("x", 2)]
    assert meshes["x", 2] is meshes["x", 2]


# What a shop sells, in mm: the smallest and the largest width, depth and height of any variant.
GENERIC = {
    "can": ((50, 50, 33), (90, 90, 180)),
    "carton": ((40, 30, 100), (100, 100, 260)),
    "jar": ((40, 40, 80), (95, 95, 130)),
    "bottle": ((55, 50, 170), (85, 85, 330)),
    "box": ((75, 35, 65), (205, 80, 315)),
    "bag": ((95, 55, 160), (165, 80, 245)),
    "apple": ((65, 60, 65), (88, 90, 95)),
    "lemon": ((50, 50, 70), (68, 68, 98)),
    "banana": ((155, 50, 25), (215, 130, 110)),
    "carrot": ((155, 20, 20), (335, 130, 70)),
    "cheese": ((55, 55, 36), (132, 160, 68)),
}


@pytest.fixture(scope="module")
def generic() -> dict[str, catalogue.Product]:
    composed = compose("sheet", [f"product=[{','.join(GENERIC)}]", "out=unused.png"])
    return {name: typed(catalogue.Product, composed.products[name]) for name in GENERIC}


@pytest.mark.parametrize("name", GENERIC)
def test_generic_products_have_real_sizes_in_every_variant(name: str, generic: dict[str, catalogue.Product]) -> None:
    made = generic[name]
    assert made.category == name and made.label
    sizes = np.array([np.ptp(catalogue.mesh(made, v).vertices, axis=0) for v in range(made.variants)]) * 1000
    least, most = GENERIC[name]
    assert (sizes >= least).all() and (sizes <= most).all(), sizes.round()
    assert np.ptp(sizes, axis=0).max() > 5  # they differ
    arts = {catalogue.label_art(name, made, v).tobytes() for v in range(4)}
    assert len(arts) == 4


def test_print_faces_outwards_on_every_generic_product(generic: dict[str, catalogue.Product]) -> None:
    for name, made in generic.items():
        for variant in range(4):
            mesh = catalogue.mesh(made, variant)
            a, b, c = (mesh.vertices[mesh.triangles()[:, k]] for k in range(3))
            assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 > 5e-5, (name, variant)  # 50 ml and more


def test_the_examples_in_the_docs_are_products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("photos", "meshes"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (1100, 1200)).save(tmp_path / "photos" / "muesli.jpg")
    trimesh.creation.box().export(tmp_path / "meshes" / "soda_can.glb")
    monkeypatch.chdir(tmp_path)
    text = (conf_dir().parent / "docs" / "products.md").read_text(encoding="utf-8")
    examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert [typed(catalogue.Product, example).category for example in examples] == ["jam", "muesli", "soda"]
