"""A discriminator with all it needs: its loss, and for small data the augmentation it sees everything through."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import torch
from kornia import augmentation as kornia_augmentation
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.models.losses import least_squares
from gan.networks import PatchConfig, PatchDiscriminator

__all__ = ["Augment", "AugmentConfig", "Critic", "frozen", "patch_critic"]

POLICIES = ("translation", "cutout", "colour")


def _space(name: str) -> nn.Module:
    """What is done to all channels by policy `name`, as strong as DiffAugment's."""
    if name == "translation":
        return kornia_augmentation.RandomTranslate((-0.125, 0.125), (-0.125, 0.125), resample="nearest", p=1.0)
    return kornia_augmentation.RandomErasing((0.25, 0.25), (1.0, 1.0), value=0.0, p=1.0)


def _brightness(x: Tensor) -> Tensor:
    """x + b, b from U(−0.5, 0.5). This and the next two take N×3×H×W in [-1, 1] and clip nothing, as DiffAugment's."""
    return x + _drawn(x, -0.5, 0.5)


def _saturation(x: Tensor) -> Tensor:
    """f times as far from each pixel's mean over the channels, f from U(0, 2)."""
    grey = x.mean(1, keepdim=True)
    return grey + _drawn(x, 0.0, 2.0) * (x - grey)


def _contrast(x: Tensor) -> Tensor:
    """f times as far from the picture's mean, f from U(0.5, 1.5)."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + _drawn(x, 0.5, 1.5) * (x - mean)


def _drawn(x: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(x), 1, 1, 1, device=x.device).uniform_(low, high)


def _coloured(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """`change` of the last three channels, the picture; a condition in front of it keeps its colours."""
    return lambda images: torch.cat([images[:, :-3], change(images[:, -3:])], 1)


COLOURS = [_coloured(change) for change in (_brightness, _saturation, _contrast)]


@dataclass(frozen=True)
class AugmentConfig:
    """`model.augment` of the config; see conf/model/part/common.yaml."""

    policy: list[str] = field(default_factory=list)
    target: float = 0.0
    images: int = 100_000

    def __post_init__(self) -> None:
        for name in self.policy:
            if name not in POLICIES:
                raise UserError(f"model.augment.policy: {name!r} is none of {', '.join(POLICIES)}")
        if not 0 <= self.target < 1:
            raise UserError(f"model.augment.target: must lie in [0, 1), got {self.target}; 0 is off")
        if self.images < 1:
            raise UserError(f"model.augment.images: must be at least 1, got {self.images}")


class Augment(nn.Module):
    """Differentiable augmentation of what a discriminator sees, real and fake alike (Zhao et al., arXiv 2006.10738).

    Each operation of the policy happens to each image with probability `p`. Without a `target`, p is 1, as in that
    paper. With one, p starts at 0 and follows how sure the discriminator is of real images (Karras et al. 2020, arXiv
    2006.06676, section 3): r_t, the mean of sign(D(real)), is steered to `target`, and p needs `images` images for the
    way from 0 to 1. It is part of the state dict.
    """

    p: Tensor

    def __init__(self, config: AugmentConfig) -> None:
        super().__init__()
        self.config = config
        self.space = nn.ModuleDict({name: _space(name) for name in config.policy if name != "colour"})
        self.register_buffer("p", torch.tensor(0.0 if config.target else 1.0))

    def forward(self, images: Tensor) -> Tensor:
        """N×C×H×W in [-1, 1], the picture in the last three channels, to the same shape."""
        if not self.config.policy:
            return images
        with torch.autocast(images.device.type, enabled=False):
            images = images.float()
            for name in self.config.policy:
                for operation in COLOURS if name == "colour" else [self.space[name]]:
                    happens = torch.rand(len(images), 1, 1, 1, device=images.device) < self.p
                    images = torch.where(happens, operation(images), images)
        return images

    @torch.no_grad()
    def adapt(self, sure: Tensor) -> None:
        """Move p after a look at as many real images as `sure` (N scores, above 0 for what was taken for real) has."""
        if self.config.target and self.config.policy:
            overfit = sure.sign().mean() - self.config.target
            self.p.add_(overfit.sign() * len(sure) / self.config.images).clamp_(0, 1)


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Within it, what is computed leaves no gradient in the weights of `networks`, only in what goes through them."""
    for network in networks:
        network.requires_grad_(False)
    yield
    for network in networks:
        network.requires_grad_(True)


class Critic(nn.Module):
    """`network` scores images; `loss` says how far scores are from those of real (True) or fake (False) images.

    `boundary` is the score that is neither.
    """

    def __init__(
        self, network: nn.Module, loss: Callable[[Tensor, bool], Tensor], boundary: float, augment: AugmentConfig
    ) -> None:
        super().__init__()
        self.network, self.loss, self.boundary, self.augment = network, loss, boundary, Augment(augment)

    def fooled(self, fake: Tensor) -> Tensor:
        """The generator's adversarial loss; leaves no gradient in the discriminator."""
        with frozen(self.network):
            return self.loss(self.network(self.augment(fake)), True)

    def judged(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, halved to slow it against the generator; leaves no gradient in the generator."""
        scores_real = self.network(self.augment(real))
        scores_fake = self.network(self.augment(fake.detach()))
        self.augment.adapt(scores_real.detach().float().mean((1, 2, 3)) - self.boundary)
        return 0.5 * (self.loss(scores_real, True) + self.loss(scores_fake, False))


def patch_critic(config: PatchConfig, augment: AugmentConfig) -> Critic:
    """A PatchGAN that judges pictures of three channels by least squares."""
    return Critic(PatchDiscriminator(3, **asdict(config)), least_squares, 0.5, augment)
