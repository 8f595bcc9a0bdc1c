"""Two toy domains: red squares on grey as a dataset folder with masks and scenes, blue squares as photos."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart import cli
from coldstart.dataset import Dataset, categories_from, png_bytes, save, write_atomic, write_json
from gan.train import TrainConfig
from gan.translate import TranslateConfig

GREY, RED, BLUE = (150, 150, 150), (200, 60, 50), (50, 60, 200)
TINY = [
    "model=cyclegan_small",
    "model.generator.base=8",
    "model.generator.blocks=1",
    "model.discriminator.base=8",
    "model.pool=4",
    "crop=32",
    "batch=2",
    "precision=32-true",
    "accelerator=cpu",
    "logger=none",
    "sample_every=1000",
    "save_every=1000",
]


def square(
    rng: np.random.Generator, width: int, height: int, colour: tuple[int, int, int]
) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[int]]:
    """A square somewhere on noisy grey, and its box."""
    pixels = np.full((height, width, 3), GREY, np.int16)
    side = int(rng.integers(12, 20))
    x, y = int(rng.integers(width - side)), int(rng.integers(height - side))
    pixels[y : y + side, x : x + side] = colour
    pixels += rng.integers(-6, 7, pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8), [x, y, side, side]


def write_renders(root: Path, count: int, size: tuple[int, int]) -> Dataset:
    """A dataset folder of red squares, `size` is (width, height)."""
    rng = np.random.default_rng(1)
    dataset = Dataset(root, [], [], categories_from(["square"]), {"description": "toy"})
    for index in range(count):
        pixels, (x, y, side, _) = square(rng, *size, RED)
        name = f"{index:06d}"
        write_atomic(root / "images" / f"{name}.png", png_bytes(pixels))
        mask = np.zeros(pixels.shape[:2], np.uint16)
        mask[y : y + side, x : x + side] = 300
        write_atomic(root / "masks" / f"{name}.png", png_bytes(mask))
        write_json(root / "scenes" / f"{name}.json", {"index": index})
        dataset.images.append(
            {
                "id": 10 + index,
                "file_name": f"{name}.png",
                "width": size[0],
                "height": size[1],
                "scene": f"scenes/{name}.json",
                "seed": 7,
            }
        )
        dataset.annotations.append(
            {
                "id": 100 + index,
                "image_id": 10 + index,
                "category_id": 1,
                "bbox": [x, y, side, side],
                "area": side * side,
                "iscrowd": 0,
                "instance": 300,
                "visible_fraction": 0.75,
            }
        )
    save(dataset)
    return dataset


@pytest.fixture
def renders(tmp_path: Path) -> Dataset:
    """Four renders of 64×48."""
    return write_renders(tmp_path / "renders", 4, (64, 48))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A plain folder of four photos, twice as large as the renders."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(2)
    for index in range(4):
        pixels, _ = square(rng, 64, 48, BLUE)
        Picture.fromarray(pixels).resize((128, 96)).save(folder / f"{index}.jpg", quality=95)
    return folder


TrainConfigOf = Callable[..., TrainConfig]


@pytest.fixture
def tiny_overrides(renders: Dataset, photos: Path) -> list[str]:
    """What makes a tiny training on the toy domains, but for `out`."""
    return [f"source={renders.root}", f"target={photos}", *TINY]


@pytest.fixture
def train_config(tmp_path: Path, tiny_overrides: list[str]) -> TrainConfigOf:
    """The config of a tiny training on the toy domains; later overrides win."""

    def make(*overrides: str) -> TrainConfig:
        # a model=… among the overrides must come alone
        chosen = [o for o in overrides if o.startswith("model=")]
        tiny = [o for o in tiny_overrides if not (chosen and o.startswith("model"))]
        return cli.typed(TrainConfig, cli.compose("gan_train", [*tiny, f"out={tmp_path / 'out'}", *overrides]))

    return make


@pytest.fixture
def translate_config(tmp_path: Path, renders: Dataset) -> Callable[..., TranslateConfig]:
    """The config of a translation of the toy renders."""

    def make(*overrides: str) -> TranslateConfig:
        paths = [f"checkpoint={tmp_path / 'generator.safetensors'}", f"source={renders.root}"]
        rest = [f"out={tmp_path / 'translated'}", "accelerator=cpu", "audit=off", "logger=none"]
        return cli.typed(TranslateConfig, cli.compose("gan_translate", [*paths, *rest, *overrides]))

    return make
