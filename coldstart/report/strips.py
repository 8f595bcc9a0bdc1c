"""Renders beside what the translators make of them, beside the photo that looks most alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from coldstart.dataset import Dataset
from coldstart.features import Lite0Features, extract
from coldstart.pictures import data_uri, opened, spread
from coldstart.progress import track
from coldstart.report.parts import SOURCE, Results, command, dataset, translations

__all__ = ["Group", "Shown", "groups", "nearest"]

ROWS, WIDTH = 4, 360  # strips of a translator; pixels of a picture
PHOTOS = 200  # among which the nearest is looked for, evenly picked
SIDE = 224  # pixels of the shorter side, what the network was trained on

Floats = NDArray[np.float32]
Rows = list[list["Shown"]]


@dataclass(frozen=True)
class Shown:
    """A picture with what stands below it; `uri` is None if it is missing."""

    caption: str
    uri: str | None


@dataclass(frozen=True)
class Group:
    """Strips of one translator (or of the renders alone), and the command that makes its pictures."""

    title: str
    rows: Rows
    command: str | None


def groups(results: Results) -> list[Group]:
    """Strips of every translator; of the renders if there is none.

    The nearest photo is looked for among those that the translator of this fold may learn from.
    """
    trains = {fold["name"]: fold["train"]["folder"] for fold in results["folds"]}
    parts = translations(results) or [part for part in results["synthetic"] if part["name"] == SOURCE]
    network = Lite0Features()
    known: dict[str, tuple[list[Path], Tensor]] = {}
    found = []
    for part in parts:
        made = dataset(part["folder"])
        train = trains.get(part["fold"]) or next(iter(trains.values()))
        if made is None:
            continue
        if train not in known:
            photos = _pictures(dataset(train))
            known[train] = photos, _features(network, photos)
        rows = _rows(made, part["name"] != SOURCE, network, *known[train])
        taught = f", taught by the photos of {part['fold']}" if part["fold"] and len(trains) > 1 else ""
        title = "Renders" if part["name"] == SOURCE else f"Translator {part['name']}{taught}"
        found.append(Group(title, rows, command(results, part["folder"])))
    return found


def _rows(
    made: Dataset, translated: bool, network: Lite0Features, photos: list[Path], known: Tensor
) -> list[list[Shown]]:
    images = spread(made.images, ROWS)
    found = nearest(_features(network, [made.path(image) for image in images]), known)
    rows = []
    for n, image in enumerate(images):
        row = [Shown("translation" if translated else "render", data_uri(made.path(image), WIDTH))]
        if translated:
            row.insert(0, Shown("render", data_uri(made.root / image["source"], WIDTH) if "source" in image else None))
        if found:
            place, alike = found[n]
            row.append(Shown(f"nearest photo: {photos[place].name} ({alike:.2f})", data_uri(photos[place], WIDTH)))
        rows.append(row)
    return rows


def nearest(pictures: Tensor, photos: Tensor) -> list[tuple[int, float]]:
    """For each of N rows of features the place of the most alike of M and their cosine; empty if M is 0."""
    if not len(photos):
        return []
    best = (normalize(pictures) @ normalize(photos).T).max(dim=1)
    return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))


def _pictures(photos: Dataset | None) -> list[Path]:
    paths = [photos.path(image) for image in spread(photos.images, PHOTOS)] if photos else []
    return [path for path in paths if path.is_file()]


def _features(network: Lite0Features, paths: Sequence[Path]) -> Tensor:
    if not paths:
        return torch.zeros(0, 1280)
    return extract(network, (_read(path) for path in track(paths, "report: compare pictures", unit="img")))


def _read(path: Path) -> Tensor:
    """1×3×H×W in [-1, 1], the shorter side brought to what the network knows."""
    with opened(path) as picture:
        scale = SIDE / min(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        pixels: Floats = np.asarray(picture.convert("RGB").resize(size), dtype=np.float32)
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None]
