"""Toy photos: a red square, a green disc and a blue bar on grey noise, as a dataset folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from coldstart import dataset

NAMES = ["square", "disc", "bar"]
COLOURS = [(220, 40, 40), (40, 200, 60), (50, 70, 230)]
SIZES = [(26, 26), (28, 28), (18, 40)]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


def make_toys(
    root: Path, count: int, *, seed: int = 0, names: list[str] | None = None, size: tuple[int, int] = (96, 96)
) -> Path:
    """One of each shape per picture, not overlapping: each in its own column."""
    names = names or NAMES
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    images: list[dataset.Image] = []
    annotations: list[dataset.Annotation] = []
    for i in range(count):
        noise = rng.integers(95, 160, (size[1], size[0], 1), dtype=np.uint8).repeat(3, axis=2)
        picture = Image.fromarray(noise)
        draw = ImageDraw.Draw(picture)
        for column, kind in enumerate(rng.permutation(3)):
            width, height = SIZES[kind]
            x = column * size[0] // 3 + int(rng.integers(0, size[0] // 3 - width + 1))
            y = int(rng.integers(0, size[1] - height + 1))
            corners = (x, y, x + width - 1, y + height - 1)
            (draw.ellipse if kind == 1 else draw.rectangle)(corners, fill=COLOURS[kind])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": int(kind) + 1,
                    "bbox": [float(x), float(y), float(width), float(height)],
                    "area": float(width * height),
                    "iscrowd": 0,
                }
            )
        picture.save(root / "images" / f"{i:03d}.png")
        images.append({"id": i + 1, "file_name": f"{i:03d}.png", "width": size[0], "height": size[1]})
    dataset.save(dataset.Dataset(root, images, annotations, dataset.categories_from(names)))
    return root


@pytest.fixture
def toys(tmp_path: Path) -> Callable[..., Path]:
    """toys(name, count, seed=, names=, size=) -> a dataset folder."""
    return lambda name, count, **options: make_toys(tmp_path / name, count, **options)


def run(module: str, *keys: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command as a user runs it, without a logger and on one core."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", module, *keys, "logger=none"]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a detector was trained on toys; `toys/` beside it are its training pictures."""
    from coldstart.tracking import LoggerConfig
    from detect.augment import AugmentConfig
    from detect.train import TrainConfig, train

    root = tmp_path_factory.mktemp("trained")
    toys = make_toys(root / "toys", 16)
    config = TrainConfig(
        detector={"name": "fcos_lite0", "freeze": 2, "channels": 32, "head_convs": 1},
        logger=LoggerConfig(kind="none"),
        out=str(root / "out"),
        real=[str(toys)],
        steps=60,
        size=[96, 96],
        batch=4,
        lr=2e-3,
        augment=AugmentConfig(zoom_out=1.1, crop=0.9, chance=0.2, hue=0.0),
        accelerator="cpu",
        precision="32-true",
    )
    train(config)
    return root / "out"
