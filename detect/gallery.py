"""Views of products and their embeddings: a gallery to name things by, and the things to be named.

A gallery is a folder per product of reference pictures, or a dataset folder whose objects are cut out. Nothing is
trained: a product is added by adding pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image as Picture

from coldstart import dataset, training
from coldstart.errors import UserError
from coldstart.features import Lite0Features
from coldstart.pictures import UNREADABLE, rgb, turned
from coldstart.progress import track
from detect.boxes import Floats
from detect.data import targets
from detect.embedding import crop
from detect.inference import check_picture

__all__ = ["View", "embed", "labelled", "read_gallery", "view_crop"]

BATCH = 32


@dataclass(frozen=True)
class View:
    """One thing in a picture: its `box` x y width height in pixels (None: the whole picture), its name if known."""

    picture: Path
    box: tuple[float, ...] | None = None
    name: str | None = None


def labelled(data: dataset.Dataset) -> list[View]:
    """The objects of a dataset folder, picture by picture, without those to be ignored."""
    names = {c["id"]: c["name"] for c in data.categories}
    grouped = data.by_image()
    return [
        View(data.path(image), tuple(a["bbox"]), names[a["category_id"]])
        for image in data.images
        for a in targets(grouped[image["id"]])
    ]


def read_gallery(root: str | Path) -> list[View]:
    """The named views of a dataset folder, or of a folder that holds a folder of pictures for each product.

    Raises:
        UserError: there is no such folder, it holds neither, or a picture in it cannot be read.
    """
    root = Path(root)
    if (root / "annotations.json").is_file():
        views = labelled(dataset.load(root))
    elif root.is_dir():
        products = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
        views = [View(photo, None, product.name) for product in products for photo in dataset.list_photos(product)]
    else:
        raise UserError(f"{root}: no such folder of reference pictures")
    if not views:
        raise UserError(f"{root}: holds no product; give a folder per product of pictures, or a dataset folder")
    for picture in dict.fromkeys(view.picture for view in views):
        check_picture(picture)
    return views


def embed(views: Sequence[View], description: str, accelerator: str = "auto") -> Floats:
    """N×1280, rows of length 1: EfficientNet-Lite0's ImageNet features of the views, fitted into 128×128."""
    where = training.device(accelerator)
    network = Lite0Features().to(where)
    rows = [torch.zeros(0, 1280)]
    crops: list[torch.Tensor] = []
    for i, view in enumerate(track(views, description, unit="object"), start=1):
        crops.append(view_crop(view))
        if len(crops) == BATCH or i == len(views):
            rows.append(network(torch.stack(crops).to(where) / 127.5 - 1).cpu())
            crops = []
    features: Floats = torch.nn.functional.normalize(torch.cat(rows).double()).numpy()
    return features


def view_crop(view: View) -> torch.Tensor:
    """3×128×128 uint8; a whole picture is turned upright first, a box is meant for stored pixels.

    Raises:
        UserError: the picture cannot be read.
    """
    try:
        with Picture.open(view.picture) as opened:
            picture = rgb(opened if view.box else turned(opened))
    except UNREADABLE as error:
        raise UserError(f"{view.picture}: cannot be read as an image ({error})") from None
    return crop(picture, view.box or (0, 0, *picture.size))
