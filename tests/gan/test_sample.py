"""Samples as a folder of photos: the same picture by number, resumed, grown, refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from coldstart import cli, lineage
from coldstart.dataset import list_photos
from coldstart.errors import UserError
from gan.checkpoint import save_generator
from gan.data import from_tensor
from gan.networks.stylegan2 import StyleConfig, StyleGAN2Generator, sample
from gan.sample import SampleConfig, draw

Draw = Callable[..., Path]


@pytest.fixture
def generator(tmp_path: Path) -> StyleGAN2Generator:
    torch.manual_seed(0)
    generator = StyleGAN2Generator(8, 3, size=[16, 8], base=32, most=8, mapping=2).eval()
    for file in ("generator.safetensors", "generator_last.safetensors"):
        save_generator(tmp_path / file, generator, "stylegan2", StyleConfig([16, 8], 32, 8, 2))
        generator.constant.data.mul_(2)
    generator.constant.data.div_(4)
    return generator


@pytest.fixture
def drawn(tmp_path: Path, generator: StyleGAN2Generator) -> Draw:
    """Draws into the folder of that name."""

    def run(name: str, *overrides: str) -> Path:
        keys = [f"checkpoint={tmp_path / 'generator.safetensors'}", f"out={tmp_path / name}", "accelerator=cpu"]
        draw(cli.typed(SampleConfig, cli.compose("gan_sample", [*keys, "logger=none", "count=3", *overrides])))
        return tmp_path / name

    return run


def pixels(file: Path) -> np.ndarray[Any, Any]:
    return np.asarray(Picture.open(file))


def test_pictures_are_the_generators_and_serve_as_photos(drawn: Draw, generator: StyleGAN2Generator) -> None:
    out = drawn("a", "seed=2", "truncation=0.6")
    photos = list_photos(out)
    assert [p.name for p in photos] == ["000000.png", "000001.png", "000002.png"]
    for index, photo in enumerate(photos):
        assert np.array_equal(pixels(photo), from_tensor(sample(generator, 2, index, 0.6)))
    assert pixels(photos[0]).shape == (8, 16, 3)
    assert lineage.is_complete(out)


def test_sheets_begin_with_the_samples(drawn: Draw) -> None:
    out = drawn("a")
    first = pixels(out / "000000.png")
    sizes = {file.stem: Picture.open(file).size for file in (out / "sheets").iterdir()}
    assert sizes == {
        "samples": (8 * 20 - 4, 8),
        "interpolation": (8 * 20 - 4, 4 * 12 - 4),
        "mixing": (7 * 20 - 4, 7 * 12 - 4),
    }
    assert np.array_equal(pixels(out / "sheets" / "samples.png")[:, :16], first)
    assert np.array_equal(pixels(out / "sheets" / "interpolation.png")[:8, :16], first)
    assert np.array_equal(pixels(out / "sheets" / "mixing.png")[12:20, :16], first)


def test_an_interrupted_call_goes_on_and_a_larger_count_adds(drawn: Draw, tmp_path: Path, capsys: Any) -> None:
    whole, out = drawn("whole", "count=5"), drawn("out")
    kept = (out / "000001.png").stat().st_mtime_ns
    (out / "000002.png").unlink()
    lineage.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    drawn("out")
    drawn("out", "count=5")
    assert (out / "000001.png").stat().st_mtime_ns == kept
    files = sorted(p.relative_to(whole) for p in whole.rglob("*.png"))
    assert len(files) == 8
    assert all((out / file).read_bytes() == (whole / file).read_bytes() for file in files)
    drawn("out", "count=5")
    assert "already drawn" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"holds data of another config \(differs in seed\)"):
        drawn("out", "count=5", "seed=1")


def test_the_last_weights_lie_beside_the_best(drawn: Draw) -> None:
    best, last = drawn("best"), drawn("last", "weights=last")
    assert not np.array_equal(pixels(best / "000000.png"), pixels(last / "000000.png"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("count=0", "count: must be at least 1, got 0"),
        ("truncation=1.5", r"truncation: must lie in \[0, 1\], got 1.5"),
        ("seed=-1", "seed: must not be negative"),
        ("weights=first", "weights: 'first' is none of best, last"),
        ("checkpoint=nowhere", "nowhere: no such file"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    drawn: Draw, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        drawn("out", override)
    assert not (tmp_path / "out").exists()
