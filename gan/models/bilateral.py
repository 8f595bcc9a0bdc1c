"""A translator for CPUs: a bilateral grid of colour transforms and a sensor, learnt without pairs.

The network is HDRNet's (Gharbi et al. 2017, arXiv 1707.02880), which the paper trains on pairs. Here a patch
discriminator judges, and sliced Wasserstein distances of small patches lead the way, which need no training of their
own: colours are right after a few hundred steps.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.data import Pair
from gan.guide import guide_channels
from gan.metrics.patches import random_directions
from gan.models.base import Translator, TranslatorConfig
from gan.models.critic import AugmentConfig, patch_critic
from gan.models.losses import Losses
from gan.networks import PatchConfig
from gan.networks.bilateral import BilateralConfig, BilateralGenerator

__all__ = ["Bilateral", "BilateralModelConfig", "sliced_wasserstein", "smoothness"]

DIRECTIONS = 32  # random projections a scale and step


@dataclass(frozen=True)
class BilateralModelConfig(TranslatorConfig):
    """See conf/model/bilateral.yaml."""

    name: str = "bilateral"
    crop: int = 128
    pairing: str = "content"
    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(["translation", "cutout"]))
    generator: BilateralConfig = field(default_factory=BilateralConfig)
    discriminator: PatchConfig = field(default_factory=lambda: PatchConfig(base=32))
    lr: float = 1e-3
    ema: float = 0.99
    lambda_gan: float = 0.3
    lambda_patches: float = 10.0
    lambda_smooth: float = 300.0
    lambda_identity: float = 0.1
    scales: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_weights("lambda_gan", "lambda_patches", "lambda_smooth", "lambda_identity")
        if not 1 <= self.scales <= 3:  # of a crop of 32 pixels, 8 are left at the third
            raise UserError(f"model.scales: must be 1, 2 or 3, got {self.scales}")


def sliced_wasserstein(a: Tensor, b: Tensor, scales: int) -> Tensor:
    """How far the 5×5 patches of all images `a` are from those of `b` (both N×3×H×W), the mean over `scales` halvings.

    The mean over random directions θ of ∫ |F⁻¹_a(t) − F⁻¹_b(t)| dt, F being the distribution of θ·patch (Rabin et al.
    2011, doi 10.1007/978-3-642-24785-9_37; of patches at several scales: Karras et al. 2018, arXiv 1710.10196, section
    5). One direction is a convolution and its distribution a sort, as in Elnekave & Weiss 2022, arXiv 2203.11862.
    Every second place of each row and column counts, which saves three quarters of the sorting.
    """
    distances = []
    for scale in range(scales):
        if scale:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        directions = random_directions(DIRECTIONS, a.device)
        ours, theirs = (
            F.conv2d(images, directions, stride=2).transpose(0, 1).flatten(1).sort(1).values for images in (a, b)
        )
        distances.append((ours - theirs).abs().mean())
    return torch.stack(distances).mean()


def smoothness(grid: Tensor) -> Tensor:
    """The sum of the mean squared differences between neighbours of N×D×3×4×h×w, along D, h and w."""
    return torch.stack([grid.diff(dim=dim).square().mean() for dim in (1, 4, 5) if grid.shape[dim] > 1]).sum()


class Bilateral(Translator):
    """A `BilateralGenerator`, a discriminator of photos, distances between patches."""

    Config = BilateralModelConfig
    generator: BilateralGenerator

    def __init__(self, config: BilateralModelConfig, steps: int, seed: int = 0, epoch: int = 1) -> None:
        wide = 3 + guide_channels(config.generator.guide)
        super().__init__(config, BilateralGenerator(wide, 3, **asdict(config.generator)), steps, seed, epoch)
        self.config = config
        self.critic = patch_critic(config.discriminator, config.augment)

    def trained(self) -> list[list[nn.Module]]:
        """The discriminator, then the generator."""
        return [[self.critic], [self.generator]]

    def updates(self, pair: Pair) -> Iterator[Losses]:
        """Least squares for the discriminator, halved; for the generator four terms, and what keeps labels true.

        `adversarial`: least squares. `patches`: see `sliced_wasserstein`. `smooth`: see `smoothness`; neighbours in
        the grid treat colours alike. `identity`: the mean of A², since nothing is to change without a reason.
        """
        config = self.config
        fake, grid = self.generator.with_grid(pair.told)
        levels = torch.split(grid, [self.generator.depth, len(self.generator.guide)], 1)
        yield {"discriminator": self.critic.judged(pair.target, fake)}
        with torch.autocast(fake.device.type, enabled=False):
            patches = sliced_wasserstein(fake, pair.target, config.scales)
        yield {
            "adversarial": config.lambda_gan * self.critic.fooled(fake),
            "patches": config.lambda_patches * patches,
            "smooth": config.lambda_smooth * torch.stack([smoothness(part) for part in levels if part.shape[1]]).sum(),
            "identity": config.lambda_identity * grid.square().mean(),
            **self.safety(pair.source, fake, pair.objects),
        }
