"""gan.evaluate: numbers that tell better from worse, files, a second call, and bad input in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart import cli, lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from gan.evaluate import EvaluateConfig, evaluate, table


def write(folder: Path, count: int, seed: int, size: tuple[int, int] = (64, 48)) -> Path:
    """Coloured patterns with some noise."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for index in range(count):
        small = Picture.fromarray(rng.integers(0, 256, (5, 6, 3)).astype(np.uint8))
        pixels = np.asarray(small.resize(size, Picture.Resampling.BICUBIC)) + 20 * rng.normal(size=(*size[::-1], 3))
        Picture.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    made = {"truth": write(tmp_path / "truth", 6, 1), "target": write(tmp_path / "target", 8, 2)}
    for name, noise in (("near", 5), ("far", 80)):
        made[name] = tmp_path / name
        made[name].mkdir()
        rng = np.random.default_rng(3)
        for file in made["truth"].iterdir():
            pixels = np.asarray(Picture.open(file)) + noise * rng.normal(size=(48, 64, 3))
            Picture.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                made[name] / f"{file.stem}.jpg", quality=98, subsampling=0
            )
    return made


def config(folders: dict[str, Path], out: Path, *overrides: str) -> EvaluateConfig:
    both = f"translated=[{folders['near']},{folders['far']}]"
    keys = [both, f"target={folders['target']}", f"out={out}", "accelerator=cpu", "logger=none", "subsets=20"]
    return cli.typed(EvaluateConfig, cli.compose("gan_evaluate", [*keys, *overrides]))


def test_the_nearer_folder_scores_better_everywhere(folders: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    evaluate(config(folders, out, f"truth={folders['truth']}"))
    results = json.loads((out / "results.json").read_text())
    near, far = (results["folders"][str(folders[name])] for name in ("near", "far"))
    assert near["images"] == 6
    for name in ("swd", "kid_lite0", "frechet_lite0", "st_lpips"):
        assert near[name]["value"] < far[name]["value"]
    for name in ("psnr", "ssim"):
        assert near[name]["low"] <= near[name]["value"] <= near[name]["high"]
        assert near[name]["low"] > far[name]["high"]
    assert near["psnr"]["value"] == pytest.approx(20 * np.log10(255 / 5), abs=1.5)
    assert far["kid_lite0"]["error"] > 0
    assert "weights absent" in results["not_computed"]["kid, fid"]
    assert lineage.is_complete(out)
    printed = capsys.readouterr().out
    header, first, second = printed.splitlines()[:3]
    assert header.split()[:3] == ["folder", "images", "swd"]
    assert first.startswith(str(folders["near"]))
    assert second.startswith(str(folders["far"]))

    evaluate(config(folders, out, f"truth={folders['truth']}"))
    assert "already there" in capsys.readouterr().out
    evaluate(config(folders, tmp_path / "again", f"truth={folders['truth']}"))
    assert (tmp_path / "again" / "results.json").read_text() == (out / "results.json").read_text()


def test_one_folder_without_truth_and_photos_of_another_size(folders: dict[str, Path], tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.mkdir()
    for file in folders["target"].iterdir():
        Picture.open(file).resize((128, 96), Picture.Resampling.LANCZOS).save(large / file.name)
    one = f"translated={folders['truth']}"
    evaluate(config(folders, tmp_path / "out", one))
    evaluate(config(folders, tmp_path / "scaled", one, f"target={large}"))
    values = []
    for name in ("out", "scaled"):
        (row,) = json.loads((tmp_path / name / "results.json").read_text())["folders"].values()
        assert set(row) == {"images", "swd", "kid_lite0", "frechet_lite0"}
        values.append(row["frechet_lite0"]["value"])
    # The same photos at twice the size: brought to one scale, they are as far.
    assert values[1] == pytest.approx(values[0], rel=0.1)


def test_objects_are_scored_apart_where_the_truth_has_masks(renders: Dataset, photos: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    for image in renders.images:
        pixels, inside = (np.asarray(Picture.open(p)) for p in (renders.path(image), renders.mask_path(image)))
        other = np.where(inside[..., None] > 0, pixels, 255 - pixels)
        Picture.fromarray(other.astype(np.uint8)).save(kept / renders.path(image).name)
    empty = np.zeros((48, 64), np.uint16)
    Picture.fromarray(empty).save(renders.mask_path(renders.images[0]))  # shows nothing: is left out
    keys = [f"target={photos}", f"truth={renders.root}", "accelerator=cpu", "logger=none"]
    keys += [f"translated={kept}", f"out={tmp_path / 'out'}"]
    evaluate(cli.typed(EvaluateConfig, cli.compose("gan_evaluate", keys)))
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["folders"].values()
    assert row["psnr_objects"] == {"value": 100, "low": 100, "high": 100}
    assert row["psnr"]["high"] < 30


def test_what_one_folder_alone_has_is_a_column_for_all() -> None:
    value = {"value": 20.0, "low": 19.0, "high": 21.0}
    shown = table({"a": {"images": 2, "psnr": value}, "b": {"images": 2, "psnr": value, "psnr_objects": value}})
    assert [line.split()[-1] for line in shown.splitlines()] == ["psnr_objects", "-", "(19–21)"]


def test_bad_input_is_one_line_and_nothing_is_written(folders: dict[str, Path], tmp_path: Path) -> None:
    few = write(tmp_path / "few", 3, 0)
    wide = write(tmp_path / "wide", 6, 0, size=(80, 48))
    small = write(tmp_path / "small", 4, 0, size=(30, 19))
    other = write(tmp_path / "other", 6, 0)
    (other / "5.png").rename(other / "five.png")
    near = folders["near"]
    for overrides, message in (
        ([f"translated={few}"], "few: holds 3 pictures; give at least 4"),
        ([f"target={few}"], "few: holds 3 pictures; give at least 4"),
        ([f"translated={small}"], "small: pictures have 19 pixels on their shorter side; give at least 20"),
        ([f"truth={wide}"], r"0.jpg: is 64×48, its truth .*0.png 80×48; both must have one size"),
        ([f"truth={other}"], "5.jpg: has no partner of its name in truth="),
        (["target=nowhere"], "nowhere: no such folder of photos"),
        (["subsets=1"], "subsets must be at least 2"),
        (["translated=[]"], r"translated: must be a folder or a list of folders, got \[\]; or give trained="),
        ([f"trained={few}"], "trained and source belong together"),
        ([f"trained={few}", f"source={other}"], "trained: .*generator.safetensors: no such file"),
        ([f"translated=[{near},{near}]"], "translated: names a folder twice"),
    ):
        with pytest.raises(UserError, match=message) as error:
            evaluate(config(folders, tmp_path / "out", *overrides))
        assert "\n" not in str(error.value)
        assert not (tmp_path / "out").exists()


def test_the_command_line(folders: dict[str, Path], tmp_path: Path) -> None:
    keys = [f"translated={folders['near']}", f"target={tmp_path / 'absent'}", f"out={tmp_path / 'out'}"]
    done = subprocess.run(
        [sys.executable, "-m", "gan.evaluate", *keys],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no such folder of photos" in done.stderr
