"""What a render knows of itself beside its colours, as channels that a generator can be told (its `guide`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.dataset import Dataset, Image
from coldstart.errors import UserError
from coldstart.passes import read_albedo, read_depth, read_normals

__all__ = ["GUIDES", "channels", "read_guide"]

Floats = NDArray[np.float32]


def _depth(path: Path) -> Floats:
    return (2 / (1 + read_depth(path)) - 1)[..., None]


def _albedo(path: Path) -> Floats:
    return 2 * read_albedo(path) ** np.float32(1 / 2.2) - 1


# name: what mirroring multiplies each channel by, and how its file is read to H×W×C in [-1, 1] (edges: from the mask)
GUIDES: dict[str, tuple[tuple[int, ...], Callable[[Path], Floats] | None]] = {
    "depth": ((1,), _depth),  # 1 at the camera, -1 at infinity
    "normals": ((-1, 1, 1), read_normals),  # camera axes, x to the right
    "albedo": ((1, 1, 1), _albedo),
    "edges": ((1,), None),  # 1 on both sides of the border of an instance, else -1
}


def channels(name: str) -> tuple[int, ...]:
    """What mirroring multiplies each channel of guide `name` by.

    Raises:
        UserError: there is no such guide.
    """
    if name not in GUIDES:
        raise UserError(f"model.generator.guide: {name!r} is none of {', '.join(GUIDES)}")
    return GUIDES[name][0]


def read_guide(folder: Dataset, image: Image, name: str, instances: NDArray[Any]) -> Floats:
    """H×W×C in [-1, 1]: guide `name` of `image`, `instances` being its H×W mask.

    Raises:
        UserError: the folder has no such pass for it, or one that is no PNG of ours or has another size.
    """
    read = GUIDES[name][1]
    if read is None:
        return _edges(instances)
    path = folder.pass_path(image, name)
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; render with passes=[depth,normals,albedo] or give model.generator.guide=[edges]"
        )
    values = read(path)
    if values.shape[:2] != instances.shape:
        raise UserError(f"{path}: is {values.shape[1]}×{values.shape[0]}, its picture is not")
    return values


def _edges(instances: NDArray[Any]) -> Floats:
    edge = np.full(instances.shape, -1, np.float32)
    down, right = instances[1:] != instances[:-1], instances[:, 1:] != instances[:, :-1]
    edge[1:][down] = edge[:-1][down] = 1
    edge[:, 1:][right] = edge[:, :-1][right] = 1
    return edge[..., None]
