"""Toy dataset folders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from PIL import ImageDraw, ImageFilter

from coldstart.dataset import (
    Annotation,
    Dataset,
    Image,
    categories_from,
    encode_rle,
    mask_box,
    png_bytes,
    save,
    write_atomic,
    write_json,
)

NAMES = ["milk", "orange", "water"]
COLOURS = [(70, 110, 190), (230, 140, 40), (90, 170, 160)]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


def toy_dataset(
    root: Path, count: int, seed: int = 0, size: tuple[int, int] = (96, 128), photo: bool = False
) -> Dataset:
    """A dataset folder of coloured shapes; `photo` makes them dimmer, warmer and blurred."""
    rng = np.random.default_rng(seed)
    images: list[Image] = []
    annotations: list[Annotation] = []
    (root / "images").mkdir(parents=True)
    for index in range(count):
        picture = Picture.new("RGB", size, (214, 220, 224))
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, int(size[1] * 0.62), size[0], size[1]), fill=(180, 188, 190))
        for kind in range(len(NAMES)):
            width, height = (size[0] * rng.uniform(0.14, 0.28), size[1] * rng.uniform(0.16, 0.34))
            x, y = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - height)
            shape = draw.ellipse if kind == 1 else draw.rectangle
            shape((x, y, x + width, y + height), fill=COLOURS[kind], outline=(40, 40, 40))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": kind + 1,
                    "bbox": [float(v) for v in (x, y, width, height)],
                    "area": float(width * height),
                    "iscrowd": 0,
                }
            )
        if photo:
            picture = picture.filter(ImageFilter.GaussianBlur(1))
            picture = Picture.fromarray((np.asarray(picture) * np.array([0.85, 0.7, 0.5])).astype(np.uint8))
        name = f"{index:06d}.{'jpg' if photo else 'png'}"
        picture.save(root / "images" / name)
        images.append({"id": index + 1, "file_name": name, "width": size[0], "height": size[1]})
    dataset = Dataset(root, images, annotations, categories_from(NAMES))
    save(dataset)
    return dataset


def toy_renders(root: Path, count: int, seed: int = 0, size: tuple[int, int] = (96, 128)) -> Dataset:
    """A dataset folder as the renderer writes it: three boxes a picture, later ones in front; masks, scenes."""
    dataset = toy_dataset(root, count, seed, size)
    annotations: list[Annotation] = []
    for number, image in enumerate(dataset.images):
        image |= {"scene": f"scenes/{number:06d}.json", "seed": seed, "look": "warm"}  # type: ignore[typeddict-unknown-key]
        mask = np.zeros((size[1], size[0]), np.uint16)
        wholes = []
        for a in dataset.by_image()[image["id"]]:
            x, y, w, h = (int(v) for v in a["bbox"])
            wholes.append(np.zeros(mask.shape, bool))
            wholes[-1][y : y + h, x : x + w] = True
            mask[wholes[-1]] = len(wholes)
        for instance, (a, whole) in enumerate(zip(dataset.by_image()[image["id"]], wholes, strict=True), start=1):
            visible = mask == instance
            fraction = float(visible.sum() / whole.sum())
            a |= {"bbox": [float(v) for v in (mask_box(visible) if visible.any() else (0, 0, 0, 0))], "truncated": 0.0}
            a |= {"area": float(visible.sum()), "instance": instance, "visible_fraction": round(fraction, 4)}
            a |= {"amodal_bbox": [float(v) for v in mask_box(whole)], "segmentation": encode_rle(visible)}
            a |= {"ignore": int(fraction < 0.5 or (number, instance) == (0, 1)), "track": f"{NAMES[instance - 1]}-2"}
            annotations.append(a)
        write_atomic(dataset.mask_path(image), png_bytes(mask))
        content = {"unplaced": {"milk": number % 2}, "image": image, "annotations": annotations[-3:]}
        write_json(root / image["scene"], content)
    rendered = Dataset(root, dataset.images, annotations, dataset.categories, {"description": "toy renders"})
    save(rendered)
    return rendered


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Dataset]:
    """Make a toy dataset folder under tmp_path: `toy("name", count, …)`."""
    return lambda name, count=4, **keys: toy_dataset(tmp_path / name, count, **keys)


@pytest.fixture
def renders(tmp_path: Path) -> Callable[..., Dataset]:
    """Make a folder like the renderer's under tmp_path: `renders("name", count, …)`."""
    return lambda name, count=4, **keys: toy_renders(tmp_path / name, count, **keys)


@pytest.fixture
def change(tmp_path: Path) -> Callable[[Path, Callable[[dict[str, Any]], object]], None]:
    """Edit the annotations.json of a dataset folder by hand, as a user would."""

    def edit(root: Path, how: Callable[[dict[str, Any]], object]) -> None:
        file = root / "annotations.json"
        content = json.loads(file.read_text())
        how(content)
        file.write_text(json.dumps(content))

    return edit
