"""Pictures that show the same thing: copies, resized, recompressed, brightened or mirrored ones, and the next frame.

Two distances tell: the perceptual hash (pHash of 256 bits, as `imagehash` computes it, also of the mirrored picture)
finds altered copies, whatever their colours; the cosine of network features finds the same view a little later or
moved, of which the hash knows only that the layout is alike. docs/doctor.md has the distances behind the limits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageOps

from coldstart.dataset import sha256
from coldstart.groups import connected
from coldstart.pictures import opened, rgb, turned
from coldstart.progress import track

__all__ = ["BITS", "COSINE", "Pair", "grouped", "near_duplicates"]

HASH_SIDE = 16  # a hash has this many bits squared; with the usual 8, pictures of one camera are all alike
BITS = 32  # of 256 that may differ
COSINE = 0.94  # of features, from which content counts as the same
LAYOUT = 96  # bits that may differ then: unrelated pictures differ in 128, standard deviation 8
SIDE = 224  # pixels that the network sees
BLOCK = 1024  # pictures whose distances to all others are in memory at once


@dataclass(frozen=True)
class Pair:
    """Two pictures by their places in the list, `first` < `second`, that are copies or nearly so.

    `bits` is the Hamming distance of their hashes (0 to 256), with one of them mirrored if `mirrored`; `cosine` that of
    their features (-1 to 1), which mirroring hardly changes; `identical` files agree in every byte.
    """

    first: int
    second: int
    bits: int
    cosine: float
    mirrored: bool
    identical: bool


def near_duplicates(paths: Sequence[Path], *, bits: int = BITS, cosine: float = COSINE) -> list[Pair]:
    """The pairs of `paths` within `bits`, or alike from `cosine` on, closest first. EXIF orientation is applied.

    Raises:
        UserError: a file is missing or no readable picture, or the network's weights are not installed.
    """
    if len(paths) < 2:
        return []
    digests = np.array([sha256(path) for path in paths])
    plain, mirrored, features = _described(paths)
    found = []
    for start in range(0, len(paths), BLOCK):
        block = slice(start, start + BLOCK)
        straight, turned = _distance(plain[block], plain), _distance(plain[block], mirrored)
        least, cosines = np.minimum(straight, turned), features[block] @ features.T
        for row, other in np.argwhere((least <= bits) | (least <= LAYOUT) & (cosines >= cosine)):
            if start + row < other:
                found.append(
                    Pair(
                        first=int(start + row),
                        second=int(other),
                        bits=int(least[row, other]),
                        cosine=round(min(float(cosines[row, other]), 1.0), 4),
                        mirrored=bool(turned[row, other] < straight[row, other]),
                        identical=bool(digests[start + row] == digests[other]),
                    )
                )
    return sorted(found, key=lambda p: (not p.identical, p.bits, -p.cosine, p.first, p.second))


def grouped(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Groups of two or more of `count` pictures that `pairs` connect, each in the order of the list."""
    groups = connected(range(count), [(p.first, p.second) for p in pairs])
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _described(paths: Sequence[Path]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Hashes as they are and mirrored (each N×256, ±1), and unit features (N×1280)."""
    import torch  # takes seconds, which only those who compare pictures should wait for

    from coldstart.features import Lite0Features

    network = Lite0Features()
    rows = []
    for small in track(_thumbnails(paths), "comparing pictures", total=len(paths), unit="img"):
        pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 127.5 - 1
        features = torch.nn.functional.normalize(network(pixels))[0].numpy()
        rows.append((_hash(small), _hash(ImageOps.mirror(small)), features))
    plain, mirrored, seen = (np.stack(column) for column in zip(*rows, strict=True))
    return plain, mirrored, seen


def _thumbnails(paths: Sequence[Path]) -> Iterator[Picture.Image]:
    for path in paths:
        with opened(path) as picture:
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # decodes a large JPEG at a fraction of its size
            upright = rgb(turned(picture))
        yield upright.resize((SIDE, SIDE), Picture.Resampling.BILINEAR)


def _hash(picture: Picture.Image) -> NDArray[np.float32]:
    return np.where(imagehash.phash(picture, HASH_SIDE).hash.ravel(), 1, -1).astype(np.float32)


def _distance(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64]:
    """Hamming distances, N×M, of hashes N×256 and M×256 of ±1."""
    return ((HASH_SIDE**2 - one @ other.T) / 2).round().astype(np.int64)
