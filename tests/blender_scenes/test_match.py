"""The command: a render is matched as if it were a photo, and rendered again."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from blender_scenes.matching import files, furnish, marks, model, photo
from blender_scenes.matching.solve import solve

ROOT = Path(__file__).resolve().parents[2]
SIZE = (240, 320)
HEIGHTS = (700, 350)
SCENE = {
    "fridge": {
        "width": 650,
        "back_width": 620,
        "depth": 600,
        "height": 1050,
        "shelves": [
            {
                "height": 700,
                "front": 120,
                "back": 570,
                "x": [-290, 290],
                "headroom": 300,
                "weight": 0.5,
                "kind": "glass",
            },
            {
                "height": 350,
                "front": 120,
                "back": 570,
                "x": [-290, 290],
                "headroom": 300,
                "weight": 0.5,
                "kind": "glass",
            },
        ],
        "lamps": [{"kind": "panel", "wall": "ceiling", "at": [0, 200], "size": [400, 60]}],
        "door": "none",
    },
    "camera": {
        "location": [30, -850, 800],
        "location_range": [0, 0, 0],
        "pitch": [-13, 0],
        "yaw": [4, 0],
        "roll": [1, 0],
        "lens_mm": [26, 26],
        "sensor_height_mm": 36,
    },
}
TRUTH = {"camera.x": 30, "camera.y": -850, "camera.z": 800, "camera.pitch": -13, "camera.yaw": 4, "camera.roll": 1}
TRUTH |= {"camera.lens_mm": 26, "cabinet.width": 650, "cabinet.height": 1050, "cabinet.depth": 600}
TRUTH |= {"cabinet.taper": 620 / 650}
for _k, _z in enumerate(HEIGHTS):
    TRUTH |= {f"shelf{_k}.height": _z, f"shelf{_k}.front": 120, f"shelf{_k}.behind": 30}
    TRUTH |= {f"shelf{_k}.left": 0, f"shelf{_k}.right": 0}
LOOK = {
    "bulb_watts": [2.6, 2.6],
    "bulb_colour": [[1.0, 0.85, 0.65]] * 2,
    "fill_watts": [4.0, 4.0],
    "fill_colour": [[1.0, 0.9, 0.8]] * 2,
    "ambient": [0.1, 0.1],
    "ambient_colour": [[1.0, 0.9, 0.8]] * 2,
    "wall": [[0.87] * 3] * 2,
    "hdri_odds": 0,
    "exposure": [0.5, 0.5],
    "gamma": [0.95, 0.95],
    "shoulder": [0.5, 0.5],
    "saturation": [1.0, 1.0],
}


def command(module: str, *keys: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", f"blender_scenes.{module}", *keys]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def points(noise: float = 0.0) -> dict[str, object]:
    """What a steady hand marks in the render."""
    lists = marks.Marks(SIZE, {}, {}, ("glass", "glass"))
    names = [f"cabinet.{corner}" for corner in marks.CORNERS]
    names += [f"shelf{k}.{y}_{x}" for k in range(2) for y in ("front", "back") for x in ("left", "right")]
    pixels, _ = model.camera(TRUTH, SIZE).project(np.array([model.place(n, TRUTH, lists) for n in names]) / 1000)
    pixels += np.random.default_rng(0).normal(0, 1, pixels.shape) * noise
    seen = {n: p.round(2).tolist() for n, p in zip(names, pixels, strict=True) if (p > 0).all() and (p < SIZE).all()}
    return {
        "size": list(SIZE),
        "points": seen,
        "lengths": {"cabinet.width": 650},
        "shelves": ["glass", "glass"],
        "lamps": [{"kind": "panel", "wall": "ceiling"}],
    }


def rendered(conf: Path, name: str, out: Path) -> Path:
    keys = [f"scene={name}", f"look={name}", f"size=[{SIZE[0]},{SIZE[1]}]", "samples=4", "count=1", "randomise=none"]
    done = command("render", "--config-dir", str(conf), *keys, "logger=none", f"out={out}")
    assert done.returncode == 0, done.stderr
    return out / "images" / "000000.png"


def test_a_render_is_matched_and_rendered_again(tmp_path: Path) -> None:
    conf = tmp_path / "truth"
    for group, text in (
        ("scene", files.scene_yaml({"name": "truth", **SCENE}, ["mustard"], "The truth.")),
        ("look", files.look_yaml(LOOK, "The truth.")),
    ):
        (conf / group).mkdir(parents=True)
        (conf / group / "truth.yaml").write_text(text)
    first = rendered(conf, "truth", tmp_path / "first")
    (tmp_path / "points.json").write_text(json.dumps(points(noise=0.2)))
    out = tmp_path / "found"
    keys = [
        f"photo={first}",
        f"points={tmp_path / 'points.json'}",
        "scene_name=found",
        "products=[mustard]",
        "door=none",
    ]
    done = command("match", *keys, f"out={out}")
    assert done.returncode == 0, done.stderr
    assert "RMS" in done.stdout and f"--config-dir {out} scene=found" in done.stdout
    scene = yaml.safe_load((out / "scene" / "found.yaml").read_text())["scene"]
    assert np.mean(scene["camera"]["lens_mm"]) == pytest.approx(26, rel=0.03)
    for shelf, height in zip(scene["fridge"]["shelves"], HEIGHTS, strict=True):
        assert shelf["height"] == pytest.approx(height, abs=5)
    with Image.open(out / "overlay_found.jpg") as drawn:
        assert drawn.size == SIZE
    again = rendered(out, "found", tmp_path / "again")
    a, b = (np.asarray(Image.open(p).convert("RGB")).astype(float) for p in (first, again))
    assert np.abs(np.median(a - b, axis=(0, 1))).max() < 12
    assert np.median(np.abs(a - b)) < 14
    # Again into the same folder: nothing is overwritten unasked.
    before = (out / "scene" / "found.yaml").read_bytes()
    done = command("match", *keys, f"out={out}")
    assert done.returncode == 2 and "exists" in done.stderr and done.stderr.count("\n") == 1
    assert (out / "scene" / "found.yaml").read_bytes() == before


def test_the_scene_of_a_solution_fits_what_was_solved() -> None:
    content = points() | {"drawers": ["clear"]}
    spots = {"top_left": [70, 200], "top_right": [115, 200], "bottom_left": [72, 230], "bottom_right": [115, 230]}
    content["points"] |= {f"drawer0.front_{k}": p for k, p in spots.items()}  # type: ignore[operator]
    found = solve(marks.parse(content, SIZE), photo.Prior(26, 0.05, log=True))
    fridge = furnish.scene(found, "test", {"door": "none"})["fridge"]
    high, low = fridge["shelves"]
    assert low["height"] + low["headroom"] < high["height"] < high["height"] + high["headroom"] < fridge["height"]
    for shelf in fridge["shelves"]:
        assert -fridge["back_width"] / 2 < shelf["x"][0] < shelf["x"][1] < fridge["back_width"] / 2
        assert 0 <= shelf["front"] < shelf["back"] <= fridge["depth"]
    assert fridge["drawers"][0]["x"][0] < fridge["drawers"][0]["x"][1]


@pytest.fixture
def white(tmp_path: Path) -> Path:
    Image.new("RGB", SIZE, "white").save(tmp_path / "white.png")
    return tmp_path / "white.png"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("photo=none.jpg",), "no such photo"),
        (("points=none.json",), "cannot be read"),
        (("scene_name=my-fridge",), "letters, digits and _"),
        (("scene_name=true",), "means something else"),
        (("products=[unicorn]",), "no product 'unicorn'"),
        (("door=up",), "door"),
        (("port=70000",), "not in 0..65535"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    white: Path, tmp_path: Path, change: tuple[str, ...], said: str
) -> None:
    (tmp_path / "points.json").write_text(json.dumps(points()))
    keys = {"photo": str(white), "points": str(tmp_path / "points.json"), "out": str(tmp_path / "conf")}
    keys |= dict(c.split("=", 1) for c in change)
    done = command("match", *(f"{k}={v}" for k, v in keys.items()))
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "conf").exists()


def test_points_on_a_line_are_refused_by_the_command(white: Path, tmp_path: Path) -> None:
    content = points()
    content["points"] = {name: [100, 10 + 15 * k] for k, name in enumerate(content["points"])}  # type: ignore[arg-type, var-annotated]
    (tmp_path / "points.json").write_text(json.dumps(content))
    done = command("match", f"photo={white}", f"points={tmp_path / 'points.json'}", f"out={tmp_path / 'conf'}")
    assert done.returncode == 2 and "lie on one line" in done.stderr
    assert not (tmp_path / "conf").exists()
