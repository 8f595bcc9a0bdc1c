import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

from coldstart.dataset import load, save
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


def test_photos_of_a_dataset_folder_are_named_as_there(trained: Path, toys: Toys, tmp_path: Path) -> None:
    folder = load(toys("days", 2))
    for image, name in zip(folder.images, ("monday/0.png", "tuesday/0.png"), strict=True):
        (folder.root / "images" / name).parent.mkdir()
        folder.path(image).rename(folder.root / "images" / name)
        image["file_name"] = name
    save(folder)
    predict(config(trained / "detector.safetensors", folder.root, tmp_path / "found"))
    found = json.loads((tmp_path / "found" / "detections.json").read_text())
    assert [image["file_name"] for image in found["images"]] == ["monday/0.png", "tuesday/0.png"]


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


def test_a_video_and_a_photo_with_a_suggested_score(trained: Path, toys: Toys, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from detect.video import VideoWriter, frames

    pictures = sorted((toys("a", 3, seed=97) / "images").iterdir())
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    shutil.copy(pictures[0], mixed / "photo.png")
    with VideoWriter(mixed / "clip.mp4") as writer:
        for i, picture in enumerate(pictures):
            writer.add(Image.open(picture).convert("RGB"), i / 4)
    score = tmp_path / "score"
    score.mkdir()
    (score / "results.json").write_text('{"suggested": {"score": 0.25}}')
    options = {"score_from": str(score), "every": 2, "accelerator": "cpu"}
    out = tmp_path / "found"
    checkpoint = str(trained / "detector.safetensors")
    predict(PredictConfig(LoggerConfig(kind="none"), checkpoint, str(mixed), str(out), **options))
    found = json.loads((out / "detections.json").read_text())
    images = [(i["file_name"], i.get("frame"), i.get("time")) for i in found["images"]]
    assert images == [("photo.png", None, None), ("clip.mp4", 0, 0.0), ("clip.mp4", 2, pytest.approx(0.5, abs=1e-4))]
    assert {a["image_id"] for a in found["annotations"]} == {1, 2, 3}
    assert all(a["score"] >= 0.25 for a in found["annotations"])
    assert sorted(p.name for p in (out / "detections").iterdir()) == ["0001_photo.jpg", "0002_clip.mp4"]
    drawn = list(frames(out / "detections" / "0002_clip.mp4"))
    assert [t for _, t, _ in drawn] == pytest.approx([0, 0.5], abs=1e-4)
    before, after = (
        next(i for n, _, i in frames(f) if n == 0) for f in (mixed / "clip.mp4", out / "detections" / "0002_clip.mp4")
    )
    assert np.abs(np.asarray(before).astype(int) - np.asarray(after).astype(int)).max() > 80  # the boxes


def test_one_file_and_bad_videos(trained: Path, toys: Toys, tmp_path: Path) -> None:
    checkpoint, out = trained / "detector.safetensors", tmp_path / "out"
    predict(config(checkpoint, toys("a", 1) / "images" / "000.png", tmp_path / "one"))
    assert len(json.loads((tmp_path / "one" / "detections.json").read_text())["images"]) == 1
    pytest.importorskip("av")
    (tmp_path / "a.mov").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"a\.mov: cannot be read as a video"):
        predict(config(checkpoint, tmp_path / "a.mov", out))
    with pytest.raises(UserError, match="every: 0"):
        PredictConfig(LoggerConfig(kind="none"), "a", "b", "c", every=0)
    assert not out.exists()
