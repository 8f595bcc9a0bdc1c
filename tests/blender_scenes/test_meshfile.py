"""User meshes in every Blender: `imports.py` writes and reads files there, another library says what is right."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from blender_scenes import meshfile
from blender_scenes.meshfile import MeshFile
from coldstart.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ASSETS = Path(os.environ.get("COLDSTART_ASSETS", ROOT.parent / "shared" / "assets"))
MODELS = sorted(ASSETS.glob("meshes/models/*/*.glb"))
WRITTEN = ("trap.blend", "box.usd", "outside.blend", "inside.blend")
OBJ = """\
o box
v 0 0 0\nv 0.1 0 0\nv 0.1 0.3 0\nv 0 0.3 0\nv 0 0 -0.2\nv 0.1 0 -0.2\nv 0.1 0.3 -0.2\nv 0 0.3 -0.2
f 1 2 3 4\nf 6 5 8 7\nf 2 6 7 3\nf 5 1 4 8\nf 4 3 7 8\nf 5 6 2 1
"""


def write_files(folder: Path) -> list[Path]:
    (folder / "box.obj").write_text(OBJ)  # y up, as obj files are
    (folder / "hollow.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    (folder / "words.obj").write_text("this is no mesh\n")
    (folder / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    scene = trimesh.Scene()
    box = trimesh.creation.box([0.1, 0.3, 0.2], transform=trimesh.transformations.translation_matrix([2, 3, 4]))
    scene.add_geometry(box, transform=np.diag([100.0, 100, 100, 1]))
    scene.export(folder / "box.glb")
    trimesh.creation.icosphere(subdivisions=5, radius=0.05).export(folder / "ball.glb")
    whole = (folder / "box.glb").read_bytes()
    damaged = bytearray(whole)
    damaged[20:60] = b"x" * 40
    (folder / "damaged.glb").write_bytes(bytes(damaged))
    (folder / "damaged.blend").write_bytes(b"BLENDER-v405" + b"\0" * 500)
    (folder / "damaged.usd").write_bytes(b"PXR-USDC" + b"\x01" * 500)
    return sorted(folder.iterdir())


def photo(folder: Path) -> None:
    """A phone's photo, stored lying on its side."""
    upright = np.zeros((16, 32, 3), dtype=np.uint8)
    upright[:8, :, 0], upright[8:, 16:, 2] = 200, 200
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(folder / "photo.jpg", exif=exif, quality=95, subsampling=0)


def blenders() -> dict[str, list[str]]:
    return {
        "bpy": [sys.executable],
        "blender": [shutil.which("blender") or "", "-b", "-P"],
        "bpy5": [str(ROOT / ".venv-bpy5" / "bin" / "python")],
    }


@pytest.fixture(scope="module", params=["bpy", "blender", "bpy5"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = blenders()[request.param]
    if not Path(command[0]).is_file():
        pytest.skip(f"{request.param} is not installed: user meshes are not tested in it")
    folder = tmp_path_factory.mktemp("meshes") / "inner"
    folder.mkdir()
    files = [*write_files(folder), *(folder / name for name in WRITTEN), *MODELS[:: 1 if request.param == "bpy" else 9]]
    photo(folder)
    command = [*command, str(Path(__file__).with_name("imports.py")), "--", str(folder), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    lines = [line for line in done.stdout.splitlines() if line.startswith("found:")]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return {"blender": request.param, **json.loads(lines[0].removeprefix("found:"))}


@pytest.mark.parametrize("name", ["box.obj", "trap.blend", "box.usd", "box.glb"])
def test_every_kind_of_file_comes_upright_in_metres_standing_on_zero(found: dict[str, Any], name: str) -> None:
    made = found[name]
    if "without USD" in made.get("error", "") or (name == "box.usd" and "no such file" in made.get("error", "")):
        pytest.skip("this Blender is built without USD")
    # The .glb is a box of 0.1 × 0.3 × 0.2 with y up, a hundred times larger.
    scale = 100 if name == "box.glb" else 1
    assert np.array(made["size"]) / scale == pytest.approx([0.1, 0.2, 0.3], abs=1e-6)
    assert np.array(made["low"]) / scale == pytest.approx([-0.05, -0.1, 0], abs=1e-6)
    assert made["volume"] / scale**3 == pytest.approx(0.1 * 0.2 * 0.3, rel=1e-4)
    assert made["outwards"] == 1
    assert made["materials"] == len(made["slots"]) == 1
    assert made["left"]


def test_nothing_in_a_blend_file_runs(found: dict[str, Any]) -> None:
    assert found["trap_works"] == {"script_ran": True, "driver_ran": True}  # opened and trusted, it does
    assert found["ran"] == {"script_ran": False, "driver_ran": False}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hollow.obj", "holds no faces"),
        ("words.obj", "holds no faces"),
        ("flat.obj", "is flat: 1 × "),
        ("damaged.glb", "cannot be read"),
        ("damaged.blend", "cannot be read"),
        ("damaged.usd", "cannot be read|without USD"),
        ("gigantic.glb", "has 20480 triangles, more than 1000; reduce it first"),
        ("outside.blend", "outside.png lies outside of the mesh's folder"),
    ],
)
def test_bad_files_are_one_clear_line(found: dict[str, Any], name: str, message: str) -> None:
    error = found[name]["error"]
    assert "\n" not in error
    assert re.search(message, error), error


def test_textures_beside_the_mesh_are_fine(found: dict[str, Any]) -> None:
    assert found["inside.blend"]["materials"] == 1


def test_large_meshes_are_reduced(found: dict[str, Any]) -> None:
    made = found["ball.glb"]  # 20,480 triangles
    assert 18_000 < made["faces"] <= 20_000
    assert made["size"] == pytest.approx([0.1] * 3, abs=1e-3)


def test_models_have_the_dimensions_that_another_reader_finds(found: dict[str, Any]) -> None:
    if not MODELS:
        pytest.skip(f"no meshes under {ASSETS}: real models are not tested here")
    models = [file for file in MODELS if file.name in found]
    assert models
    for file in models:
        theirs = trimesh.load(file).extents
        assert found[file.name]["size"] == pytest.approx([theirs[0], theirs[2], theirs[1]], abs=1e-4), file.name
        assert found[file.name]["low"][2] == pytest.approx(0, abs=1e-9)


def test_photos_are_read_upright_without_pillow(found: dict[str, Any]) -> None:
    pixels = np.array(found["photo"]["pixels"])
    assert pixels.shape == (16, 32, 3)
    assert pixels[4, 4] == pytest.approx([200, 0, 0], abs=12)
    assert pixels[12, 28] == pytest.approx([0, 0, 200], abs=12)
    assert pixels[12, 4] == pytest.approx([0, 0, 0], abs=12)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.stl", b"solid", "must end in one of .glb, .gltf, .obj, .blend, .usd"),
        ("x.glb", b"", "is empty"),
        ("x.glb", b"PK\x03\x04 not a mesh", "is no .glb file, or damaged"),
        ("x.glb", b"glTF\x02\0\0\0\xff\0\0\0", "is cut short: 12 bytes of 255"),
        ("x.gltf", b"{", "is no .gltf file, or damaged"),
        ("x.blend", b"<html>", "is no .blend file"),
        ("x.usdc", b"#usda 1.0", "is no .usdc file"),
    ],
)
def test_files_are_checked_before_blender_sees_them(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        MeshFile(str(tmp_path / name))


def test_a_gigantic_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mesh.file: no/such.glb: no such file \(looked in "):
        MeshFile("no/such.glb")
    with (tmp_path / "huge.obj").open("wb") as huge:
        huge.truncate(3 * 1024**3)  # takes no room on the disk
    with pytest.raises(UserError, match=r"has 3.0 GB, more than 2"):
        MeshFile(str(tmp_path / "huge.obj"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("up", "w", "none of x, -x, y, -y, z, -z"),
        ("front", "z", "right angles"),
        ("faces", 5, "is not in 100..2000000"),
    ],
)
def test_mistakes_name_their_key(key: str, value: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "box.obj").write_text(OBJ)
    with pytest.raises(UserError, match=f"mesh.{key}: .*{message}"):
        MeshFile(**{"file": str(tmp_path / "box.obj"), key: value})


def test_axes_turn_up_to_z_and_front_to_minus_y() -> None:
    turn = meshfile._axes("x", "-z")
    assert turn @ [1, 0, 0] == pytest.approx([0, 0, 1])
    assert turn @ [0, 0, -1] == pytest.approx([0, -1, 0])
    assert np.linalg.det(turn) == pytest.approx(1)
    assert meshfile._axes("z", "-y") == pytest.approx(np.eye(3))
