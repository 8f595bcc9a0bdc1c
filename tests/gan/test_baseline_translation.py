"""gan.translate model=…: labels stay, colours go, a resume draws the same photos, and bad input is one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart import cli, dataset, lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.split import SplitConfig, split
from coldstart.tracking import LoggerConfig
from gan.translate import TranslateConfig, translate

Make = Callable[..., TranslateConfig]


@pytest.fixture
def make(renders: Dataset, photos: Path, tmp_path: Path) -> Make:
    """The config of a translation of the toy renders; later overrides win."""

    def config(*overrides: str) -> TranslateConfig:
        keys = [f"source={renders.root}", f"target={photos}", f"out={tmp_path / 'out'}", "logger=none"]
        return cli.typed(
            TranslateConfig, cli.compose("gan_translate", [*keys, "accelerator=cpu", "audit=off", *overrides])
        )

    return config


def colours(root: Path) -> np.ndarray:
    data = dataset.load(root)
    return np.mean([np.asarray(Picture.open(data.path(i)).convert("RGB"), float) for i in data.images], (0, 1, 2))


@pytest.mark.parametrize("model", ["reinhard", "histogram", "fda"])
def test_colours_come_nearer_to_the_photos_and_labels_stay(
    make: Make, renders: Dataset, photos: Path, tmp_path: Path, model: str
) -> None:
    for file in photos.iterdir():  # a place of another light
        Picture.open(file).point([*(v * 0.5 for v in range(256)), *range(256), *range(256)]).save(file)
    translate(make(f"model={model}"))
    out = dataset.load(tmp_path / "out")
    assert out.annotations == renders.annotations
    seen = [np.asarray(Picture.open(file).convert("RGB"), float).mean((0, 1)) for file in photos.iterdir()]
    wanted = np.mean(seen, 0)
    assert np.abs(colours(out.root) - wanted).max() < 0.2 * np.abs(colours(renders.root) - wanted).max()
    card = lineage.read_card(out.root)
    assert card["parents"]["target"]["sha256"] == lineage.fingerprint(photos)
    assert "checkpoint" not in card["parents"]


def test_none_gives_back_every_picture(make: Make, renders: Dataset, tmp_path: Path) -> None:
    translate(make("model=none", "target=null"))
    out = dataset.load(tmp_path / "out")
    for old, new in zip(renders.images, out.images, strict=True):
        assert np.array_equal(Picture.open(renders.path(old)), Picture.open(out.path(new)))


def test_a_resume_draws_the_same_photos_and_another_seed_others(make: Make, tmp_path: Path) -> None:
    translate(make("model=reinhard"))
    out = tmp_path / "out"
    first = {file.name: file.read_bytes() for file in (out / "images").iterdir()}
    (out / "images" / "000002.png").unlink()
    dataset.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    translate(make("model=reinhard"))
    assert {file.name: file.read_bytes() for file in (out / "images").iterdir()} == first
    translate(make("model=reinhard", "seed=1", f"out={tmp_path / 'other'}"))
    assert {file.name: file.read_bytes() for file in (tmp_path / "other" / "images").iterdir()} != first
    with pytest.raises(UserError, match="holds data of another config"):
        translate(make("model=histogram"))


def test_bad_input(make: Make, tmp_path: Path) -> None:
    for overrides, message in (
        (["target=null"], "give either checkpoint=… .* or model=… .one of none, reinhard, histogram, fda"),
        (["model=fda", "checkpoint=a"], "give either checkpoint"),
        (["checkpoint=a"], "target: a checkpoint has learned its photos already"),
        (["model=fda", "target=null"], "target has no value; model=fda takes its colours from photos"),
        (["model=fda", "model.beta=0.7"], "model.beta: must lie between 0 and 0.5, got 0.7"),
        (["model=cyclegan"], "model: 'cyclegan' must be trained first"),
        (["model=fda", "target=nowhere"], "nowhere: no such folder of photos"),
        (["model=fda", "tile=64"], "tile: model=… computes every picture at once; leave tile out"),
        (["model=fda", "seed=-1"], "seed: must not be negative"),
    ):
        with pytest.raises(UserError, match=message) as error:
            translate(make(*overrides))
        assert "\n" not in str(error.value)
        assert not (tmp_path / "out").exists()


def test_a_model_that_must_be_trained_is_refused_by_name(renders: Dataset, tmp_path: Path, capsys: Any) -> None:
    """Also one whose config asks for keys of gan.train."""
    keys = ["model=stylegan2_small", f"source={renders.root}", f"out={tmp_path / 'out'}", "accelerator=cpu"]
    with pytest.raises(SystemExit):
        cli.Job(translate, TranslateConfig)(cli.compose("gan_translate", keys))
    assert capsys.readouterr().err.startswith("error: model: 'stylegan2' must be trained first")


def test_photos_of_a_test_split_are_refused(make: Make, renders: Dataset, tmp_path: Path) -> None:
    split(SplitConfig(str(renders.root), str(tmp_path / "parts"), train=2, logger=LoggerConfig(kind="none")))
    translate(make("model=histogram", f"target={tmp_path / 'parts' / 'train'}"))
    for target in (tmp_path / "parts" / "test", renders.root):
        with pytest.raises(UserError, match="belongs to the test split"):
            translate(make("model=histogram", f"target={target}", f"out={tmp_path / 'no'}"))
