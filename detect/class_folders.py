"""Pictures in a folder for each class: found, read, and split without parting what shows the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from coldstart import groups
from coldstart.dataset import Annotation, Dataset, Image, categories_from, list_photos
from coldstart.duplicates import near_duplicates
from coldstart.errors import UserError
from coldstart.pictures import UNREADABLE, rgb, turned
from coldstart.split import choose
from detect.letterbox import Letterbox

__all__ = ["ClassFolders", "Sides", "find", "read", "split"]


@dataclass(frozen=True)
class ClassFolders:
    """Class names in alphabetical order, and N pictures with their classes as places in `names`."""

    root: Path
    names: list[str]
    paths: list[Path]
    labels: list[int]

    def counts(self) -> dict[str, int]:
        """Pictures of each class."""
        return {name: self.labels.count(k) for k, name in enumerate(self.names)}

    def name(self, place: int) -> str:
        """The path of a picture below `root`."""
        return self.paths[place].relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Sides:
    """Places of the pictures to train on, and to test on; `test_groups` numbers the test pictures' groups from 0."""

    train: list[int]
    test: list[int]
    test_groups: list[int]


def find(root: str | Path) -> ClassFolders:
    """The pictures in the folders of `root`, each of which is a class; says which other files are left out.

    Raises:
        UserError: there is no such folder, it holds fewer than two classes, a class without a picture, or a picture
            that lies elsewhere.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) < 2:
        raise UserError(f"{root}: holds {len(folders)} folders of pictures; give one for each of two or more classes")
    paths, labels = [], []
    for k, folder in enumerate(folders):
        for photo in list_photos(folder):
            if not photo.resolve().is_relative_to(root.resolve()):
                raise UserError(f"{photo}: leads out of {root}; put the picture itself there")
            paths.append(photo)
            labels.append(k)
    kept = {*paths, *folders}
    others = sorted(
        p.relative_to(root).as_posix()
        for p in [*root.iterdir(), *(q for f in folders for q in f.iterdir())]
        if p not in kept
    )
    if others:
        print(f"{root}: {len(others)} left out that are no pictures in a class: {', '.join(others)}")
    return ClassFolders(root, [f.name for f in folders], paths, labels)


def read(path: Path, size: tuple[int, int]) -> Tensor:
    """3×H×W uint8, upright, shrunk to at most twice `size` (width, height) so that crops stay sharp.

    Raises:
        UserError: the file is no readable picture.
    """
    try:
        with Picture.open(path) as opened:
            picture = rgb(turned(opened))
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as an image ({error})") from None
    inner = Letterbox(picture.size, (2 * size[0], 2 * size[1])).inner
    if inner[0] < picture.width:
        picture = picture.resize(inner, Picture.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def split(found: ClassFolders, pictures: Sequence[Tensor], train: int | float, seed: int, *, apart: bool) -> Sides:
    """Train and test, stratified over the classes as in `coldstart.split`.

    With `apart`, near duplicates (`coldstart.duplicates`) stay on one side. `pictures` are those of `found`, read.

    Raises:
        UserError: a side would be empty; or the same file lies in the folders of two classes.
    """
    pairs = near_duplicates(found.paths) if apart else []
    for pair in pairs:
        if pair.identical and found.labels[pair.first] != found.labels[pair.second]:
            one, other = found.name(pair.first), found.name(pair.second)
            raise UserError(f"{found.root}: {one} and {other} are the same file in two classes; remove one of them")
    grouped = groups.connected(range(len(found.paths)), [(pair.first, pair.second) for pair in pairs])
    if apart:
        print(f"{len(found.paths)} pictures, {len(grouped)} groups of near duplicates that stay together")
    sides = choose(_dataset(found, pictures), train, seed, grouped=[sorted(group) for group in grouped])
    test = sorted(sides["test"])
    number = {place: g for g, group in enumerate(grouped) for place in group}
    _, test_groups = np.unique([number[place] for place in test], return_inverse=True)
    return Sides(sorted(sides["train"]), test, test_groups.tolist())


def _dataset(found: ClassFolders, pictures: Sequence[Tensor]) -> Dataset:
    """Each picture as an image with one box, all of it; an image's id is its place."""
    images: list[Image] = []
    annotations: list[Annotation] = []
    for i, (picture, label) in enumerate(zip(pictures, found.labels, strict=True)):
        height, width = picture.shape[-2:]
        images.append({"id": i, "file_name": found.name(i), "width": width, "height": height})
        box = [0.0, 0.0, float(width), float(height)]
        annotations.append({"id": i, "image_id": i, "category_id": label + 1, "bbox": box, "iscrowd": 0})
    return Dataset(found.root, images, annotations, categories_from(found.names))
