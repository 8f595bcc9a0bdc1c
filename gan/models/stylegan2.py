"""StyleGAN2 with adaptive augmentation: pictures of the target domain from chance, learnt from photos alone.

Karras et al. 2020, arXiv 1912.04958; the augmentation: Karras et al. 2020, arXiv 2006.06676. It translates nothing and
knows no labels; gan.sample draws from it.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.data import Pair
from gan.models.base import Model, ModelConfig
from gan.models.critic import Augment, AugmentConfig, frozen
from gan.models.losses import Losses, cross_entropy
from gan.networks.stylegan2 import StyleConfig, StyleGAN2Generator, sample
from gan.networks.stylegan2_critic import StyleCriticConfig, StyleGAN2Discriminator

__all__ = ["StyleGAN2", "StyleGAN2Config", "gradient_penalty", "path_lengths"]

PATH_RATE = 0.01  # of a step's mean path length, for the running mean a (appendix B)
SAMPLES, TRUNCATION = 6, 0.7  # in a sample grid


@dataclass(frozen=True)
class StyleGAN2Config(ModelConfig):
    """See conf/model/stylegan2.yaml."""

    name: str = "stylegan2"
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(["translation", "cutout", "colour"], target=0.6, images=500_000)
    )
    lr: float = 2e-3
    beta1: float = 0.0
    beta2: float = 0.99
    ema: float = 0.998
    latent: int = 512
    zoom: float = 1.0
    generator: StyleConfig = field(default_factory=StyleConfig)
    discriminator: StyleCriticConfig = field(default_factory=StyleCriticConfig)
    mixing: float = 0.9
    r1: float = 10.0
    r1_every: int = 16
    path: float = 2.0
    path_every: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_weights("r1", "path")
        if min(self.latent, self.r1_every, self.path_every) < 1:
            raise UserError("model.latent, model.r1_every and model.path_every must be at least 1")
        if not 0 <= self.mixing <= 1:
            raise UserError(f"model.mixing: must lie in [0, 1], got {self.mixing}")
        if not self.zoom >= 1:
            raise UserError(f"model.zoom: must be at least 1, got {self.zoom}")


def gradient_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """R1 without its γ/2: the mean of |∇D(x)|² over `images` N×C×H×W (Mescheder et al. 2018, arXiv 1801.04406, eq. 9).

    `scores`, N, are a discriminator's of `images`; it can be differentiated again.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient.float().square().sum((1, 2, 3)).mean()


def path_lengths(images: Tensor, w: Tensor) -> Tensor:
    """|J_wᵀ y| for each of N images and random y (section 3.2, equation 4), N; can be differentiated again.

    `w` is N×L×D, of each layer. y is N(0, 1) over the square root of the number of pixels, so that lengths do not
    depend on the size; their square is the mean over layers, as in the authors' code.
    """
    y = torch.randn_like(images) / (images.shape[2] * images.shape[3]) ** 0.5
    (gradient,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
    return gradient.float().square().sum(2).mean(1).sqrt()


class StyleGAN2(Model):
    """A generator of pictures from chance and a discriminator that sees all through an augmentation.

    Regularisation is lazy (appendix B): a term is computed every k-th step and weighs k times as much. It joins that
    step's loss, so that Adam takes as many steps as without it and its constants need no correction.
    """

    Config = StyleGAN2Config
    COLUMNS = "photo | samples | the same, truncated"
    generator: StyleGAN2Generator
    path_mean: Tensor

    def __init__(self, config: StyleGAN2Config, steps: int, seed: int = 0, epoch: int = 1) -> None:
        super().__init__(config, StyleGAN2Generator(config.latent, 3, **asdict(config.generator)), steps, seed, epoch)
        self.config = config
        self.critic = StyleGAN2Discriminator(3, config.generator.size, **asdict(config.discriminator))
        self.augment = Augment(config.augment)
        self.register_buffer("path_mean", torch.zeros(()))

    def trained(self) -> list[list[nn.Module]]:
        """The discriminator, then the generator."""
        return [[self.critic], [self.generator]]

    def factor(self, step: int) -> float:
        """The learning rate stays as it is; it is the average of the weights that settles."""
        return 1.0

    def updates(self, pair: Pair) -> Iterator[Losses]:
        """The non-saturating logistic loss of both, R1 for the discriminator, path lengths for the generator.

        R1 is of the augmented photos: those are the real images that this discriminator ever sees.
        """
        config, step, count = self.config, self.step, len(pair.target)
        penalised = config.r1 > 0 and step % config.r1_every == 0
        fake = self.generator.synthesise(self.styles(count, track=True))
        real = self.augment(pair.target).detach().requires_grad_(penalised)
        scores = self.critic(real)
        self.augment.adapt(scores.detach().float())
        judged = {
            "real": cross_entropy(scores, True),
            "fake": cross_entropy(self.critic(self.augment(fake.detach())), False),
        }
        if penalised:
            judged["r1"] = config.r1_every * config.r1 / 2 * gradient_penalty(scores, real)
        yield judged
        with frozen(self.critic):
            made = {"adversarial": cross_entropy(self.critic(self.augment(fake)), True)}
        if config.path > 0 and step % config.path_every == 0:
            made["path"] = config.path_every * config.path * self._path_penalty(max(1, count // 2))
        yield made

    def styles(self, count: int, *, track: bool = False) -> Tensor:
        """w for each layer of `count` pictures, `count`×layers×latent.

        With probability `mixing`, the layers behind a random one have the w of another latent (Karras et al. 2019,
        arXiv 1812.04948, section 3.1). `track` moves the generator's average.
        """
        layers, device = self.generator.styles, self.path_mean.device
        w = self.generator.map(torch.randn(2 * count, self.config.latent, device=device))
        if track:
            self.generator.track(w)
        first, second = w[:count, None], w[count:, None]
        mixed = torch.rand(count, 1, 1, device=device) < self.config.mixing
        start = torch.randint(1, layers, (count, 1, 1), device=device)
        behind = torch.arange(layers, device=device)[:, None] >= start
        return torch.where(mixed & behind, second, first)

    def _path_penalty(self, count: int) -> Tensor:
        """E(|J_wᵀ y| − a)² over `count` pictures, a being the running mean of the lengths."""
        w = self.styles(count)
        lengths = path_lengths(self.generator.synthesise(w), w)
        self.path_mean.lerp_(lengths.detach().mean(), PATH_RATE)
        return (lengths - self.path_mean).square().mean()

    def pictures(self, pair: Pair) -> list[Tensor]:
        """The photo and samples, the same each time."""
        drawn = [sample(self.final, 0, index, psi)[None] for psi in (1.0, TRUNCATION) for index in range(SAMPLES)]
        return [pair.target, *drawn]

    @property
    def final(self) -> StyleGAN2Generator:
        """The generator to draw from."""
        final = super().final
        assert isinstance(final, StyleGAN2Generator)
        return final
