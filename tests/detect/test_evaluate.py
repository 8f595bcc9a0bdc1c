import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from coldstart import dataset
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig, Run
from detect import analysis, scoring
from detect.drawing import FALSE_ALARM, MISSED, RIGHT
from detect.evaluate import EvaluateConfig, evaluate
from detect.matching import Matches
from detect.threshold import ThresholdConfig
from tests.detect.records import label, match_all

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
    assert results["per_class_intervals"]["disc"]["AP"][0] <= results["per_class"]["disc"]["AP"]
    assert results["by_size"]["small"]["boxes"] + results["by_size"]["medium"]["boxes"] == 24
    counts = np.array(results["confusion"]["counts"])
    assert counts[:3].sum() == 24
    assert counts[:, :3].sum() == sum(d["score"] >= 0.3 for d in detections)
    assert len(results["precision_at_recall"]["bar"]) == 101
    assert Matches.load(out / "matches.npz").wanted.sum() == 24
    for chart in ("groups", "precision_recall", "confusion", "errors", "threshold"):
        with Image.open(out / f"{chart}.png") as opened:
            assert len(np.unique(np.asarray(opened))) > 50, chart
    pictures = sorted((out / "detections").iterdir())
    assert [p.name for p in pictures] == [f"{i:03d}.png.jpg" for i in range(8)]
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


def test_the_suggested_score_is_used_on_other_photos(
    trained: Path, toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = trained / "detector.safetensors"
    aimed = dataclasses.replace(
        config(checkpoint, toys("validation", 6, seed=97), tmp_path / "val"), suggest=ThresholdConfig(false_alarms=0.5)
    )
    evaluate(aimed)
    suggested = json.loads((tmp_path / "val" / "results.json").read_text())["suggested"]
    assert suggested["false_alarms"] <= 0.5
    assert "suggested for at most 0.5 false alarms per photo" in capsys.readouterr().out
    test = config(checkpoint, toys("test", 4, seed=96), tmp_path / "test_score")
    evaluate(dataclasses.replace(test, score_from=str(tmp_path / "val")))
    results = json.loads((tmp_path / "test_score" / "results.json").read_text())
    assert results["at_score"]["score"] == suggested["score"]
    with pytest.raises(UserError, match="suggests no score"):
        evaluate(dataclasses.replace(test, score_from=str(trained)))


def test_objects_beside_those_of_synthetic_folders(
    trained: Path, toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    tables: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    monkeypatch.setattr(Run, "images", lambda _self, name, *_: logged.append(name))
    monkeypatch.setattr(Run, "table", lambda _self, name, *content: tables.update({name: content}))
    monkeypatch.setattr(Run, "summary", lambda _self, values: summary.update(values))
    scored, out = toys("scored", 6, seed=95), tmp_path / "score"
    folders = [str(toys("alike", 6, seed=94)), str(toys("unlike", 6, seed=93))]
    for path in (Path(folders[1]) / "images").iterdir():  # the other domain: a negative
        with Image.open(path) as opened:
            Image.fromarray(255 - np.asarray(opened.convert("RGB"))).save(path)
    keys = config(trained / "detector.safetensors", scored, out)
    evaluate(dataclasses.replace(keys, synthetic=folders, objects=18))
    embedding = json.loads((out / "results.json").read_text())["embedding"]
    alike, unlike = (embedding["gaps"][folder] for folder in folders)
    assert alike["own_domain"] < 0.75
    assert unlike["own_domain"] > 0.9
    assert len(embedding["points"]) == 54
    assert {p["class"] for p in embedding["points"]} == {"square", "disc", "bar"}
    assert sorted(logged) == sorted(chart.stem for chart in out.glob("*.png"))
    results = json.loads((out / "results.json").read_text())
    columns, rows = tables["photos"]
    assert all(len(row) == len(columns) and row[0].is_file() for row in rows)
    assert sum(row[2] + row[4] for row in rows) == results["boxes"]
    columns, rows = tables["classes"]
    assert {row[0]: row[columns.index("AP")] for row in rows} == {
        c: summary[f"AP/{c}"] for c in ("square", "disc", "bar")
    }
    assert (summary["AP"], summary["recall"]) == (results["AP"], results["at_score"]["recall"])
    assert "embedding" in logged
    assert f"objects beside {folders[0]}" in capsys.readouterr().out


def test_photos_keep_their_counts_in_any_order(
    trained: Path, toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: dict[str, Any] = {}
    monkeypatch.setattr(Run, "table", lambda _self, name, *content: tables.update({name: content}))
    data = dataset.load(toys("scored", 3, seed=95))
    kept = [a for a in data.annotations if a["image_id"] != 1]
    dataset.save(dataset.Dataset(data.root, data.images[::-1], kept, data.categories))
    evaluate(config(trained / "detector.safetensors", data.root, tmp_path / "score"))
    _, rows = tables["photos"]
    assert {row[1]: row[2] + row[4] for row in rows} == {"000.png": 0, "001.png": 3, "002.png": 3}


def test_nothing_found_is_drawn_too(tmp_path: Path) -> None:
    for name, labels in (("boxes", [label("milk", 0)]), ("nothing", [])):
        outcome = match_all(labels, [])
        score = scoring.summary(outcome, draws=5)
        counts = dict(zip(outcome.matches.classes, outcome.matches.wanted.sum(axis=0).tolist(), strict=True))
        results = {**analysis.analyse(outcome, 0.3, ThresholdConfig()), "boxes_per_class": counts}
        for chart in analysis.draw(outcome, score, results, tmp_path / name):
            assert chart.is_file()
        json.dumps(results, allow_nan=False)
        assert analysis.lines(results)[0].startswith("score 0.300 and above: precision –")


def test_photos_that_differ_in_their_suffix_are_both_drawn(trained: Path, toys: Toys, tmp_path: Path) -> None:
    folder = dataset.load(toys("pair", 2))
    for image, name in zip(folder.images, ("a.png", "a.jpg"), strict=True):
        with Image.open(folder.path(image)) as picture:
            picture.save(folder.root / "images" / name)
        image["file_name"] = name
    dataset.save(folder)
    evaluate(config(trained / "detector.safetensors", folder.root, tmp_path / "score"))
    assert {p.name for p in (tmp_path / "score" / "detections").iterdir()} == {"a.jpg", "a.png.jpg"}


def test_a_picture_that_is_cut_off_is_found_before_out_is_claimed(trained: Path, toys: Toys, tmp_path: Path) -> None:
    folder = dataset.load(toys("cut", 2))
    file = folder.path(folder.images[1])
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    settings = config(trained / "detector.safetensors", folder.root, tmp_path / "score")
    with pytest.raises(UserError, match="cannot be read as an image"):
        evaluate(settings)
    assert not (tmp_path / "score").exists()
    file.write_bytes(whole)
    evaluate(settings)


def test_names_are_no_formulas(trained: Path, toys: Toys, tmp_path: Path) -> None:
    folder = dataset.load(toys("odd", 2))
    folder.categories[0]["name"] = "US$_$"
    dataset.save(folder)
    evaluate(config(trained / "detector.safetensors", folder.root, tmp_path / "score"))
    assert (tmp_path / "score" / "confusion.png").is_file()


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
