import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_scenes import art
from coldstart.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_layers_land_where_they_say() -> None:
    layers = [{"fill": "#ffffff"}, {"rect": [0.5, 0.5, 1.0, 1.0], "colour": "#ff0000"}]
    picture = art.draw(layers, [40, 20], rng())
    assert picture.shape == (20, 40, 3)
    assert picture[2, 30].tolist() == [255, 0, 0]  # u right, v up: the upper right quarter
    assert picture[15, 30].tolist() == [255, 255, 255]
    assert picture[2, 5].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "layer",
    [
        {"ellipse": [0.5, 0.5, 0.2, 0.2], "colour": "#000000"},
        {"polygon": [[0.3, 0.3], [0.7, 0.3], [0.5, 0.8]], "colour": "#000000"},
        {"text": "EGGS", "at": [0.5, 0.5], "height": 0.3, "colour": "#000000"},
        {"lines": [0.2, 0.2, 0.8, 0.8], "colour": "#000000", "count": 4},
        {"barcode": [0.2, 0.2, 0.8, 0.8]},
        {"blobs": [0, 0, 1, 1], "colours": ["#336699"], "count": 5, "radius": [0.1, 0.2]},
    ],
)
def test_every_shape_draws_and_repeats_with_its_seed(layer: dict[str, object]) -> None:
    blank = art.draw([{"fill": "#808080"}], [64, 32], rng())
    drawn = art.draw([{"fill": "#808080"}, layer], [64, 32], rng())
    assert (drawn != blank).any()
    assert (drawn == art.draw([{"fill": "#808080"}, layer], [64, 32], rng())).all()


def test_patterns_change_what_is_there() -> None:
    base = [{"fill": "#808080"}]
    for layer in ({"mottle": 0.5}, {"streaks": 5, "colour": "#00ff00", "strength": 0.8}):
        assert art.draw([*base, layer], [64, 32], rng()).std() > 2


def test_a_fade_goes_from_below_to_above() -> None:
    picture = art.draw([{"fade": [0, 0, 1, 1], "colours": ["#000000", "#ffffff"]}], [4, 32], rng())
    assert (np.diff(picture[:, 0, 0].astype(int)) < 0).all()


def test_a_ring_is_open_in_the_middle_and_an_outline_lies_around_letters() -> None:
    ring = art.draw([{"ellipse": [0.5, 0.5, 0.4, 0.4], "ring": 0.1, "colour": "#000000"}], [64, 64], rng())
    assert ring[32, 32, 0] == 255 and ring[32, 8, 0] < 60
    text = {"text": "I", "at": [0.5, 0.5], "height": 0.8, "colour": "#000000", "weight": 0.2}
    plain, rimmed = (art.draw([{"fill": "#808080"}, t], [64, 64], rng()) for t in (text, text | {"outline": "#ff0000"}))
    assert not (plain[..., 0] > plain[..., 1] + 50).any()
    assert (rimmed[..., 0] > rimmed[..., 1].astype(int) + 50).sum() > 50


def write(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_a_photo_is_cut_by_its_box_and_laid_where_the_layer_says(tmp_path: Path) -> None:
    photo = np.zeros((60, 90, 3), dtype=np.uint8)
    photo[10:30, 20:60] = [200, 30, 40]
    layer = {"picture": write(tmp_path / "photo.png", photo), "box": [20, 10, 40, 20], "rect": [0.5, 0, 1, 0.5]}
    drawn = art.draw([{"fill": "#ffffff"}, layer], [40, 20], rng())
    assert (drawn[10:, 20:] == [200, 30, 40]).all()
    assert (drawn[:10] == 255).all() and (drawn[:, :20] == 255).all()


def test_a_photo_is_cut_by_its_mask(tmp_path: Path) -> None:
    photo, mask = np.zeros((60, 90, 3), dtype=np.uint8), np.zeros((60, 90), dtype=np.uint8)
    photo[..., 1] = 250
    mask[20:40, 30:60] = 255
    mask[20:30, 30:45] = 0  # a corner that is not the label
    layer = {"picture": write(tmp_path / "p.png", photo), "mask": write(tmp_path / "m.png", mask)}
    drawn = art.draw([{"fill": "#000000"}, layer], [60, 40], rng())
    assert drawn[5, 10].tolist() == [0, 0, 0]
    assert drawn[5, 50].tolist() == drawn[35, 10].tolist() == [0, 250, 0]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"squiggle": 1}, r"art.layers\[1\]: {'squiggle': 1} is none of picture, fill, rect"),
        ({"rect": [0, 0, 1, 1]}, r"art.layers\[1\].colour: a rect needs it"),
        ({"rect": [0, 0, 1], "colour": "#000000"}, r"art.layers\[1\].rect: \[0, 0, 1\] is not four numbers"),
        ({"rect": [0, 0, 1, 1], "colour": "red"}, r"art.layers\[1\].colour: colour 'red': write it as '#rrggbb'"),
        ({"rect": [0, 0, 1, 1], "colur": "#000000"}, r"art.layers\[1\].colour: a rect needs it"),
        ({"barcode": [0, 0, 1, 1], "count": 3}, r"art.layers\[1\].count: a barcode has no such key; it has barcode"),
        (
            {"blobs": [0, 0, 1, 1], "colours": ["#000000"], "count": 3, "radius": 0.02},
            "radius: 0.02 is not two numbers",
        ),
        ({"rect": [0, 0, 1, 1], "colour": "#000000", "radius": [0, 1]}, r"radius: \[0, 1\] is not a number"),
        ({"fade": [0, 0, 1, 1], "colours": []}, r"colours: \[\] is not a list of colours"),
        ({"grain": [0, 0, 1, 1], "colours": ["#000000"]}, "is not two colours"),
        ({"polygon": 5, "colour": "#000000"}, r"polygon: 5 is not at least three \[u, v\]"),
        ({"mottle": "much"}, r"art.layers\[1\].mottle: 'much' is not a number"),
        ({"picture": "no/such.png"}, r"art.layers\[1\]: picture no/such.png: no such file \(looked in "),
    ],
)
def test_mistakes_name_layer_key_and_what_is_allowed(layer: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        art.draw([{"fill": "#000000"}, layer], [8, 8], rng())


def test_another_numpy_draws_the_same_pixels() -> None:
    """Products are the same in every Blender; Debian's has a numpy of its own."""
    layers = config_layers()
    script = (
        "import json, sys, numpy; from blender_scenes import art; layers = json.loads(sys.stdin.read());"
        "sys.stdout.buffer.write(art.draw(layers, [256, 128], numpy.random.default_rng(5)).tobytes())"
    )
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode:
        pytest.skip("no numpy beside the system's Python: nothing to compare with")
    done = subprocess.run(
        [python, "-c", script], input=json.dumps(layers).encode(), capture_output=True, cwd=ROOT, check=True
    )
    theirs = np.frombuffer(done.stdout, dtype=np.uint8).reshape(128, 256, 3)
    ours = art.draw(layers, [256, 128], np.random.default_rng(5))
    assert (ours == theirs).all()


def config_layers() -> list[dict[str, object]]:
    """A layer of every kind that draws by itself."""
    return [
        {"fill": "#a3170f"},
        {"fade": [0, 0, 1, 0.5], "colours": ["#102030", "#a0b0c0"]},
        {"mottle": 0.25, "scale": 12},
        {"streaks": 5, "colour": "#00ff00", "strength": 0.8},
        {"rect": [0.62, 0.3, 0.88, 0.83], "colour": "#f1efec", "radius": 0.07, "jitter": [0.02, 0.03]},
        {"ellipse": [0.4, 0.5, 0.1, 0.3], "colour": "#336699", "ring": 0.05},
        {"polygon": [[0.1, 0.1], [0.3, 0.2], [0.2, 0.8]], "colour": "#ffaa00", "probability": 1.0},
        {"text": "Fresh 12%", "at": [0.75, 0.6], "height": 0.2, "colour": "#000000", "outline": "#ffffff"},
        {"lines": [0.2, 0.2, 0.5, 0.8], "colour": "#111111", "count": 5},
        {"barcode": [0.02, 0.05, 0.2, 0.3]},
        {"blobs": [0, 0, 1, 1], "colours": ["#336699", "#993366"], "count": 20, "radius": [0.02, 0.05]},
    ]


def test_boards_differ_and_their_grain_runs_along_them() -> None:
    layers = [{"grain": [u, 0, u + 0.5, 1], "colours": ["#b98a5a", "#6a4526"]} for u in (0.0, 0.5)]
    drawn = art.draw(layers, [200, 120], np.random.default_rng(3)).astype(float)
    left, right = drawn[:, :100], drawn[:, 100:]
    assert np.abs(left - right).mean() > 4
    for board in (left, right):
        assert np.abs(np.diff(board, axis=1)).mean() > 2 * np.abs(np.diff(board, axis=0)).mean()
