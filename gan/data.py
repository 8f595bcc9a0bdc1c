"""Training pictures: renders with what is known of them on one side, photos on the other."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from coldstart import dataset
from coldstart.errors import UserError
from coldstart.pictures import UNREADABLE, turned
from coldstart.progress import track
from gan.guide import channels, read_guide, read_instances

__all__ = [
    "Pair",
    "Pictures",
    "Pixels",
    "Renders",
    "from_tensor",
    "named",
    "open_domains",
    "open_photos",
    "partners",
    "read_picture",
    "short_side_of",
    "to_pair",
    "to_tensor",
]

SMALLEST_CROP = 32  # pixels; of less, a discriminator sees nothing
IN_MEMORY = 2 * 1024**3  # bytes per domain up to which decoded pictures are kept
FEWEST = 2  # photos; a single one is not a look but a picture

Pixels = NDArray[Any]


class Pair(NamedTuple):
    """A batch, or one item of it without the N.

    `source` and `target` are N×3×H×W in [-1, 1]; `objects`, N×1×H×W in {0, 1}, is 1 where the source shows an object
    (0 everywhere if its folder has no masks); `guide`, N×C×H×W in [-1, 1], is what else is known of the source, see
    `gan.guide` (C is 0 unless the model asks for it).
    """

    source: Tensor
    target: Tensor
    objects: Tensor
    guide: Tensor

    @property
    def told(self) -> Tensor:
        """What a generator is given, N×(3 + C)×H×W: the source, and the guide behind its colours."""
        return torch.cat([self.source, self.guide], -3)


def read_picture(path: Path, *, upright: bool = True) -> Image.Image:
    """The 8-bit RGB picture at `path`; `upright` turns it as its EXIF orientation asks.

    Raises:
        UserError: it cannot be read, or is grey, 16-bit or CMYK: what it would look like in RGB is not ours to guess.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode not in ("RGB", "RGBA", "RGBX", "P", "PA", "YCbCr"):
                kind = {"1": "black and white", "L": "grey", "LA": "grey"}.get(picture.mode, f"of mode {picture.mode}")
                raise UserError(f"{path}: is {kind}, not an 8-bit RGB picture; convert or remove it")
            return (turned(picture) if upright else picture).convert("RGB")
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as an image ({error}); remove or replace it") from None


def to_tensor(pixels: Pixels) -> Tensor:
    """H×W×3 in 0..255 to 3×H×W float in [-1, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1.0


def from_tensor(image: Tensor) -> NDArray[np.uint8]:
    """3×H×W in [-1, 1] to H×W×3 uint8, rounded to the nearest level."""
    levels = ((image.float().clamp(-1, 1) + 1.0) * 127.5).round().to(torch.uint8)
    return levels.permute(1, 2, 0).cpu().contiguous().numpy()


def to_pair(render: Pixels, photo: Pixels) -> Pair:
    """An H×W×(4 + C) array of `Renders` and an H×W×3 one of `Pictures`, as a `Pair` without the N."""
    known = torch.from_numpy(render[..., 3:].copy()).permute(2, 0, 1).float()
    return Pair(to_tensor(render[..., :3]), to_tensor(photo), known[:1], known[1:])


class Pictures:
    """A domain's pictures as H×W×3 uint8, decoded once if they fit into memory, else whenever asked for.

    With `short_side` every picture is resized so that its shorter side has that many pixels.
    """

    def __init__(
        self, paths: Sequence[Path], *, description: str, upright: bool, short_side: int | None = None
    ) -> None:
        self.paths, self.upright, self.short_side = list(paths), upright, short_side
        self.kept: list[Pixels] | None = None
        first = self._read(0)
        if first.nbytes * len(self.paths) <= IN_MEMORY:
            rest = track(range(1, len(self.paths)), description, unit="picture")
            self.kept = [first, *(self._read(index) for index in rest)]

    def _read(self, index: int) -> Pixels:
        picture = read_picture(self.paths[index], upright=self.upright)
        if self.short_side is not None:
            scale = self.short_side / min(picture.size)
            width, height = (max(self.short_side, round(side * scale)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return np.asarray(picture, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Pixels:
        return self.kept[index] if self.kept is not None else self._read(index)

    def part(self, indices: Sequence[int]) -> Self:
        """The pictures of `indices` alone, in that order; what is in memory is shared."""
        part = copy.copy(self)
        part.paths = [self.paths[index] for index in indices]
        part.kept = None if self.kept is None else [self.kept[index] for index in indices]
        return part


class Renders(Pictures):
    """The pictures of a dataset folder as H×W×(4 + C): RGB in 0..255, objects in {0, 1}, then the guide in [-1, 1].

    uint8 without a guide, else float16, which holds all 256 levels. `mirrored` is what a channel is multiplied by when
    the picture is mirrored: -1 for the normals' x.
    """

    def __init__(self, folder: dataset.Dataset, guide: Sequence[str] = ()) -> None:
        self.folder, self.guide = folder, list(guide)
        self.mirrored = np.array([1] * 4 + [sign for name in guide for sign in channels(name)], np.float16)
        paths = [folder.path(image) for image in folder.images]
        super().__init__(paths, description="reading source images", upright=False)

    def _read(self, index: int) -> Pixels:
        image = self.folder.images[index]
        layers = [super()._read(index), (read_instances(self.folder, image) > 0)[..., None]]
        if not self.guide:
            return np.concatenate(layers, axis=-1).astype(np.uint8)
        return np.concatenate([*layers, read_guide(self.folder, image, self.guide)], axis=-1).astype(np.float16)

    def part(self, indices: Sequence[int]) -> Self:
        """As of `Pictures`; the part's `folder` has its images and their annotations alone."""
        part = super().part(indices)
        images = [self.folder.images[index] for index in indices]
        grouped = self.folder.by_image()
        part.folder = replace(
            self.folder, images=images, annotations=[a for image in images for a in grouped[image["id"]]]
        )
        return part


def open_domains(
    source: str | Path, target: str | Path, crop: int, *, aligned: bool = False, guide: Sequence[str] = ()
) -> tuple[Renders, Pictures]:
    """The pictures of dataset folder `source` and of photo folder `target`, the photos brought to the source's scale.

    The scale fits when the shorter side of a photo has as many pixels as the (median) shorter side of the sources.
    With `aligned`, picture i of the target is the one named like picture i of the source (see `named`), as it is.

    Raises:
        UserError: a folder is missing, empty or malformed, a picture is unreadable or a source smaller than `crop`;
            `aligned` and a picture has no partner of its name and size, or is its own.
    """
    renders = dataset.load(source)
    photos = _enough_photos(target)
    for image in renders.images:
        if (side := min(image["width"], image["height"])) < crop:
            fits = f"give crop={side // 4 * 4} or less" if side >= SMALLEST_CROP else "remove it, or render larger"
            raise UserError(
                f"{renders.path(image)}: is {image['width']}×{image['height']}, smaller than crop={crop}; {fits}"
            )
    if aligned:
        ours = named([renders.path(image) for image in renders.images], source)
        photos = partners(ours, named(photos, target), f"{target}; pairs are aligned by name")
        _check_partners(renders, photos)
    short_side = None if aligned else short_side_of(renders)
    return (
        Renders(renders, guide),
        Pictures(photos, description="reading target photos", upright=True, short_side=short_side),
    )


def open_photos(target: str | Path, size: Sequence[int], short_side: int) -> Pictures:
    """The pictures of photo folder `target`, each scaled so that its shorter side has `short_side` pixels.

    Raises:
        UserError: the folder is missing or holds too few, or a picture is unreadable or does not cover `size` (width
            and height) then.
    """
    paths = _enough_photos(target)
    photos = Pictures(paths, description="reading target photos", upright=True, short_side=short_side)
    for index, path in enumerate(paths):
        height, width = photos[index].shape[:2]
        if width < size[0] or height < size[1]:
            wide, high = read_picture(path).size
            raise UserError(
                f"{path}: is {wide}×{high}, which scaled to a shorter side of {short_side} does not cover "
                f"{size[0]}×{size[1]}; give a larger model.zoom"
            )
    return photos


def _enough_photos(target: str | Path) -> list[Path]:
    photos = dataset.list_photos(target)
    if len(photos) < FEWEST:
        raise UserError(f"{target}: holds {len(photos)} photo, too few to learn a look from; give at least {FEWEST}")
    return photos


def short_side_of(folder: dataset.Dataset) -> int:
    """The median shorter side of a folder's pictures in pixels: the scale that photos are brought to."""
    return int(median(min(image["width"], image["height"]) for image in folder.images))


def named(paths: Sequence[Path], folder: str | Path) -> dict[str, Path]:
    """`paths`, pictures of `folder`, each by its path within it (within images/ of a dataset folder) but the suffix.

    Raises:
        UserError: two have one name.
    """
    root = Path(folder)
    if (root / "annotations.json").is_file():
        root /= "images"
    found: dict[str, Path] = {}
    for path in paths:
        name = path.relative_to(root).with_suffix("").as_posix()
        if name in found:
            raise UserError(
                f"{path} and {found[name]}: have one name but for their suffix, so that nobody knows which of them "
                "belongs to a picture of that name; rename or remove one"
            )
        found[name] = path
    return found


def partners(ours: Mapping[str, Path], theirs: Mapping[str, Path], where: str) -> list[Path]:
    """For each of `ours` the one of `theirs` that has its name (see `named`).

    Raises:
        UserError: there is none; `where` says which folder it was looked for in.
    """
    for name, path in ours.items():
        if name not in theirs:
            raise UserError(f"{path}: has no partner of its name in {where}")
    return [theirs[name] for name in ours]


def _check_partners(renders: dataset.Dataset, photos: Sequence[Path]) -> None:
    """Refuse a photo that is its render, or has not its size."""
    for image, photo in zip(renders.images, photos, strict=True):
        if photo.samefile(renders.path(image)):
            raise UserError(
                f"{photo}: would be its own partner; aligned pairs take two folders, such as two renders of one seed "
                "with another look="
            )
        size = read_picture(photo).size
        if size != (image["width"], image["height"]):
            raise UserError(
                f"{photo}: is {size[0]}×{size[1]}, but its partner {renders.path(image)} is "
                f"{image['width']}×{image['height']}; aligned pairs must have equal sizes"
            )
