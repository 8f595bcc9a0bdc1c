import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_scenes import sheet
from blender_scenes.catalogue import Pose, Product
from blender_scenes.sheet import SheetConfig
from coldstart.cli import compose, conf_dir, typed
from coldstart.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def run(*keys: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blender_scenes.sheet", *keys]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_sheet_shows_every_product_in_its_own_colours(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "sheet.png"
    done = run("product=[lemon,tomato]", "variants=2", "cell=64", "samples=2", "columns=2", f"out={out}")
    assert done.returncode == 0, done.stderr
    picture = np.asarray(Image.open(out)).astype(int)
    assert picture.shape == (64 + 8, 4 * 64 + 4, 3)
    for k, name in ((0, "lemon"), (1, "lemon"), (2, "tomato"), (3, "tomato")):
        left = k * 64 + (4 if k > 1 else 0)
        red, green, blue = picture[24:40, left + 24 : left + 40].mean(axis=(0, 1))
        assert red > 1.5 * blue, name
        assert (green > 0.7 * red) == (name == "lemon"), name
        corner = picture[2:6, left + 2 : left + 6]
        assert corner.min() > 120 and np.ptp(corner.mean(axis=(0, 1))) < 20  # a plain light backdrop
    assert picture[64:, :132].min() < 100  # a name


def test_poses_come_by_their_weight_and_all_of_them_in_turn() -> None:
    poses = {"rare": Pose(weight=0.1), "often": Pose(weight=0.9), "never": Pose(weight=0)}
    product = typed(
        Product, {"category": "x", "parts": [{"kind": "box", "size": [1, 1, 1]}], "materials": {"body": {}}}
    )
    product.poses = poses
    assert sheet.poses(product, 3) == [poses["often"], poses["rare"], poses["often"]]


def test_pictures_are_laid_out_row_by_row() -> None:
    shades = {f"p{k}": [np.full((32, 32, 3), 40 * k + 20 * v, dtype=np.uint8) for v in range(2)] for k in range(3)}
    laid = sheet.compose(shades, columns=2)
    assert laid.shape == (2 * (32 + 4), 2 * 64 + 2, 3)
    assert laid[10, 10, 0] == 0 and laid[10, 40, 0] == 20
    assert laid[10, 80, 0] == 40
    assert laid[36 + 10, 40, 0] == 100


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (("product=[]",), "product: the sheet has no products"),
        (("product=[unicorn]",), "product/unicorn: no such config; available: apple, avocado"),
        (("product=[lemon]", "cell=5"), "cell: 5 is not in 32..1024"),
        (("product=[lemon]", "out=sheet.gif"), "must end in .jpg or .png"),
    ],
)
def test_bad_input_is_one_line(keys: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        typed(SheetConfig, compose("sheet", ["out=unused.png", *keys]))


def test_a_place_that_cannot_be_written_is_found_before_anything_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "file").touch()
    for out, message in (
        ("folder.jpg", "is a folder; give out= the name of a picture"),
        ("file/a.jpg", "cannot be made"),
    ):
        with pytest.raises(UserError, match=message):
            sheet.sheet(typed(SheetConfig, compose("sheet", [f"out={tmp_path / out}", "product=[lemon]"])))


def test_the_sheet_shows_the_whole_catalogue_unless_told_otherwise() -> None:
    shown = compose("sheet", ["out=unused.png"]).products
    assert sorted(shown) == sorted(file.stem for file in (conf_dir() / "product").glob("*.yaml"))
