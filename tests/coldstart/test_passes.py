import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_png

from coldstart.errors import UserError
from coldstart.passes import encode, read_albedo, read_depth, read_normals

RNG = np.random.default_rng(0)
DEPTH = RNG.uniform(0.2, 6.5, (9, 7)).astype(np.float32)
NORMALS = RNG.normal(size=(9, 7, 3)).astype(np.float32)
NORMALS /= np.linalg.norm(NORMALS, axis=-1, keepdims=True)
ALBEDO = RNG.uniform(0, 1, (9, 7, 3)).astype(np.float32)


def written(tmp_path: Path, name: str, values: np.ndarray) -> Path:
    (tmp_path / "x.png").write_bytes(encode(name, values))
    return tmp_path / "x.png"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert read_depth(written(tmp_path, "depth", DEPTH)) == pytest.approx(DEPTH, abs=0.00006)
    normals = read_normals(written(tmp_path, "normals", NORMALS))
    assert normals == pytest.approx(NORMALS, abs=0.00003)
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(1, abs=1e-6)
    assert read_albedo(written(tmp_path, "albedo", ALBEDO)) == pytest.approx(ALBEDO, abs=0.005)


def test_nothing_and_far_away_have_values_of_their_own(tmp_path: Path) -> None:
    depth = read_depth(written(tmp_path, "depth", np.array([[np.inf, 1.0, 20.0]], dtype=np.float32)))
    assert depth.tolist() == [[np.inf, 1.0, pytest.approx(6.5535)]]
    nothing = np.zeros((2, 2, 3), dtype=np.float32)
    assert (read_normals(written(tmp_path, "normals", nothing)) == 0).all()


def test_other_readers_see_the_documented_units() -> None:
    depth = np.asarray(Image.open(io.BytesIO(encode("depth", DEPTH))))
    assert depth.dtype == np.uint16
    assert depth == pytest.approx(DEPTH * 10_000, abs=0.51)
    stored = torch.frombuffer(bytearray(encode("normals", NORMALS)), dtype=torch.uint8)
    normals = decode_png(stored, ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()
    assert normals.dtype == np.uint16
    assert normals == pytest.approx((NORMALS + 1) / 2 * 65535, abs=0.51)
    half = np.asarray(Image.open(io.BytesIO(encode("albedo", np.full((2, 2, 3), 0.214, dtype=np.float32)))))
    assert half[0, 0].tolist() == [127, 127, 127]  # 0.214 linear is sRGB 0.5


def test_a_file_of_others_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a PNG that Coldstart wrote"):
        read_depth(tmp_path / "missing.png")
    gradient = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    Image.fromarray(gradient).save(tmp_path / "other.png")
    with pytest.raises(UserError, match=r"other\.png: is not a PNG"):
        read_depth(tmp_path / "other.png")
