import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from blender_scenes.config import RenderConfig
from blender_scenes.sample import Sampler
from blender_scenes.spec import SceneSpec
from coldstart import dataset

# The keys of the `renders` fixture.
TINY = ["count=3", "seed=7", "size=[90,120]", "samples=1", "logger=none"]
ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


def labels(out: Path) -> dict[str, bytes]:
    """What must repeat byte for byte: annotations, scene records, masks."""
    files = [out / "annotations.json", *sorted(out.glob("scenes/*")), *sorted(out.glob("masks/*"))]
    return {str(f.relative_to(out)): f.read_bytes() for f in files}


def test_masks_boxes_and_coco_agree(renders: Path) -> None:
    data = dataset.load(renders)
    assert data.class_names == ["eggBox", "joghurt", "ketchup", "mushroom", "mustard", "orange", "squash", "water"]
    assert len(data.images) == 3
    seen = 0
    coco = COCO(str(renders / "annotations.json"))
    for image in data.images:
        mask = np.asarray(Image.open(data.mask_path(image)))
        assert mask.dtype == np.uint16
        assert mask.shape == (image["height"], image["width"])
        assert dataset.sha256(data.path(image)) == image["sha256"]
        mine = data.by_image()[image["id"]]
        assert {a["instance"] for a in mine if a["area"]} == set(np.unique(mask)) - {0}
        for a in mine:
            visible = mask == a["instance"]
            assert (coco.annToMask(a) == visible).all()
            if a["area"]:
                assert a["bbox"] == dataset.mask_box(visible)
                seen += 1
    assert seen > 10


def test_index_pass_sees_products_where_the_spec_puts_them(renders: Path, config: Callable[..., RenderConfig]) -> None:
    """The renderer's mask against silhouettes computed from the spec: panes in front hide nothing, furniture may."""
    from blender_scenes.raster import amodal_mask

    sampler = Sampler(config(*TINY))
    data = dataset.load(renders)
    shares = []
    for image in data.images:
        spec = SceneSpec.from_json(json.loads((renders / image["scene"]).read_text()))
        mask = np.asarray(Image.open(data.mask_path(image)))
        for p in spec.placements:
            mesh = sampler.meshes[p.product, p.variant]
            pixels, _ = spec.camera.project(p.transform(mesh.vertices))
            whole = amodal_mask(pixels, mesh.triangles(), (0, 0, *spec.camera.size))
            assert not ((mask == p.instance) & ~_grown(whole)).any()
            shares.append((mask == p.instance).sum() / whole.sum())
    assert np.median(shares) > 0.9


def _grown(mask: np.ndarray) -> np.ndarray:
    """One pixel more all around: the renderer samples a pixel anywhere in it, not at its centre."""
    padded = np.pad(mask, 1)
    shifts = [(a - 1, b - 1) for a, b in np.ndindex(3, 3)]
    return np.any([np.roll(padded, shift, (0, 1))[1:-1, 1:-1] for shift in shifts], axis=0)


def test_same_seed_gives_the_same_labels_resumed_and_in_worker_processes(
    renders: Path, render_command: Command, tmp_path: Path
) -> None:
    """Interrupted after one scene, gone on with, extended, and by two processes: the same bytes."""
    out = tmp_path / "data"
    assert render_command(*TINY, "count=1", f"out={out}").returncode == 0
    (out / "images" / "000001.png").write_bytes(b"half a pict")  # as a killed run might leave it without its record
    extended = render_command(*TINY, "workers=2", f"out={out}")
    assert extended.returncode == 0, extended.stderr
    assert labels(out) == labels(renders)
    again = render_command(*TINY, f"out={out}")
    assert "already complete" in again.stdout
    assert "render: 3/3" in extended.stderr


def test_a_scene_looks_the_same_whatever_was_rendered_before(render_command: Command, tmp_path: Path) -> None:
    keys = ["scene=fridge", "look=simulated_camera", "seed=77", "count=18", "size=[60,80]", "samples=1", "logger=none"]
    assert render_command(*keys, f"out={tmp_path / 'all'}").returncode == 0
    render_command(*keys, "shard=17", "shards=18", f"out={tmp_path / 'last'}")
    late, alone = (np.asarray(Image.open(tmp_path / out / "images" / "000017.png"), int) for out in ("all", "last"))
    assert np.abs(late - alone).max() <= 3


def test_installed_blender_draws_the_same_scenes(renders: Path, blender_command: Command, tmp_path: Path) -> None:
    first = blender_command(*TINY, "count=2", f"out={tmp_path / 'a'}")
    assert first.returncode == 0, first.stderr
    assert "no denoiser" in first.stderr or "warning" not in first.stderr
    for name in ("000000.json", "000001.json"):
        ours, theirs = (json.loads((d / "scenes" / name).read_text()) for d in (renders, tmp_path / "a"))
        assert SceneSpec.from_json(theirs) == SceneSpec.from_json(ours)
        for a, b in zip(ours["annotations"], theirs["annotations"], strict=True):
            assert a["bbox"] == pytest.approx(b["bbox"], abs=2)
    second = blender_command(*TINY, "count=2", f"out={tmp_path / 'b'}")
    assert second.returncode == 0
    assert labels(tmp_path / "a") == labels(tmp_path / "b")


def test_installed_blender_reports_mistakes_like_any_command(blender_command: Command, tmp_path: Path) -> None:
    done = blender_command("scene=cellar", f"out={tmp_path / 'x'}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: scene/cellar: no such config; available: fridge")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["scene=cellar"], "scene/cellar: no such config; available: fridge, fridge_a"),
        (["look=sepia"], "look/sepia: no such config; available: any, clean, "),
        (["product=[ketchup,durian]"], "product/durian: no such config; available: apple, avocado, "),
        (["cuont=3"], "unknown key 'cuont'; did you mean 'count'?"),
        (["count=0"], "count: 0 is below 1"),
        (["count=many"], "count: Value 'many'"),
        (["size=[10,10]"], "size: [10, 10] must be"),
        (
            ["products.ketchup.materials.cap.colour=red"],
            "products.ketchup.materials.cap.colour: colour 'red': write it as '#rrggbb'",
        ),
        (["min_visible_fraction=2"], "min_visible_fraction: 2.0 is not in 0..1"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    keys: list[str], message: str, render_command: Command, tmp_path: Path
) -> None:
    done = render_command(*keys, f"out={tmp_path / 'x'}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_out_is_asked_for(render_command: Command) -> None:
    done = render_command("count=1")
    assert (done.returncode, done.stderr) == (2, "error: out has no value; give out=…\n")


def test_folder_of_another_config_is_left_alone(renders: Path, render_command: Command, tmp_path: Path) -> None:
    out = tmp_path / "data"
    shutil.copytree(renders, out)
    before = labels(out)
    done = render_command(*TINY, "seed=8", f"out={out}")
    assert done.returncode == 2
    assert "holds data of another config (differs in seed)" in done.stderr
    assert labels(out) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    done = render_command(*TINY, f"out={tmp_path / 'mine'}")
    assert done.returncode == 2
    assert "is not empty and has no card.json" in done.stderr
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_mesh_that_cannot_be_used_leaves_the_folder_free(render_command: Command, tmp_path: Path) -> None:
    mesh, out = tmp_path / "thing.obj", tmp_path / "out"
    mesh.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    product = f"+products.thing={{category: thing, mesh: {{file: {mesh}}}}}"
    done = render_command("count=1", "size=[90,120]", "samples=1", product, "logger=none", f"out={out}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds no faces" in done.stderr
    assert not out.exists()
