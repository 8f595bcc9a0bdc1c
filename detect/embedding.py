"""How a detector's backbone sees objects: features of their crops, a map of them, and how far domains lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor, nn

from coldstart import training
from coldstart.dataset import Dataset
from coldstart.pictures import opened, rgb, spread
from coldstart.progress import track
from detect.boxes import Floats, Ints
from detect.data import targets
from detect.detectors import Checkpoint
from detect.letterbox import letterbox

__all__ = ["Crops", "crop", "crop_features", "domain_gap", "tsne"]

SIDE = 128  # pixels of a crop, in which the whole object stands
MARGIN = 0.1  # of the box's sides, shown around it
BATCH = 32
NEIGHBOURS = 5


@dataclass(frozen=True)
class Crops:
    """N objects of one domain: `features` N×C and `category`, places in the class names they were asked for by."""

    features: Floats
    category: Ints


def crop_features(
    checkpoint: Checkpoint, data: Dataset, names: Sequence[str], count: int, accelerator: str = "auto"
) -> Crops:
    """Features of at most `count` objects of the classes in `names`, spread over the folder; those to be ignored are
    left out. An object is cut out and fitted into 128×128, so that its place and size in the picture do not tell.
    The features are the means of the backbone's maps (those the detector's head is given), one after the other.
    """
    where = training.device(accelerator)
    model = checkpoint.model.to(where).eval()
    place = {c["id"]: names.index(c["name"]) for c in data.categories if c["name"] in names}
    images = {image["id"]: image for image in data.images}
    wanted = [a for a in targets(data.annotations) if a["category_id"] in place]
    by_class = sorted(wanted, key=lambda a: (place[a["category_id"]], a["id"]))
    chosen = sorted(spread(by_class, count), key=lambda a: a["image_id"])
    crops: list[Tensor] = []
    features: list[Tensor] = []
    shown, picture = None, Picture.new("RGB", (1, 1))
    for i, annotation in enumerate(track(chosen, f"objects of {data.root.name}", unit="object"), start=1):
        if annotation["image_id"] != shown:
            shown = annotation["image_id"]
            with opened(data.path(images[shown])) as file:
                picture = rgb(file)
        crops.append(crop(picture, annotation["bbox"]).to(where).float() / 255)
        if len(crops) == BATCH or i == len(chosen):
            features.append(_pooled(model, crops))
            crops = []
    categories = np.array([place[a["category_id"]] for a in chosen], dtype=np.int64)
    return Crops(torch.cat(features).double().numpy() if features else np.zeros((0, 1)), categories)


def _pooled(model: nn.Module, crops: list[Tensor]) -> Tensor:
    """N×C: the means of the maps that the backbone hands on while the detector looks at N crops, 3×H×W in 0..1."""
    seen: list[Tensor] = []
    hook = model.backbone.register_forward_hook(lambda _module, _inputs, output: seen.extend(_maps(output)))  # type: ignore[union-attr]
    try:
        with torch.inference_mode(), training.autocast("auto", crops[0].device):
            model(crops)
    finally:
        hook.remove()
    return torch.cat([m.float().mean(dim=(2, 3)) for m in seen], dim=1).cpu()


def _maps(output: Any) -> list[Tensor]:
    """The N×C×H×W tensors in what a backbone returns: dicts, lists, and RF-DETR's pairs of tensor and mask."""
    if isinstance(output, Tensor):
        return [output] if output.ndim == 4 else []
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, list | tuple):
        return [m for part in output for m in _maps(part)]
    return _maps(output.tensors) if hasattr(output, "tensors") else []


def crop(picture: Picture.Image, box: Sequence[float]) -> Tensor:
    """3×128×128 uint8; what sticks out of the picture is cut off."""
    x, y, width, height = box
    left = min(max(0, round(x - MARGIN * width)), picture.width - 1)
    top = min(max(0, round(y - MARGIN * height)), picture.height - 1)
    right, bottom = round(x + (1 + MARGIN) * width), round(y + (1 + MARGIN) * height)
    corners = left, top, min(picture.width, max(right, left + 1)), min(picture.height, max(bottom, top + 1))
    pixels = torch.from_numpy(np.array(picture.crop(corners))).permute(2, 0, 1)
    return letterbox(pixels, (SIDE, SIDE))[0]


def tsne(features: Floats, seed: int = 0) -> Floats:
    """N×2: t-SNE (van der Maaten & Hinton 2008) of standardised features, the first 50 principal components of them.

    Only neighbourhoods mean something; distances between groups and their sizes do not. Needs N above 3.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    reduced = PCA(min(50, *features.shape), random_state=seed).fit_transform(_standardised(features))
    perplexity = min(30.0, (len(features) - 1) / 3)
    points: Floats = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return points.astype(float)


def domain_gap(a: Crops, b: Crops, seed: int = 0) -> dict[str, float | int | None]:
    """How far two domains lie apart in the features themselves, on equally many objects of each class from both.

    `own_domain`: the share of an object's 5 nearest neighbours that are of its domain: about 0.5 (`chance`) where the
    domains cannot be told apart, 1 where they do not touch (if there are more than 5 objects of each
    class). `class_across`: the share of `a`'s objects whose nearest neighbour in `b` is of their class. None with fewer
    than 6 objects in both together.
    """
    rng = np.random.default_rng(seed)
    first: list[Ints] = []
    second: list[Ints] = []
    for k in np.intersect1d(a.category, b.category):
        there, here = np.flatnonzero(a.category == k), np.flatnonzero(b.category == k)
        count = min(len(there), len(here))
        first.append(rng.permutation(there)[:count])
        second.append(rng.permutation(here)[:count])
    n = sum(map(len, first))
    if 2 * n <= NEIGHBOURS:
        return {"objects": n, "own_domain": None, "chance": None, "class_across": None}
    rows = np.concatenate(first), np.concatenate(second)
    points = _standardised(np.concatenate([a.features[rows[0]], b.features[rows[1]]]))
    domain = np.repeat([0, 1], n)
    category = np.concatenate([a.category[rows[0]], b.category[rows[1]]])
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * points @ points.T
    across = category[n + distances[:n, n:].argmin(axis=1)] == category[:n]
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
    return {
        "objects": n,
        "own_domain": float((domain[nearest] == domain[:, None]).mean()),
        "chance": (n - 1) / (2 * n - 1),
        "class_across": float(across.mean()),
    }


def _standardised(features: Floats) -> Floats:
    scale = features.std(axis=0)
    standard: Floats = (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1)
    return standard
