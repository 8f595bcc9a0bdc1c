from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from blender_scenes import catalogue
from blender_scenes.catalogue import Product
from blender_scenes.new_product import KINDS, ProductConfig, new_product
from coldstart.cli import typed
from coldstart.errors import UserError


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A photo: before a white wall, something red with a blue stripe and a yellow top, 80 × 160 px at [110, 90]."""
    rng = np.random.default_rng(0)
    pixels = 200 + rng.normal(0, 3, (320, 300, 3))
    pixels[90:250, 110:190] = (170, 30, 30)
    pixels[90:120, 110:190] = (200, 190, 40)
    pixels[170:190, 110:190] = (30, 40, 160)
    pixels[90:250, 110:190] += rng.normal(0, 3, (160, 80, 3))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / "shelf.png")
    return tmp_path / "shelf.png"


def config(shelf: Path, **changed: Any) -> ProductConfig:
    keys: dict[str, Any] = {
        "photo": str(shelf),
        "box": [108, 88, 84, 164],
        "kind": "bottle",
        "height_mm": 200,
        "name": "jam",
        "out": str(shelf.parent / "conf"),
    }
    return ProductConfig(**(keys | changed))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_product_of_the_right_size(shelf: Path, kind: str) -> None:
    new_product(config(shelf, kind=kind, category="spread"))
    content = yaml.safe_load((shelf.parent / "conf" / "product" / "jam.yaml").read_text())
    product = typed(Product, content)
    assert product.category == "spread"
    size = np.ptp(catalogue.mesh(product, 0).vertices, axis=0) * 1000
    assert size[2] == pytest.approx(200, abs=1)
    assert size[0] == pytest.approx(100, abs=5)
    art = catalogue.label_art("jam", product, 0).astype(int)
    stripes = (art[..., 2] > art[..., 0] + 60).mean(axis=1)
    assert stripes.max() > 0.9 and stripes.min() == 0
    if kind in ("bottle", "jar"):
        cap = product.materials["cap"].colour
        assert int(cap[1:3], 16) > 150 > int(cap[5:7], 16)


def test_a_mask_does_for_a_box(shelf: Path) -> None:
    mask = np.zeros((320, 300), np.uint8)
    mask[90:250, 110:190] = 255
    Image.fromarray(mask).save(shelf.parent / "mask.png")
    new_product(config(shelf, box=None, mask=str(shelf.parent / "mask.png"), kind="carton"))
    content = yaml.safe_load((shelf.parent / "conf" / "product" / "jam.yaml").read_text())
    assert content["parts"][0]["size"] == pytest.approx([100, 100, 200], abs=3)


def test_a_product_that_fills_its_photo_is_cut_out_without_its_light(shelf: Path) -> None:
    Image.new("L", (300, 320), 255).save(shelf.parent / "all.png")
    keys: dict[str, Any] = {"box": None, "mask": str(shelf.parent / "all.png"), "kind": "box"}
    with pytest.raises(UserError, match=r"^white_around: nothing around the product .* give white_around=false$"):
        new_product(config(shelf, **keys))
    assert not (shelf.parent / "conf").exists()
    new_product(config(shelf, **keys, white_around=False))


def test_walls_tell_the_light(shelf: Path) -> None:
    dim = Image.open(shelf).point(lambda v: v * 0.5)
    dim.save(shelf.parent / "dim.png")
    arts = []
    for name in ("shelf", "dim"):
        new_product(config(shelf, photo=str(shelf.parent / f"{name}.png"), name=name, kind="box"))
        arts.append(np.asarray(Image.open(shelf.parent / "conf" / "product" / f"{name}.png")).astype(float))
    assert np.median(np.abs(arts[0] - arts[1])) < 8


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"photo": "none.jpg"}, "no such photo"),
        ({"box": [250, 88, 84, 164]}, "is not in the photo, 300×320"),
        ({"box": [-5, 88, 84, 164]}, "is not in the photo"),
        ({"box": [108, 88, 4, 164]}, "too few"),
        ({"box": [float("nan"), 88, 84, 164]}, "must be four numbers of pixels"),
        ({"box": [108, 88]}, r"must be \[x, y, width, height\]"),
        ({"box": None}, "either box"),
        ({"mask": "mask.png"}, "either box"),
        ({"box": None, "mask": "none.png"}, "no such file"),
        ({"kind": "unicorn"}, "none of bottle, jar"),
        ({"height_mm": 0}, "height_mm: 0 is not in"),
        ({"depth_mm": 9999}, "depth_mm: 9999 is not in"),
        ({"name": "my jam"}, "letters, digits and _"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(shelf: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        new_product(config(shelf, **changed))
    assert "\n" not in str(error.value)
    assert not (shelf.parent / "conf").exists()


@pytest.mark.parametrize(
    ("size", "value", "said"), [((300, 320), 0, "has no white"), ((30, 32), 255, "but the photo has")]
)
def test_a_bad_mask_is_refused(shelf: Path, size: tuple[int, int], value: int, said: str) -> None:
    Image.new("L", size, value).save(shelf.parent / "mask.png")
    with pytest.raises(UserError, match=said):
        new_product(config(shelf, box=None, mask=str(shelf.parent / "mask.png")))


def test_a_product_that_is_there_is_kept(shelf: Path) -> None:
    new_product(config(shelf))
    with pytest.raises(UserError, match="exists; choose another name="):
        new_product(config(shelf, kind="box"))
    new_product(config(shelf, kind="box", overwrite=True))
    assert "kind: box" in (shelf.parent / "conf" / "product" / "jam.yaml").read_text()
