"""What all formats share: the files that belong to an image, names and boxes that every format can hold."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from coldstart.dataset import Dataset, Image, within
from coldstart.errors import UserError
from coldstart.pictures import opened, rgb

__all__ = ["Files", "Output", "Reading", "Tolerate", "carried", "check_writable", "clipped", "companions"]
__all__ += ["inside", "is_file", "moved", "named", "places", "refuse", "stored_size", "upright_size"]

Files = Mapping[str, bytes]  # path in the folder, with slashes -> content
# What a reader does with what it could leave out (`picture`, `label`), repair (`size`, `id`) or hand on (`turned`):
# raise it, or note it.
Tolerate = Callable[[str, UserError], None]
PASSES = ("depth", "normals", "albedo")
ORIENTATION = 0x0112  # EXIF tag


class Output(NamedTuple):
    """A folder to be: what stands for all of it, and the files of each image in turn."""

    head: Files
    pictures: Iterator[Files]


class Reading(NamedTuple):
    """What a folder in another format holds, and the files (pictures and companions) of each image in turn."""

    dataset: Dataset
    pictures: Iterator[Files]


def refuse(kind: str, error: UserError) -> None:
    """Tolerate nothing: a reader stops at the first fault."""
    raise error


def inside(folder: Path, path: Path) -> Path:
    """`path`, which must lie in `folder`.

    Raises:
        UserError: it leads out of the folder, by `..`, as an absolute path or through a link.
    """
    try:
        if path.resolve().is_relative_to(folder.resolve()):
            return path
    except (ValueError, RuntimeError):  # a null byte; a link to itself
        pass
    raise _outside(folder, path)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that is too long for one is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def named(folder: Path, path: Path) -> str:
    """The name of `path` by its place in `folder`, with slashes, however it was written; no link is followed.

    Raises:
        UserError: there is none, or it leads out of the folder.
    """
    name = os.path.relpath(path, folder)
    if not within(name):
        raise _outside(folder, path)
    return Path(name).as_posix()


def _outside(folder: Path, path: Path) -> UserError:
    return UserError(f"{folder}: {str(path)!r} leaves the folder; put the file into it and name it by its path there")


def places(dataset: Dataset, image: Image) -> dict[str, Path]:
    """Where the companions of `image` (mask, passes, scene record) belong, as path in the folder -> path.

    Raises:
        UserError: the image's `scene` leads out of scenes/ by a link.
    """
    paths = [dataset.mask_path(image), *(dataset.pass_path(image, name) for name in PASSES)]
    if scene := dataset.scene_path(image):
        paths.append(inside(dataset.root / "scenes", scene))
    return {named(dataset.root, path): path for path in paths}


def companions(dataset: Dataset, image: Image) -> dict[str, Path]:
    """Those of the image's `places` where there is a file."""
    return {name: path for name, path in places(dataset, image).items() if path.is_file()}


def moved(image: Image, root: Path, new_root: Path) -> Image:
    """The record of `image` in a copy of its folder `root`: its `source` leads to the same picture from there."""
    if not image.get("source"):
        return image
    origin = (root / image["source"]).resolve()
    return {**image, "source": Path(os.path.relpath(origin, new_root.resolve())).as_posix()}


def carried(dataset: Dataset, image: Image, prefix: str = "") -> dict[str, bytes]:
    """The companions of `image` and their content, their paths behind `prefix`."""
    return {prefix + name: path.read_bytes() for name, path in companions(dataset, image).items()}


def clipped(box: list[float], image: Image) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part of a COCO `box` that lies in its image, pixels."""
    x, y, width, height = box
    return (
        min(max(x, 0.0), image["width"]),
        min(max(y, 0.0), image["height"]),
        max(min(x + width, image["width"]), 0.0),
        max(min(y + height, image["height"]), 0.0),
    )


def check_writable(dataset: Dataset, label_file: Callable[[Image], str]) -> None:
    """Refuse what a format of one label file an image cannot hold: names, shared label files, turned pictures.

    Raises:
        UserError: as said; the line names the class or the image.
    """
    names = [("class", c["name"]) for c in dataset.categories] + [("image", i["file_name"]) for i in dataset.images]
    for kind, name in names:
        if not name.isprintable() or name != name.strip() or not name:
            raise UserError(
                f"{dataset.root}: {kind} {name!r} has blanks at its ends or unprintable characters; rename it"
            )
    seen: dict[str, Image] = {}
    for image in dataset.images:
        name = label_file(image)
        other = seen.setdefault(name.casefold(), image)
        if other is not image:
            raise UserError(
                f"{dataset.root}: images {other['file_name']!r} and {image['file_name']!r} would share {name}; "
                "rename one"
            )
    for image in dataset.images:
        upright_size(dataset.path(image))


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, pixels.

    Raises:
        UserError: it cannot be read, or it is stored turned: tools disagree on whether its boxes are meant for the
            pixels as stored or as shown.
    """
    size, orientation = stored_size(path)
    if orientation != 1:
        raise UserError(
            f"{path}: is stored turned or mirrored (EXIF orientation {orientation}), and trainers disagree on what its "
            "boxes refer to; store it upright (for example with `mogrify -auto-orient`) and check its boxes"
        )
    return size


def stored_size(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a picture as its pixels are stored, and its EXIF orientation, 1 (as they are shown) to 8.

    Raises:
        UserError: it cannot be read to its end, has more than 8 bits, or is so large that it must be a mistake or an
            attack.
    """
    with opened(path) as picture:
        size, orientation = picture.size, picture.getexif().get(ORIENTATION, 1)
        picture.draft("RGB", (1, 1))  # an eighth of a JPEG's size is enough to see whether all of it is there
        rgb(picture)
    return size, orientation if orientation in range(2, 9) else 1  # what means nothing is passed over by every viewer
