import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_scenes.furniture.parts import FINISHES
from blender_scenes.spec import SceneSpec
from coldstart import dataset
from coldstart.passes import read_albedo, read_depth, read_normals

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["count=2", "seed=7", "size=[90,120]", "samples=1", "passes=[depth,normals,albedo,amodal]", "logger=none"]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def panes(answers: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return answers("panes.py")


def test_what_stands_behind_panes_keeps_its_labels_without_a_hole(panes: dict[str, Any]) -> None:
    assert panes["pixels"] > 200
    clear = [name for name, finish in FINISHES.items() if finish.pane]
    assert len(clear) >= 5
    for name in clear:
        for count, (differing, depth_error, _) in panes["behind"][name].items():
            assert (name, count, differing) == (name, count, 0)
            assert depth_error < 1e-5, (name, count)


def test_what_stands_behind_other_furniture_is_hidden(panes: dict[str, Any]) -> None:
    for name, finish in FINISHES.items():
        if not finish.pane:
            assert [left for _, _, left in panes["behind"][name].values()] == [0, 0, 0], name


def test_depth_of_field_blurs_the_picture_but_no_label(panes: dict[str, Any]) -> None:
    assert panes["light"] > 0.001
    assert panes["same"] == [True] * 4
    assert panes["kept"] == [4, 8, True]


def test_depth_is_in_metres_and_normals_face_the_camera(panes: dict[str, Any]) -> None:
    assert panes["nearest"] == pytest.approx(1.7, abs=0.01)
    assert panes["nothing"]
    assert panes["length"] < 1e-4
    assert panes["towards"] > -0.2


@pytest.fixture(scope="module")
def ours(render_command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes with every label, rendered through the bpy wheel."""
    out = tmp_path_factory.mktemp("ours") / "data"
    done = render_command(*KEYS, f"out={out}")
    assert done.returncode == 0, done.stderr
    return out


def test_every_label_lies_beside_its_picture(ours: Path) -> None:
    data = dataset.load(ours)
    for image in data.images:
        size = (image["height"], image["width"])
        depth = read_depth(data.pass_path(image, "depth"))
        normals = read_normals(data.pass_path(image, "normals"))
        albedo = read_albedo(data.pass_path(image, "albedo"))
        assert depth.shape == size
        assert normals.shape == albedo.shape == (*size, 3)
        for a in data.by_image()[image["id"]]:
            visible, amodal = dataset.decode_rle(a["segmentation"]), dataset.decode_rle(a["amodal_segmentation"])
            assert amodal.shape == size
            assert (visible & ~amodal).sum() <= 0.05 * visible.sum()
            if visible.sum() > 20:
                assert 0.2 < depth[visible].min() <= depth[visible].max() < 4
                assert albedo[visible].mean() > 0.01
                assert normals[visible][:, 2].mean() > 0.2


@pytest.mark.parametrize("version", ["blender_command", "blender5_command"])
def test_other_versions_give_the_same_scenes_and_labels(
    version: str, ours: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    command: Command = request.getfixturevalue(version)
    done = command(*KEYS, f"out={tmp_path / 'data'}")
    assert done.returncode == 0, done.stderr
    mine, theirs = dataset.load(ours), dataset.load(tmp_path / "data")
    for image in mine.images:
        a, b = (json.loads((d.root / image["scene"]).read_text(encoding="utf-8")) for d in (mine, theirs))
        assert SceneSpec.from_json(a) == SceneSpec.from_json(b)
        for ours_, theirs_ in zip(a["annotations"], b["annotations"], strict=True):
            first, second = (dataset.decode_rle(x["segmentation"]) for x in (ours_, theirs_))
            assert (first != second).sum() <= 0.02 * first.sum() + 1
            assert ours_["bbox"] == pytest.approx(theirs_["bbox"], abs=1)
            assert ours_["amodal_segmentation"] == theirs_["amodal_segmentation"]
        for name, read, error in (
            ("depth", read_depth, 0.001),
            ("albedo", read_albedo, 0.02),
            ("normals", read_normals, 0.05),
        ):
            one, other = read(mine.pass_path(image, name)), read(theirs.pass_path(image, name))
            # Bumps are not the same in 3.4.
            assert np.quantile(np.abs(np.nan_to_num(one - other)), 0.95) < error, name
    again = command(*KEYS, "count=1", f"out={tmp_path / 'again'}")
    assert again.returncode == 0, again.stderr
    for file in ("scenes/000000.json", "masks/000000.png", "depth/000000.png", "normals/000000.png"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "data" / file).read_bytes()


def test_a_device_that_is_missing_is_one_line(render_command: Command, tmp_path: Path) -> None:
    done = render_command(*KEYS, "device=oneapi", f"out={tmp_path / 'data'}")
    if done.returncode == 0:
        pytest.skip("this machine has an Intel GPU")
    assert done.returncode == 2
    assert done.stderr.endswith(
        "error: device: this Blender finds no oneapi device here; device=auto takes what there is\n"
    )
