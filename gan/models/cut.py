"""CUT and FastCUT: translation one way, patches held in place by contrast (Park et al. 2020, arXiv 2007.15651)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.data import Pair
from gan.models.base import Translator, TranslatorConfig
from gan.models.critic import patch_critic
from gan.models.losses import Losses
from gan.networks import FeatureMLP, PatchConfig, ResnetConfig, ResnetGenerator

__all__ = ["CUT", "CUTConfig", "patch_nce"]

Features = list[Tensor]  # N×C×H×W of each of the layers


@dataclass(frozen=True)
class CUTConfig(TranslatorConfig):
    """See conf/model/cut.yaml."""

    name: str = "cut"
    generator: ResnetConfig = field(default_factory=ResnetConfig)
    discriminator: PatchConfig = field(default_factory=PatchConfig)
    lambda_gan: float = 1.0
    lambda_nce: float = 1.0
    nce_identity: bool = True
    nce_layers: list[int] = field(default_factory=lambda: [0, 4, 8, 12, 16])
    nce_patches: int = 256
    nce_temperature: float = 0.07
    flip_equivariance: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_weights("lambda_gan", "lambda_nce")
        last = 9 + self.generator.blocks
        if self.nce_layers != sorted(set(self.nce_layers)) or not all(0 <= i <= last for i in self.nce_layers):
            raise UserError(
                f"model.nce_layers: must rise and lie in the encoder, which is 0 to {last} with "
                f"blocks={self.generator.blocks}, got {self.nce_layers}"
            )
        if not self.nce_layers:
            raise UserError("model.nce_layers: names no layer")
        if self.nce_patches < 2 or not self.nce_temperature > 0:
            raise UserError("model.nce_patches must be at least 2 and model.nce_temperature above 0")


def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Mean of equation 2 over a layer's patches: −log exp(v·v⁺/τ) / (exp(v·v⁺/τ) + Σ exp(v·v⁻/τ)).

    `query` and `key` are N×P×C unit vectors of the translation and of the source; v⁺ is the key of the same patch, v⁻
    are the keys of the other patches of the same image. No gradient goes through `key`.
    """
    with torch.autocast(query.device.type, enabled=False):  # bfloat16 would round v·v⁺/τ to 1/16
        logits = query.float() @ key.detach().float().transpose(1, 2) / temperature
        same = torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
        return F.cross_entropy(logits.flatten(0, 1), same.flatten())


class CUT(Translator):
    """A generator, whose first half also is the encoder of patches, their MLP, and a discriminator.

    FastCUT is the same with another config.
    """

    Config = CUTConfig

    def __init__(self, config: CUTConfig, steps: int, seed: int = 0, epoch: int = 1) -> None:
        generator = ResnetGenerator(3, 3, **asdict(config.generator))
        super().__init__(config, generator, steps, seed, epoch)
        self.config, self.encoder = config, generator
        with torch.no_grad():
            shapes = [f.shape for f in generator.eval().features(torch.zeros(1, 3, 64, 64), config.nce_layers)]
        generator.train()
        self.mlp = FeatureMLP([shape[1] for shape in shapes])
        self.critic = patch_critic(config.discriminator, config.augment)

    def trained(self) -> list[list[nn.Module]]:
        """The discriminator, then the generator and the MLP, as in the authors' code."""
        return [[self.critic], [self.generator, self.mlp]]

    def updates(self, pair: Pair) -> Iterator[Losses]:
        """Least squares for the discriminator, halved; equation 5 for the generator.

        With `nce_identity` the mean (as in the authors' code) of its two PatchNCE terms, of the source and of the
        target, which the generator is to leave as it is; else that of the source alone.
        """
        config = self.config
        source, target, objects = pair.source, pair.target, pair.objects
        flipped = config.flip_equivariance and bool(torch.rand(()) < 0.5)
        given = torch.cat([source, target]) if config.nce_identity else source
        made, features = self.encoder.with_features(given.flip(3) if flipped else given, config.nce_layers)
        fake = made[: len(source)]
        yield {"discriminator": self.critic.judged(target, fake)}
        if flipped:  # what came of the mirrored source is compared with the source as it is
            features = self.encoder.features(given, config.nce_layers)
        query = self.encoder.features(made, config.nce_layers)
        nce = self._nce([f.flip(3) for f in query] if flipped else query, features)
        yield {
            "adversarial": config.lambda_gan * self.critic.fooled(fake),
            "nce": config.lambda_nce * nce,
            **self.safety(source, fake.flip(3) if flipped else fake, objects),
        }

    def _nce(self, query: Features, key: Features) -> Tensor:
        """Equation 3 at random places, the same for all images; the mean over the layers, as in the authors' code."""
        queries, keys = [], []
        for q, k in zip(query, key, strict=True):
            places = torch.randperm(q.shape[2] * q.shape[3], device=q.device)[: self.config.nce_patches]
            queries.append(q.flatten(2)[:, :, places].transpose(1, 2))
            keys.append(k.detach().flatten(2)[:, :, places].transpose(1, 2))
        vectors = zip(self.mlp(queries), self.mlp(keys), strict=True)
        return torch.stack([patch_nce(*pair, self.config.nce_temperature) for pair in vectors]).mean()
