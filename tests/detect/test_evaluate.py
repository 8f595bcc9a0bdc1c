import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coldstart import dataset
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.drawing import FALSE_ALARM, MISSED, RIGHT
from detect.evaluate import EvaluateConfig, evaluate

Toys = Callable[..., Path]


def config(checkpoint: Path, data: Path, out: Path, score: float = 0.3) -> EvaluateConfig:
    return EvaluateConfig(LoggerConfig(kind="none"), str(checkpoint), str(data), str(out), score, accelerator="cpu")


def count(picture: Path, colour: tuple[int, int, int]) -> int:
    with Image.open(picture) as opened:
        return int((np.abs(np.asarray(opened.convert("RGB")).astype(int) - colour).sum(2) < 60).sum())


def test_a_few_dozen_steps_find_toys_never_seen(trained: Path, toys: Toys, tmp_path: Path) -> None:
    out = tmp_path / "score"
    evaluate(config(trained / "detector.safetensors", toys("held_out", 8, seed=99), out))
    results = json.loads((out / "results.json").read_text())
    assert results["AP50"] > 0.5
    assert results["AP"] <= results["AP50"]
    assert results["intervals"]["AP"][0] <= results["AP"] <= results["intervals"]["AP"][1]
    assert (results["images"], results["boxes"]) == (8, 24)
    assert set(results["per_class"]) == {"square", "disc", "bar"}
    detections = json.loads((out / "detections.json").read_text())
    assert {"image_id", "category_id", "bbox", "score"} == set(detections[0])
    pictures = sorted((out / "detections").iterdir())
    assert [p.name for p in pictures] == [f"{i:03d}.jpg" for i in range(8)]
    assert sum(count(p, RIGHT) for p in pictures) > sum(count(p, FALSE_ALARM) for p in pictures)


def test_other_classes_ignored_boxes_and_absent_ones(
    trained: Path, toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Square is renamed to something unknown, discs are to be ignored, and a fourth class has no box."""
    root = toys("other", 4, seed=98, names=["parcel", "disc", "bar"])
    data = dataset.load(root)
    data.categories.append({"id": 4, "name": "ghost"})
    for annotation in data.annotations:
        if annotation["category_id"] == 2:
            annotation["ignore"] = 1
    dataset.save(data)
    evaluate(config(trained / "detector.safetensors", root, tmp_path / "score"))
    said = capsys.readouterr().out
    assert "the detector does not know ghost, parcel" in said
    results = json.loads((tmp_path / "score" / "results.json").read_text())
    assert results["boxes"] == 8
    assert results["per_class"]["parcel"]["AP"] == 0
    assert results["per_class"]["disc"] == results["per_class"]["ghost"] == {"AP": None, "AP50": None}
    assert results["AP"] == pytest.approx(results["per_class"]["bar"]["AP"] / 2)
    assert sum(count(p, MISSED) for p in (tmp_path / "score" / "detections").iterdir()) > 0


def test_bad_input_writes_nothing(trained: Path, toys: Toys, tmp_path: Path) -> None:
    good = toys("good", 1)
    checkpoint = trained / "detector.safetensors"
    for message, keys in (
        ("no such checkpoint", {"checkpoint": tmp_path / "nothing"}),
        ("is not a safetensors file", {"checkpoint": trained / "card.json"}),
        ("no such dataset folder", {"data": tmp_path / "nothing"}),
        ("score: 3", {"score": 3.0}),
    ):
        with pytest.raises(UserError, match=message):
            evaluate(config(**{"checkpoint": checkpoint, "data": good, "out": tmp_path / "o", **keys}))  # type: ignore[arg-type]
    assert not (tmp_path / "o").exists()
    with pytest.raises(UserError, match=r"holds data of another config|is not empty"):
        evaluate(config(checkpoint, good, trained))
