"""CycleGAN: translation without pairs (Zhu et al. 2017, arXiv 1703.10593)."""

from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, cast

import torch
import torch.nn.functional as F
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from coldstart.errors import UserError
from gan.models.base import Translator
from gan.models.pool import ImagePool
from gan.networks import DiscriminatorConfig, GeneratorConfig, PatchDiscriminator, ResnetGenerator

__all__ = ["CycleGAN", "CycleGANConfig", "adversarial_loss"]


@dataclass(frozen=True)
class CycleGANConfig:
    """See conf/model/cyclegan.yaml."""

    name: str = "cyclegan"
    crop: int = 256
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    lambda_cycle: float = 10.0
    lambda_identity: float = 0.5
    pool: int = 50
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999

    def __post_init__(self) -> None:
        if self.lambda_cycle < 0 or self.lambda_identity < 0:
            raise UserError("model.lambda_cycle and model.lambda_identity must not be negative")
        if self.pool < 0:
            raise UserError(f"model.pool: must not be negative, got {self.pool}")
        if not self.lr > 0:
            raise UserError(f"model.lr: must be above 0, got {self.lr}")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise UserError(f"model.beta1 and model.beta2 must lie in [0, 1), got {self.beta1} and {self.beta2}")


def adversarial_loss(scores: Tensor, real: bool) -> Tensor:
    """Least-squares GAN loss: mean of (D(x) − 1)² for `real`, of D(x)² otherwise (Mao et al., arXiv 1611.04076)."""
    return F.mse_loss(scores.float(), torch.full_like(scores, float(real), dtype=torch.float32))


class CycleGAN(Translator):
    """Two generators, source → target (`generator`) and back (`inverse`), and a discriminator for either domain."""

    Config = CycleGANConfig
    OPTIMIZERS = 2
    COLUMNS = "source | translated | back || target | translated | back"

    def __init__(self, config: CycleGANConfig, steps: int, seed: int = 0) -> None:
        super().__init__(steps)
        self.config = config
        self.generator = ResnetGenerator(3, 3, **asdict(config.generator))
        self.inverse = ResnetGenerator(3, 3, **asdict(config.generator))
        self.discriminator_target = PatchDiscriminator(3, **asdict(config.discriminator))
        self.discriminator_source = PatchDiscriminator(3, **asdict(config.discriminator))
        self.pool_target = ImagePool(config.pool, seed)
        self.pool_source = ImagePool(config.pool, seed + 1)

    @classmethod
    def build(cls, config: CycleGANConfig, steps: int, seed: int) -> "CycleGAN":
        """The model of `config`; initial weights come from torch's global generator."""
        return cls(config, steps, seed)

    def configure_optimizers(self) -> Any:
        """Adam for both generators, Adam for both discriminators, and the decay of each."""
        config = self.config
        pairs = [(self.generator, self.inverse), (self.discriminator_target, self.discriminator_source)]
        adams = [
            torch.optim.Adam(
                chain(*(network.parameters() for network in pair)), lr=config.lr, betas=(config.beta1, config.beta2)
            )
            for pair in pairs
        ]
        return adams, [self.schedule(adam) for adam in adams]

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """The generators first, then the discriminators on fakes from the pools, as in the authors' code."""
        source, target = batch
        adam_generators, adam_discriminators = cast(list[LightningOptimizer], self.optimizers())
        losses, fake_target, fake_source = self.generator_losses(source, target)
        self.check_finite(losses)
        adam_generators.zero_grad()
        self.manual_backward(sum(losses.values(), torch.zeros((), device=source.device)))
        adam_generators.step()

        critic = self.discriminator_losses(source, target, fake_source, fake_target)
        self.check_finite(critic)
        adam_discriminators.zero_grad()
        self.manual_backward(critic["discriminator"])
        adam_discriminators.step()

        for scheduler in cast(list[LRScheduler], self.lr_schedulers()):
            scheduler.step()
        self.log_dict({**losses, **critic}, prog_bar=True)

    def generator_losses(self, source: Tensor, target: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The terms of equation 3 and of section 5.2 (identity), weighted; and the fakes, to be used once more.

        Translation and identity go through a generator as one batch: every network here that is not batch-normalised
        treats the images of a batch on their own.
        """
        config = self.config
        self._train_discriminators(False)
        fake_target, same_target = self._translate(self.generator, source, target)
        fake_source, same_source = self._translate(self.inverse, target, source)
        losses = {
            "adversarial": adversarial_loss(self.discriminator_target(fake_target), True)
            + adversarial_loss(self.discriminator_source(fake_source), True),
            "cycle": config.lambda_cycle
            * (F.l1_loss(self.inverse(fake_target), source) + F.l1_loss(self.generator(fake_source), target)),
        }
        if same_target is not None and same_source is not None:
            losses["identity"] = (
                config.lambda_cycle
                * config.lambda_identity
                * (F.l1_loss(same_target, target) + F.l1_loss(same_source, source))
            )
        return losses, fake_target, fake_source

    def _translate(self, generator: nn.Module, images: Tensor, own: Tensor) -> tuple[Tensor, Tensor | None]:
        """`images` translated, and what becomes of `own`, which already are where the translation leads."""
        if self.config.lambda_identity == 0:
            return generator(images), None
        translated, same = generator(torch.cat([images, own])).chunk(2)
        return translated, same

    def discriminator_losses(
        self, source: Tensor, target: Tensor, fake_source: Tensor, fake_target: Tensor
    ) -> dict[str, Tensor]:
        """Half of equation 1's least-squares form per domain: the paper halves it to slow the discriminators."""
        self._train_discriminators(True)
        total = torch.zeros((), device=source.device)
        for network, pool, real, fake in (
            (self.discriminator_target, self.pool_target, target, fake_target),
            (self.discriminator_source, self.pool_source, source, fake_source),
        ):
            scores_real, scores_fake = network(real), network(pool.query(fake))
            total = total + 0.5 * (adversarial_loss(scores_real, True) + adversarial_loss(scores_fake, False))
        return {"discriminator": total}

    def _train_discriminators(self, wanted: bool) -> None:
        self.discriminator_target.requires_grad_(wanted)
        self.discriminator_source.requires_grad_(wanted)

    def pictures(self, source: Tensor, target: Tensor) -> list[Tensor]:
        """Both domains, each with its translation and the way back."""
        fake_target, fake_source = self.generator(source), self.inverse(target)
        return [source, fake_target, self.inverse(fake_target), target, fake_source, self.generator(fake_source)]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The pools go with the weights."""
        checkpoint["pools"] = [self.pool_target.state_dict(), self.pool_source.state_dict()]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the pools as they were."""
        for pool, state in zip((self.pool_target, self.pool_source), checkpoint["pools"], strict=True):
            pool.load_state_dict(state, self.device)
