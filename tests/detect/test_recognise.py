import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from coldstart import dataset
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.gallery import labelled, read_gallery
from detect.recognise import RecogniseConfig, recognise

Toys = Callable[..., Path]


def config(gallery: Path, queries: Path, boxes: Path | str, out: Path) -> RecogniseConfig:
    keys = (str(gallery), str(queries), str(boxes), str(out))
    return RecogniseConfig(LoggerConfig(kind="none"), *keys, draws=20, accelerator="cpu")


def cut_out(data: Path, root: Path, names: list[str]) -> Path:
    """A folder per product of the objects of a dataset folder."""
    for n, view in enumerate(labelled(dataset.load(data))):
        if view.name in names and view.box:
            x, y, width, height = view.box
            (root / view.name).mkdir(parents=True, exist_ok=True)
            with Image.open(view.picture) as picture:
                picture.crop((int(x - 3), int(y - 3), int(x + width + 3), int(y + height + 3))).save(
                    root / view.name / f"{n}.png"
                )
    return root


def test_a_product_is_added_by_pictures_alone(toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, queries = toys("source", 4), toys("queries", 4, seed=5)
    gallery = cut_out(source, tmp_path / "gallery", ["square", "disc"])
    recognise(replace(config(gallery, queries, "truth", tmp_path / "two"), threshold=0.9))
    results = json.loads((tmp_path / "two" / "results.json").read_text())
    assert (results["known"], results["strangers"], results["top1"]) == (8, 12, 1)
    cut_out(source, gallery, ["bar"])
    with pytest.raises(UserError, match="another config"):
        recognise(replace(config(gallery, queries, "truth", tmp_path / "two"), threshold=0.9))
    recognise(config(gallery, queries, "truth", tmp_path / "three"))
    results = json.loads((tmp_path / "three" / "results.json").read_text())
    assert (results["known"], results["top1"]) == (12, 1)
    things = json.loads((tmp_path / "three" / "recognised.json").read_text())
    assert list(things[0]) == ["picture", "bbox", "name", "nearest"]
    assert (tmp_path / "three" / "sheet.jpg").is_file()
    assert "stranger rejected" in capsys.readouterr().out


def test_what_a_detector_finds_is_named(trained: Path, toys: Toys, tmp_path: Path) -> None:
    detector, queries = trained / "detector.safetensors", toys("queries", 3, seed=6)
    keys = config(trained.parent / "toys", queries, detector, tmp_path / "scored")
    recognise(keys)
    results = json.loads((tmp_path / "scored" / "results.json").read_text())
    assert results["found"]["boxes"] == 9
    assert results["queries"] == results["found"]["found"] + results["found"]["false_alarms"] > 0
    recognise(replace(keys, queries=str(queries / "images"), out=str(tmp_path / "unlabelled")))
    assert not (tmp_path / "unlabelled" / "results.json").exists()
    assert len(json.loads((tmp_path / "unlabelled" / "recognised.json").read_text())) == results["queries"]


def test_bad_input_writes_nothing(toys: Toys, tmp_path: Path) -> None:
    queries, empty, out = toys("queries", 1), tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    for message, gallery in (("no such folder", tmp_path / "nothing"), ("holds no product", empty)):
        with pytest.raises(UserError, match=message):
            recognise(config(gallery, queries, "truth", out))
    (empty / "jam").mkdir()
    (empty / "jam" / "a.jpg").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"a\.jpg: cannot be read"):
        read_gallery(empty)
    with pytest.raises(UserError, match="threshold: 2"):
        replace(config(empty, queries, "truth", out), threshold=2.0)
    single = cut_out(queries, tmp_path / "single", ["disc"])
    with pytest.raises(UserError, match="threshold: cannot be chosen"):
        recognise(config(single, queries, "truth", out))
    assert not out.exists()
