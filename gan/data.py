"""Unpaired pictures for training: renders on one side, photos on the other."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from coldstart import dataset
from coldstart.errors import UserError
from coldstart.progress import track

__all__ = ["From", "Pictures", "UnpairedCrops", "from_tensor", "open_domains", "read_picture", "to_tensor"]

IN_MEMORY = 2 * 1024**3  # bytes per domain up to which decoded pictures are kept

Pixels = NDArray[np.uint8]


def read_picture(path: Path, *, upright: bool = True) -> Image.Image:
    """The RGB picture at `path`; `upright` turns it as its EXIF orientation asks.

    Raises:
        UserError: it cannot be read as an image.
    """
    try:
        with Image.open(path) as picture:
            turned = ImageOps.exif_transpose(picture) if upright else picture
            return turned.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read as an image ({error}); remove or replace it") from None


def to_tensor(pixels: Pixels) -> Tensor:
    """H×W×3 uint8 to 3×H×W float in [-1, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1.0


def from_tensor(image: Tensor) -> Pixels:
    """3×H×W in [-1, 1] to H×W×3 uint8, rounded to the nearest level."""
    levels = ((image.float().clamp(-1, 1) + 1.0) * 127.5).round().to(torch.uint8)
    return levels.permute(1, 2, 0).cpu().contiguous().numpy()


class Pictures:
    """A domain's pictures as H×W×3 uint8, decoded once if they fit into memory, else whenever asked for.

    With `short_side` every picture is resized so that its shorter side has that many pixels.
    """

    def __init__(
        self, paths: Sequence[Path], *, description: str, upright: bool, short_side: int | None = None
    ) -> None:
        self.paths, self.upright, self.short_side = list(paths), upright, short_side
        first = self._read(self.paths[0])
        self.kept: list[Pixels] | None = None
        if first.nbytes * len(self.paths) <= IN_MEMORY:
            self.kept = [first, *(self._read(path) for path in track(self.paths[1:], description, unit="picture"))]

    def _read(self, path: Path) -> Pixels:
        picture = read_picture(path, upright=self.upright)
        if self.short_side is not None:
            scale = self.short_side / min(picture.size)
            width, height = (max(self.short_side, round(side * scale)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return np.asarray(picture, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Pixels:
        return self.kept[index] if self.kept is not None else self._read(self.paths[index])


def open_domains(source: str | Path, target: str | Path, crop: int) -> tuple[Pictures, Pictures]:
    """The pictures of dataset folder `source` and of photo folder `target`, the photos brought to the source's scale.

    The scale fits when the shorter side of a photo has as many pixels as the (median) shorter side of the sources.

    Raises:
        UserError: a folder is missing, empty or malformed, a picture is unreadable or a source smaller than `crop`.
    """
    renders = dataset.load(source)
    photos = dataset.list_photos(target)
    for image in renders.images:
        if min(image["width"], image["height"]) < crop:
            raise UserError(
                f"{renders.path(image)}: is {image['width']}×{image['height']}, smaller than crop={crop}; "
                f"give crop={min(image['width'], image['height']) // 4 * 4} or less"
            )
    short_side = int(median(min(image["width"], image["height"]) for image in renders.images))
    paths = [renders.path(image) for image in renders.images]
    return (
        Pictures(paths, description="reading source images", upright=False),
        Pictures(photos, description="reading target photos", upright=True, short_side=short_side),
    )


class UnpairedCrops(Dataset[tuple[Tensor, Tensor]]):
    """Pair `index` is a random crop of a source and one of a target, each mirrored half of the time.

    Both are 3×`crop`×`crop` in [-1, 1] and depend on `seed` and `index` alone, so that a resumed training sees what
    the uninterrupted one would have seen. Each domain runs through all its pictures before it repeats one.
    """

    def __init__(self, source: Pictures, target: Pictures, crop: int, length: int, seed: int) -> None:
        self.domains, self.crop, self.length, self.seed = (source, target), crop, length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng([self.seed, 1, index])
        source, target = (
            to_tensor(self._crop(pictures[_shuffled(index, len(pictures), self.seed, domain)], random))
            for domain, pictures in enumerate(self.domains)
        )
        return source, target

    def _crop(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        y, x = random.integers(height - self.crop + 1), random.integers(width - self.crop + 1)
        cut = pixels[y : y + self.crop, x : x + self.crop]
        return cut[:, ::-1] if random.random() < 0.5 else cut


def _shuffled(index: int, count: int, seed: int, domain: int) -> int:
    """Which of `count` pictures comes at `index`, when every round through them has an order of its own."""
    return int(_order(index // count, count, seed, domain)[index % count])


@lru_cache(maxsize=8)
def _order(round_: int, count: int, seed: int, domain: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 2 + domain, round_]).permutation(count)


class From(Sampler[int]):
    """Indices `start`, `start` + 1, … below `total`; its length is that of the whole, as Lightning's resume counts."""

    def __init__(self, start: int, total: int) -> None:
        self.start, self.total = start, total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.total))

    def __len__(self) -> int:
        return self.total
