"""What a render knows of itself beside its colours, as channels that a generator can be told (its `guide`)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from coldstart.dataset import Dataset, Image
from coldstart.errors import UserError
from coldstart.passes import read_albedo, read_depth, read_normals
from coldstart.pictures import UNREADABLE

__all__ = ["GUIDES", "channels", "check_mask", "guide_channels", "read_guide", "read_instances"]

Floats = NDArray[np.float32]


def _depth(path: Path) -> Floats:
    return (2 / (1 + read_depth(path)) - 1)[..., None]


def _albedo(path: Path) -> Floats:
    return 2 * read_albedo(path) ** np.float32(1 / 2.2) - 1


def _edges(instances: NDArray[Any]) -> Floats:
    edge = np.full(instances.shape, -1, np.float32)
    down, right = instances[1:] != instances[:-1], instances[:, 1:] != instances[:, :-1]
    edge[1:][down] = edge[:-1][down] = 1
    edge[:, 1:][right] = edge[:, :-1][right] = 1
    return edge[..., None]


def _objects(instances: NDArray[Any]) -> Floats:
    return np.where(instances > 0, np.float32(1), np.float32(-1))[..., None]


# By name, what mirroring multiplies each channel by, and what makes H×W×C in [-1, 1] of the file of a pass …
PASSES: dict[str, tuple[tuple[int, ...], Callable[[Path], Floats]]] = {
    "depth": ((1,), _depth),  # 1 at the camera, -1 at infinity
    "normals": ((-1, 1, 1), read_normals),  # camera axes, x to the right
    "albedo": ((1, 1, 1), _albedo),
}
# … or of the instances.
MASKED: dict[str, tuple[tuple[int, ...], Callable[[NDArray[Any]], Floats]]] = {
    "edges": ((1,), _edges),  # 1 on both sides of the border of an instance, else -1
    "objects": ((1,), _objects),  # 1 where there is an object, else -1
}
GUIDES = PASSES | MASKED


def channels(name: str) -> tuple[int, ...]:
    """What mirroring multiplies each channel of guide `name` by.

    Raises:
        UserError: there is no such guide.
    """
    if name not in GUIDES:
        raise UserError(f"model.generator.guide: {name!r} is none of {', '.join(GUIDES)}")
    return GUIDES[name][0]


def guide_channels(names: Sequence[str]) -> int:
    """How many channels the guides `names` have together."""
    return sum(len(channels(name)) for name in names)


def check_mask(folder: Dataset, image: Image, what: str) -> None:
    """Refuse to go on without the mask of `image`, which `what` is made from.

    Raises:
        UserError: the folder has none.
    """
    path = folder.mask_path(image)
    if not path.is_file():
        raise UserError(f"{path}: no such file; {what} needs renders with masks/: give such or do without it")


def read_instances(folder: Dataset, image: Image) -> NDArray[Any]:
    """H×W instance values of `image`, 0 everywhere if the folder has no mask for it.

    Raises:
        UserError: the mask cannot be read or is of another size than the picture.
    """
    path, size = folder.mask_path(image), (image["height"], image["width"])
    if not path.is_file():
        return np.zeros(size, np.uint16)
    try:
        with Picture.open(path) as picture:
            values = np.asarray(picture)
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as a mask ({error}); restore it or remove masks/") from None
    if values.shape != size:
        raise UserError(f"{path}: is no mask of its picture's {size[1]}×{size[0]}; restore it or remove masks/")
    return values


def read_guide(folder: Dataset, image: Image, names: Sequence[str]) -> Floats:
    """The guides `names` of `image`, H×W×C in [-1, 1].

    Raises:
        UserError: the folder lacks one for it, or has one that is no PNG of ours or of another size.
    """
    layers = [np.zeros((image["height"], image["width"], 0), np.float32)]
    for name in names:
        if name in MASKED:
            check_mask(folder, image, f"the guide {name}")
            layers.append(MASKED[name][1](read_instances(folder, image)))
            continue
        path = folder.pass_path(image, name)
        if not path.is_file():
            raise UserError(
                f"{path}: no such file; render with passes=[depth,normals,albedo] or give model.generator.guide=[edges]"
            )
        layers.append(PASSES[name][1](path))
        if layers[-1].shape[:2] != layers[0].shape[:2]:
            raise UserError(f"{path}: is {layers[-1].shape[1]}×{layers[-1].shape[0]}, its picture is not")
    return np.concatenate(layers, axis=-1)
