"""Which place of which photo each crop of a render is shown with (`pairing`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from coldstart.backbone import efficientnet_lite0, standardised
from coldstart.progress import track
from gan.data import Pictures, Renders, to_tensor

__all__ = ["PAIRINGS", "Partner", "Spot", "pairing", "random_spot", "shuffled"]

NEAREST = 10  # crops of photos among which one is drawn, as in Richter et al. 2021
CELL = 32  # pixels per feature


@dataclass(frozen=True)
class Spot:
    """A crop of picture number `picture` whose upper left corner is (x, y) in pixels, mirrored or not."""

    picture: int
    y: int
    x: int
    mirror: bool


class Partner(Protocol):
    """Which spot of a photo goes with a spot of a render."""

    def __call__(self, index: int, spot: Spot, random: np.random.Generator) -> Spot:
        """The photo's spot for pair number `index`, whose render is cut at `spot`."""


def random_spot(pictures: Pictures, picture: int, crop: int, random: np.random.Generator) -> Spot:
    """Anywhere in `picture`, mirrored half of the time."""
    height, width = pictures[picture].shape[:2]
    y, x = random.integers(height - crop + 1), random.integers(width - crop + 1)
    return Spot(picture, int(y), int(x), random.random() < 0.5)


def shuffled(index: int, count: int, seed: int, domain: int) -> int:
    """Which of `count` pictures comes at `index`, when every round through them has an order of its own."""
    return int(_order(index // count, count, seed, domain)[index % count])


@lru_cache(maxsize=8)
def _order(round_: int, count: int, seed: int, domain: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 2 + domain, round_]).permutation(count)


@dataclass(frozen=True)
class Unpaired:
    """Anywhere in any photo; all photos come before one comes again."""

    target: Pictures
    crop: int
    seed: int

    def __call__(self, index: int, spot: Spot, random: np.random.Generator) -> Spot:
        """The spot that goes with the pair's number, whatever `spot` is."""
        return random_spot(self.target, shuffled(index, len(self.target), self.seed, 1), self.crop, random)


@dataclass(frozen=True)
class Content:
    """Where photos look like the render's crop: drawn from the `NEAREST` of `spots`, described by unit vectors M×C.

    As Richter et al. 2021 (arXiv 2105.04619) match patches, so that no discriminator can learn that one domain has more
    shelf and less bottle than the other; here by the mean feature of a crop.
    """

    renders: list[Tensor]
    spots: list[Spot]
    described: Tensor
    crop: int

    def __call__(self, index: int, spot: Spot, random: np.random.Generator) -> Spot:
        """One of the spots most like `spot`."""
        likeness = self.described @ _described(self.renders[spot.picture], spot, self.crop)
        best = likeness.topk(min(NEAREST, len(self.spots))).indices
        return replace(self.spots[int(best[random.integers(len(best))])], mirror=random.random() < 0.5)


@dataclass(frozen=True)
class Fixed:
    """The same place, as far as sizes allow, of the photo that belongs to the render for good."""

    partners: Sequence[int]
    source: Renders
    target: Pictures
    crop: int

    def __call__(self, index: int, spot: Spot, random: np.random.Generator) -> Spot:
        """`spot` in its partner."""
        photo = self.partners[spot.picture]
        ours, theirs = (
            np.array(pictures[i].shape[:2]) - self.crop
            for pictures, i in ((self.source, spot.picture), (self.target, photo))
        )
        y, x = np.round((spot.y, spot.x) * theirs / np.maximum(ours, 1)).astype(int)
        return Spot(photo, int(y), int(x), spot.mirror)


def unpaired(source: Renders, target: Pictures, crop: int, seed: int) -> Partner:
    """Nothing goes with anything."""
    return Unpaired(target, crop, seed)


def content(source: Renders, target: Pictures, crop: int, seed: int) -> Partner:
    """Crops of photos, from an even grid of at most crop / 4 that reaches all borders, which look like the render's."""
    renders, photos = (_centred(_features(pictures)) for pictures in (source, target))
    spots = []
    for picture in range(len(target)):
        ys, xs = (_starts(side, crop) for side in target[picture].shape[:2])
        spots += [Spot(picture, y, x, False) for y in ys for x in xs]
    described = torch.stack([_described(photos[spot.picture], spot, crop) for spot in spots])
    return Content(renders, spots, described, crop)


def _starts(side: int, crop: int) -> list[int]:
    """Where crops start along a side of a picture: evenly from 0 to side − crop, at most crop / 4 apart."""
    last = side - crop
    return [round(start) for start in np.linspace(0, last, -(-last // (crop // 4)) + 1).tolist()]


def aligned(source: Renders, target: Pictures, crop: int, seed: int) -> Partner:
    """Photo i shows what render i shows (see `gan.data.open_domains`)."""
    return Fixed(range(len(source)), source, target, crop)


def drawn(source: Renders, target: Pictures, crop: int, seed: int) -> Partner:
    """Any photo, drawn once for each render: what pix2pix learns without pairs is the photos' mean look."""
    photos = np.random.default_rng([seed, 4]).integers(len(target), size=len(source))
    return Fixed(photos.tolist(), source, target, crop)


def nearest(source: Renders, target: Pictures, crop: int, seed: int) -> Partner:
    """The photo most like the render in its mean feature."""
    renders, photos = (
        torch.stack([F.normalize(f.mean((1, 2)), dim=0) for f in _centred(_features(pictures))])
        for pictures in (source, target)
    )
    return Fixed((renders @ photos.T).argmax(1).tolist(), source, target, crop)


PAIRINGS: dict[str, Callable[[Renders, Pictures, int, int], Partner]] = {
    "unpaired": unpaired,
    "content": content,
    "aligned": aligned,
    "random": drawn,
    "nearest": nearest,
}


def pairing(name: str, source: Renders, target: Pictures, crop: int, seed: int) -> Partner:
    """The partner function called `name`, one of `PAIRINGS`."""
    return PAIRINGS[name](source, target, crop, seed)


@torch.inference_mode()
def _features(pictures: Pictures) -> list[Tensor]:
    """EfficientNet-Lite0's last map of each picture, 320×H/32×W/32."""
    network = efficientnet_lite0(pretrained=True).eval()
    maps = []
    for index in track(range(len(pictures)), "describing pictures", unit="picture"):
        image = to_tensor(pictures[index][..., :3])[None]
        maps.append(network(standardised(image))[-1][0])
    return maps


def _centred(maps: list[Tensor]) -> list[Tensor]:
    """Without what is common to all pictures of a domain: that they are renders, or photos."""
    mean = torch.stack([f.mean((1, 2)) for f in maps]).mean(0)
    return [f - mean[:, None, None] for f in maps]


def _described(features: Tensor, spot: Spot, crop: int) -> Tensor:
    """The mean feature of a crop, of length 1."""
    rows, columns = (slice(start // CELL, -(-(start + crop) // CELL)) for start in (spot.y, spot.x))
    return F.normalize(features[:, rows, columns].mean((1, 2)), dim=0)
