import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart.dataset import load
from coldstart.errors import UserError
from coldstart.split import SplitConfig, split
from coldstart.tracking import LoggerConfig
from detect.label import LabelConfig, label

Toys = Callable[..., Path]
NO_LOGGER = LoggerConfig(kind="none")


def test_what_is_found_becomes_labels(
    command: Callable[..., CompletedProcess[str]], trained: Path, toys: Toys, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(toys("a", 3, seed=97) / "images", photos)
    Picture.fromarray(np.full((96, 96, 3), 127, np.uint8)).save(photos / "empty.png")
    keys = [f"checkpoint={trained / 'detector.safetensors'}", f"images={photos}", "out=labelled"]
    done = command("detect.label", *keys, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "to be ignored, 1 photos left out" in done.stdout
    labelled = load(tmp_path / "labelled")
    assert [i["file_name"] for i in labelled.images] == ["0001_000.png", "0002_001.png", "0003_002.png"]
    assert labelled.class_names == ["square", "disc", "bar"]
    assert (labelled.path(labelled.images[0])).read_bytes() == (photos / "000.png").read_bytes()
    assert len(list((tmp_path / "labelled" / "labels").iterdir())) == 3
    # The labels are what detect.predict finds from the same score on.
    done = command("detect.predict", *keys[:2], "out=found", "score=0.1", cwd=tmp_path)
    found = json.loads((tmp_path / "found" / "detections.json").read_text())
    photo = {i["id"]: i["file_name"] for i in found["images"]}
    expected = [a for a in found["annotations"] if photo[a["image_id"]] != "empty.png"]
    assert [a["bbox"] for a in expected] == [a["bbox"] for a in labelled.annotations]
    assert [a["ignore"] for a in labelled.annotations] == [int(a["score"] < 0.5) for a in expected]
    assert {a["ignore"] for a in labelled.annotations} == {0, 1}


def test_photos_that_are_scored_on_are_refused_and_nothing_found_is_said(
    trained: Path, toys: Toys, tmp_path: Path
) -> None:
    checkpoint, out = str(trained / "detector.safetensors"), tmp_path / "labelled"
    parts = tmp_path / "parts"
    split(SplitConfig(str(toys("a", 8, seed=5)), str(parts), train=0.5, logger=NO_LOGGER))
    with pytest.raises(UserError, match=r"test.*belongs to the test split"):
        label(LabelConfig(checkpoint, str(parts / "test"), str(out), accelerator="cpu", logger=NO_LOGGER))
    with pytest.raises(UserError, match=r"nothing was found with a score of 1\.0 or more; lower score="):
        label(LabelConfig(checkpoint, str(parts / "train"), str(out), 1.0, accelerator="cpu", logger=NO_LOGGER))
    assert not out.exists()
    for score, doubt, message in ((2.0, 0.1, "score: 2"), (0.5, -1.0, "doubt: -1")):
        with pytest.raises(UserError, match=message):
            LabelConfig(checkpoint, str(parts / "train"), str(out), score, doubt)
