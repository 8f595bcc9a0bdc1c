"""What every model shares: who is optimised when, the decay of the rate, averaged weights, guards."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from coldstart import training
from coldstart.errors import UserError
from gan.data import Pair
from gan.models.critic import AugmentConfig
from gan.models.losses import Losses
from gan.models.safety import Safety, SafetyConfig
from gan.networks import Generator

__all__ = ["Model", "ModelConfig", "Translator", "TranslatorConfig", "decay"]


@dataclass(frozen=True)
class ModelConfig:
    """What the `model` group holds for every model; see conf/model/."""

    name: str = ""
    crop: int = 256
    pairing: str = "unpaired"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.0

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise UserError(f"model.lr: must be above 0, got {self.lr}")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise UserError(f"model.beta1 and model.beta2 must lie in [0, 1), got {self.beta1} and {self.beta2}")
        if not 0 <= self.ema < 1:
            raise UserError(f"model.ema: must lie in [0, 1), got {self.ema}; 0 is off")

    def check_weights(self, *names: str) -> None:
        """Refuse a negative weight of a loss."""
        for name in names:
            if not getattr(self, name) >= 0:
                raise UserError(f"model.{name}: must not be negative, got {getattr(self, name)}")


@dataclass(frozen=True)
class TranslatorConfig(ModelConfig):
    """What it holds for every translator.

    `PIXEL_LOSSES` says whether it has L1 losses, for `safety` to weigh by objects and background.
    """

    PIXEL_LOSSES: ClassVar[bool] = False
    safety: SafetyConfig = field(default_factory=SafetyConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        weighs = self.PIXEL_LOSSES or self.safety.perceptual
        if (self.safety.objects, self.safety.background) != (1, 1) and not weighs:
            raise UserError(
                f"model.safety.objects and background: are of no use to {self.name}, which has no pixel losses, "
                "without model.safety.perceptual above 0"
            )
        if self.augment.target and not self.augment.policy:
            raise UserError("model.augment.target: is of no use without model.augment.policy")


def decay(step: int, steps: int, epoch: int = 1) -> float:
    """Factor of the learning rate at `step` (from 0) of `steps`: 1 in the first half, then linearly towards 0.

    The published 1 − max(0, e + 1 − n) / (m + 1) of epoch e after n constant and m falling ones (Zhu et al. 2017,
    section 4, and the authors' code), n being half of all. `epoch` is how many steps count as one.
    """
    epochs = -(-steps // epoch)
    constant = epochs // 2
    return 1.0 - max(0, step // epoch + 1 - constant) / (epochs - constant + 1)


class Model(pl.LightningModule):
    """A LightningModule that optimises by hand and has a `generator` of pictures.

    A model says which networks its optimisers train (`trained`) and what each of them is to lower (`updates`). All
    that is drawn at random in a step, by torch's global generator, depends on `seed`, the step and the rank alone.
    `Config` is the dataclass of the `model` group.
    """

    Config: ClassVar[type[ModelConfig]]
    OPTIMIZERS: ClassVar[int] = 2  # steps of optimisers per training step, which is how Lightning counts
    COLUMNS: ClassVar[str]  # what `pictures` shows

    def __init__(self, config: ModelConfig, generator: nn.Module, steps: int, seed: int = 0, epoch: int = 1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.steps, self.seed, self.epoch = generator, steps, seed, epoch
        self.rate, self.betas = config.lr, (config.beta1, config.beta2)
        self.averaged = training.averaged(generator, config.ema) if config.ema else None

    @abstractmethod
    def trained(self) -> list[list[nn.Module]]:
        """The networks of each of the `OPTIMIZERS` optimisers."""

    @abstractmethod
    def updates(self, pair: Pair) -> Iterator[Losses]:
        """The weighted terms that each optimiser lowers, in the order of `trained`.

        Each is computed when the optimiser before it has stepped.
        """

    @abstractmethod
    def pictures(self, pair: Pair) -> list[Tensor]:
        """The columns of a sample grid, each N×3×H×W in [-1, 1]."""

    @property
    def final(self) -> nn.Module:
        """The generator to use: the average over the training if there is one (`model.ema`)."""
        return self.generator if self.averaged is None else self.averaged.module

    @property
    def step(self) -> int:
        """Training steps done so far, those before a resume included."""
        return self.trainer.global_step // self.OPTIMIZERS

    def configure_model(self) -> None:
        """Weights go into channels-last order, in which convolutions are fastest; what they put out follows.

        Lightning asks for this before it wraps the networks for several devices.
        """
        self.to(memory_format=torch.channels_last)

    def configure_optimizers(self) -> Any:
        """One Adam (Kingma & Ba, arXiv 1412.6980) for each entry of `trained`, and the decay of each.

        Not PyTorch's fused one: on a CPU it mistakes gradients in another memory order than their weights'.
        """
        adams = [
            torch.optim.Adam([p for network in networks for p in network.parameters()], lr=self.rate, betas=self.betas)
            for networks in self.trained()
        ]

        return adams, [torch.optim.lr_scheduler.LambdaLR(adam, self.factor) for adam in adams]

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied by at `step`, from 0."""
        return decay(step, self.steps, self.epoch)

    def on_train_batch_start(self, *_: Any) -> None:
        """Draw what this step draws from its own stream of chance: resuming needs no state of the generator."""
        training.seed_step(self.seed, self.step, self.global_rank)

    def training_step(self, batch: Pair, _: int) -> None:
        """One step of each optimiser, then of the decay and the average."""
        logged: dict[str, Tensor] = {}
        optimizers = cast(Sequence[LightningOptimizer], self.optimizers())
        for optimizer, losses in zip(optimizers, self.updates(batch), strict=True):
            training.check_finite(losses, self.step, "try a smaller model.lr or precision=32-true in another out=")
            optimizer.zero_grad()
            self.manual_backward(torch.stack(list(losses.values())).sum())
            optimizer.step()
            logged |= losses
        for scheduler in cast(Sequence[LRScheduler], self.lr_schedulers()):
            scheduler.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.generator)
        self.log_dict({name: value.detach() for name, value in logged.items()}, prog_bar=True, batch_size=1)


class Translator(Model):
    """A model whose `generator` makes target images of source images, and whose losses can keep labels true."""

    COLUMNS = "source | translated | target"
    generator: Generator

    def __init__(
        self, config: TranslatorConfig, generator: Generator, steps: int, seed: int = 0, epoch: int = 1
    ) -> None:
        super().__init__(config, generator, steps, seed, epoch)
        self.safety = Safety(config.safety)

    @property
    def final(self) -> Generator:
        """The generator to translate with."""
        return cast(Generator, super().final)

    def pictures(self, pair: Pair) -> list[Tensor]:
        """The source, its translation, and a photo to compare with."""
        return [pair.source, self.final(pair.told), pair.target]
