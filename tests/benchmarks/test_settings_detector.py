from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import commands, settings_detector
from coldstart import cli
from coldstart.dataset import Dataset, categories_from, load, save
from coldstart.study.steps import CONFIGS
from detect import scoring


def folder(root: Path, images: int) -> Dataset:
    """`images` grey pictures with one box each, two classes in turn."""
    (root / "images").mkdir(parents=True)
    dataset = Dataset(root, [], [], categories_from(["a", "b"]))
    for i in range(1, images + 1):
        Image.new("RGB", (50, 40)).save(root / "images" / f"{i}.png")
        dataset.images.append({"id": i, "file_name": f"{i}.png", "width": 50, "height": 40})
        box = {"bbox": [10.0, 10.0, 20.0, 20.0], "area": 400.0, "iscrowd": 0}
        dataset.annotations.append({"id": i, "image_id": i, "category_id": 1 + i % 2, **box})  # type: ignore[typeddict-item]
    save(dataset)
    return dataset


def test_averages_count_an_image_as_often_as_it_was_drawn(tmp_path: Path) -> None:
    data = folder(tmp_path, 4)
    # Class b is in images 1 (found) and 3 (missed), class a in 2 (found) and 4 (found with a poor box).
    found = [
        {"image_id": 1, "category_id": 2, "bbox": [10, 10, 20, 20], "score": 0.9},
        {"image_id": 2, "category_id": 1, "bbox": [10, 10, 20, 20], "score": 0.9},
        {"image_id": 4, "category_id": 1, "bbox": [10, 10, 20, 30], "score": 0.8},
    ]
    outcome = scoring.outcome(found, data.images, data.annotations, data.categories)
    outcome.matches.save(tmp_path / "matches.npz")
    weights = np.array([[1, 1, 1, 1], [2, 2, 0, 0], [0, 0, 4, 0], [3, 0, 1, 0]])
    whole, best, worst, mostly = settings_detector.averages(tmp_path, weights)
    metrics = scoring.score(found, data.images, data.annotations, data.categories, draws=0).metrics
    assert whole.tolist() == [metrics["AP"], metrics["AP50"]]
    assert best.tolist() == [1, 1]
    assert worst.tolist() == [0, 0]
    assert mostly[1] == pytest.approx(0.75, abs=0.01)


def test_differences_are_to_the_most_samples_and_seed_by_seed() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (3, 201, 2))  # of images and seeds, shared by all sample counts
    found = {n: 0.5 + noise + lost for n, lost in ((1, -0.2), (4, 0.0), (16, 0.0))}
    header, one, four, sixteen = settings_detector.table(found, {1: 0.5, 4: 1.25, 16: 4.0}).splitlines()
    assert "CPU s/image" in header
    assert one.split()[:2] == ["1", "0.50"]
    assert one.endswith("-0.200  -0.200 to -0.200")  # what is shared cancels
    assert four.endswith("+0.000  +0.000 to +0.000")
    assert len(sixteen.split()) == 7  # the three seeds apiece, and no difference to itself
    found[4][1, :, 0] += 0.03  # one seed of three
    low, _, high = settings_detector.table(found, {1: 0.5, 4: 1.25, 16: 4.0}).splitlines()[2].split()[-3:]
    assert float(low) == 0
    assert float(high) >= 0.02


def test_renders_differ_in_their_samples_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = folder(tmp_path / "photos", 3)
    run: list[tuple[str, list[str]]] = []

    def fake(command: Sequence[str], **_: Any) -> None:
        keys = dict(key.split("=", 1) for key in command[3:])
        out = Path(keys["out"])
        run.append((command[2], list(command[3:])))
        if command[2] == "blender_scenes.render":
            folder(out, int(keys["count"]))
            (out / "scenes").mkdir()
        if command[2] == "detect.evaluate":
            out.mkdir(parents=True)
            data = load(keys["data"])
            scoring.outcome([], data.images, data.annotations, data.categories).matches.save(out / "matches.npz")

    monkeypatch.setattr(commands.subprocess, "run", fake)
    settings_detector.main(
        [
            f"out={tmp_path / 'out'}",
            f"photos={photos.root}",
            "samples=[1,4]",
            "count=2",
            "fine=2",
            "seeds=[0,5]",
            "draws=3",
        ]
    )
    for module, overrides in run:
        cli.compose(CONFIGS[module], overrides)  # knows its keys
    assert [module for module, _ in run].count("detect.train") == 4
    assert [module for module, _ in run].count("detect.evaluate") == 8
    one, four, fine = [set(overrides) for module, overrides in run if module == "blender_scenes.render"]
    assert {key.split("=")[0] for key in one ^ four} == {"samples", "out"}
    assert "seed=1000" in fine  # scenes that no detector was trained on
    printed = capsys.readouterr().out
    assert "fine renders: 2 images" in printed
    assert "photos: 3 images" in printed
