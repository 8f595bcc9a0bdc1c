"""What is trained on: a crop of a render and the crop of a photo that it is shown with, or crops of photos alone."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from gan.data import Pair, Pictures, Pixels, Renders, to_pair, to_tensor
from gan.pairing import Spot, pairing, random_spot, shuffled

__all__ = ["Crops", "From", "PhotoCrops"]


class Crops(Dataset[Pair]):
    """Item `index` is a random crop of a source and one of a target, mirrored half of the time.

    They depend on `seed` and `index` alone, so that a resumed training sees what the uninterrupted one would have
    seen. All sources come before one comes again; where the target's crop is taken, `kind` says (see `gan.pairing`).
    """

    def __init__(self, domains: tuple[Renders, Pictures], kind: str, *, crop: int, length: int, seed: int) -> None:
        self.source, self.target = domains
        self.crop, self.length, self.seed = crop, length, seed
        self.partner = pairing(kind, *domains, crop, seed)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Pair:
        random = np.random.default_rng([self.seed, 1, index])
        spot = random_spot(self.source, shuffled(index, len(self.source), self.seed, 0), self.crop, random)
        partner = self.partner(index, spot, random)
        render = self._cut(self.source, spot)
        if spot.mirror:
            render = (render * self.source.mirrored).astype(render.dtype)
        return to_pair(render, self._cut(self.target, partner))

    def _cut(self, pictures: Pictures, spot: Spot) -> Pixels:
        cut = pictures[spot.picture][spot.y : spot.y + self.crop, spot.x : spot.x + self.crop]
        return cut[:, ::-1] if spot.mirror else cut


class PhotoCrops(Dataset[Pair]):
    """Item `index` is a crop of a photo, mirrored half of the time: the target of a pair whose source has no pixels.

    `size` is its width and height, which every photo must cover. Depends on `seed` and `index` alone, as in `Crops`.
    """

    def __init__(self, photos: Pictures, size: list[int], *, length: int, seed: int) -> None:
        self.photos, self.size, self.length, self.seed = photos, size, length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Pair:
        random = np.random.default_rng([self.seed, 1, index])
        pixels = self.photos[shuffled(index, len(self.photos), self.seed, 1)]
        (height, width), (wide, high) = pixels.shape[:2], self.size
        y, x = int(random.integers(height - high + 1)), int(random.integers(width - wide + 1))
        cut = pixels[y : y + high, x : x + wide]
        nothing = torch.empty(0, 0, 0)
        return Pair(nothing, to_tensor(cut[:, ::-1] if random.random() < 0.5 else cut), nothing, nothing)


class From(Sampler[int]):
    """Indices `start`, `start` + `every`, … below `total`, one process's share of them.

    Its length is that of the share from 0 on, as Lightning's resume counts.
    """

    def __init__(self, start: int, total: int, every: int = 1) -> None:
        self.start, self.total, self.every = start, total, every

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.total, self.every))

    def __len__(self) -> int:
        return self.total // self.every
