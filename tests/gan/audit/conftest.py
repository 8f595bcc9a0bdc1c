"""Drawn renders: coloured, striped boxes and discs before a shelf, and what a camera makes of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from coldstart.dataset import Dataset, Image, categories_from, mask_box, png_bytes, save, write_atomic

COLOURS = np.array([[0.85, 0.2, 0.15], [0.2, 0.3, 0.8], [0.2, 0.6, 0.2], [0.9, 0.75, 0.15], [0.85, 0.85, 0.8]])
HEIGHT, WIDTH = 150, 240


def draw(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.uint16], list[tuple[int, int]]]:
    """A picture in [0, 1], its instance mask, and instance and category of every object."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.repeat((0.75 - 0.15 * y / HEIGHT)[..., None], 3, 2) * [1, 0.97, 0.92]
    for row in (70, 140):
        picture[row : row + 4] *= 0.6
    mask = np.zeros((HEIGHT, WIDTH), np.uint16)
    kinds: list[tuple[int, int]] = []
    for k, (corner, bottom) in enumerate(
        [(6 + 58 * column, bottom) for column in range(4) for bottom in (69, 139)], start=1
    ):
        kind = int(rng.integers(len(COLOURS)))
        width, height = rng.integers(22, 40), rng.integers(26, 50)
        left = corner + int(rng.integers(0, 10))
        inside = (abs(x - left - width / 2) < width / 2) & (y > bottom - height) & (y <= bottom)
        if kind % 2:
            inside = ((x - left - width / 2) / width * 2) ** 2 + ((y - bottom + height / 2) / height * 2) ** 2 < 1
        shade = 0.6 + 0.5 * (x - left) / width
        stripe = np.where(((y - bottom) // 5 % 3 == 0) & (abs(x - left - width / 2) < width / 3), 0.45, 1.0)
        picture[inside] = (COLOURS[kind] * (shade * stripe)[..., None])[inside]
        mask[inside] = k
        kinds.append((k, kind + 1))
    return picture.clip(0, 1), mask, kinds


def camera(picture: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Colder, darker, softer, noisy: another look of the same scene."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 1 - 0.3 * ((x / WIDTH - 0.5) ** 2 + (y / HEIGHT - 0.5) ** 2) * 2
    seen = (picture * rng.uniform(0.7, 0.9)) ** 1.2 * [0.88, 0.97, 1.1] * light[..., None]
    seen = seen.mean(-1, keepdims=True) + 0.75 * (seen - seen.mean(-1, keepdims=True))
    return (ndimage.gaussian_filter(seen, (0.7, 0.7, 0)) + rng.normal(0, 0.02, picture.shape)).clip(0, 1)


def write_pairs(root: Path, count: int) -> tuple[Dataset, Dataset]:
    """Renders and their translations as two dataset folders."""
    rng = np.random.default_rng(3)
    names = categories_from(["red", "blue", "green", "yellow", "white"])
    renders, translated = (Dataset(root / part, [], [], names) for part in ("renders", "translated"))
    for index in range(count):
        picture, mask, kinds = draw(rng)
        for folder, pixels in ((renders, picture), (translated, camera(picture, rng))):
            name = f"{index:06d}.png"
            image: Image = {"id": index + 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
            if folder is translated:
                image["source"] = f"../renders/images/{name}"
            folder.images.append(image)
            write_atomic(folder.path(image), png_bytes((pixels * 255).round().astype(np.uint8)))
            write_atomic(folder.mask_path(image), png_bytes(mask))
            for instance, kind in kinds:
                seen = mask == instance
                folder.annotations.append(
                    {
                        "id": 100 * index + instance,
                        "image_id": index + 1,
                        "category_id": kind,
                        "bbox": [float(v) for v in mask_box(seen)],
                        "area": float(seen.sum()),
                        "iscrowd": 0,
                        "instance": instance,
                        "visible_fraction": 1.0,
                    }
                )
    for folder in (renders, translated):
        save(folder)
    return renders, translated


@pytest.fixture(scope="session")
def write() -> Callable[[Path, int], tuple[Dataset, Dataset]]:
    """Writes drawn pairs into a folder."""
    return write_pairs
