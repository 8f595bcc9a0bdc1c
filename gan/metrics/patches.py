"""How far two sets of pictures are apart, from their small patches: colours, contrast, texture and noise."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from gan.metrics.distances import Estimate

__all__ = ["SIDE", "SMALLEST", "PatchDistance", "places", "random_directions"]

DIRECTIONS = 32  # a scale
LEVELS = 256  # quantiles that two distributions are compared at
PATCHES = 400  # of a picture and scale
SCALES = 3  # times the patches are compared, each time at half the size
SIDE = 5  # pixels of a patch
SMALLEST = SIDE * 2 ** (SCALES - 1)  # pixels a side of a picture that has a patch at every scale


def random_directions(number: int, device: str | torch.device = "cpu", random: torch.Generator | None = None) -> Tensor:
    """`number`×3×5×5, each of length 1: half of them see colour and texture, half texture alone."""
    directions = torch.randn(number, 3, SIDE, SIDE, device=device, generator=random)
    directions[::2] -= directions[::2].mean((2, 3), keepdim=True)
    return directions / directions.flatten(1).norm(dim=1)[:, None, None, None]


def places(count: int) -> Tensor:
    """PATCHES of `count` places, evenly spread from the first to the last.

    In float64: float32 rounds the last of 24 million, which are those of a large photo, to one that is not there.
    """
    return torch.linspace(0, count - 1, PATCHES, dtype=torch.float64).long()


class PatchDistance:
    """`swd`: the sliced Wasserstein distance of 5×5 patches to those of a target, which is looked at once.

    The mean over random directions θ of ∫ |F⁻¹_a(t) − F⁻¹_b(t)| dt, F being the distribution of θ·patch over a set
    (Rabin et al. 2011, doi 10.1007/978-3-642-24785-9_37), at full, half and quarter size (as Karras et al. 2018, arXiv
    1710.10196, section 5, there in a Laplacian pyramid and without colour), in grey levels of 255. Every picture counts
    alike, whatever its size; both sides must have one scale, at least SMALLEST pixels a side and two pictures.
    """

    def __init__(self, target: Iterable[Tensor], *, halves: int = 10, seed: int = 0) -> None:
        random = torch.Generator().manual_seed(seed)
        self.directions = [random_directions(DIRECTIONS, random=random) for _ in range(SCALES)]
        self.halves, self.seed = halves, seed
        self.target = self._projections(target)

    def __call__(self, pictures: Iterable[Tensor]) -> Estimate:
        """The distance of `pictures`, each 3×H×W in [-1, 1], and its deviation over random halves of both sides."""
        ours, random = self._projections(pictures), torch.Generator().manual_seed(self.seed)

        def half(side: Tensor) -> Tensor:
            return side[torch.randperm(len(side), generator=random)[: len(side) // 2]]

        halves = torch.tensor([_apart(half(ours), half(self.target)) for _ in range(self.halves)])
        return Estimate(_apart(ours, self.target), float(halves.std()))

    @torch.no_grad()
    def _projections(self, pictures: Iterable[Tensor]) -> Tensor:
        """N×(scales·directions)×patches."""
        return torch.stack([self._projected(picture.float().cpu()) for picture in pictures])

    def _projected(self, picture: Tensor) -> Tensor:
        scales = []
        for scale, directions in enumerate(self.directions):
            small = F.avg_pool2d(picture[None], 2**scale)
            found = F.conv2d(small, directions)[0].flatten(1)
            scales.append(found[:, places(found.shape[1])])
        return torch.cat(scales)


def _apart(ours: Tensor, theirs: Tensor) -> float:
    """Of two sets of projections, in grey levels."""
    a, b = (side.transpose(0, 1).flatten(1).sort(1).values for side in (ours, theirs))
    at = (torch.arange(LEVELS) + 0.5) / LEVELS
    a, b = (side[:, (at * side.shape[1]).long()] for side in (a, b))
    return float((a - b).abs().mean()) * 127.5
