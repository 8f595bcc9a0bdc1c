import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from PIL import Image

from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.predict import PredictConfig, predict

Toys = Callable[..., Path]


def config(checkpoint: Path, images: Path, out: Path, score: float = 0.3) -> PredictConfig:
    return PredictConfig(LoggerConfig(kind="none"), str(checkpoint), str(images), str(out), score, accelerator="cpu")


def test_a_plain_folder_of_photos(
    command: Callable[..., CompletedProcess[str]], trained: Path, toys: Toys, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(toys("a", 3, seed=97) / "images", photos)
    keys = [f"checkpoint={trained / 'detector.safetensors'}", f"images={photos}", "out=found", "score=0.2"]
    done = command("detect.predict", *keys, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found" / "detections.json").read_text())
    assert [image["file_name"] for image in found["images"]] == ["000.png", "001.png", "002.png"]
    assert [c["name"] for c in found["categories"]] == ["square", "disc", "bar"]
    assert len(found["annotations"]) >= 3
    assert all(a["score"] >= 0.2 and 0 <= a["bbox"][0] <= 96 for a in found["annotations"])
    pictures = sorted((tmp_path / "found" / "detections").iterdir())
    assert len(pictures) == 3
    with Image.open(pictures[0]) as picture:
        assert picture.size == (96, 96)


def test_bad_folders_and_photos(trained: Path, tmp_path: Path) -> None:
    checkpoint, out = trained / "detector.safetensors", tmp_path / "out"
    photos = tmp_path / "photos"
    with pytest.raises(UserError, match="no such folder of photos"):
        predict(config(checkpoint, photos, out))
    photos.mkdir()
    with pytest.raises(UserError, match="holds no photo"):
        predict(config(checkpoint, photos, out))
    (photos / "a.jpg").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"a\.jpg: cannot be read"):
        predict(config(checkpoint, photos, out))
    assert not out.exists()
    with pytest.raises(UserError, match="score: 2"):
        config(checkpoint, photos, out, score=2.0)
