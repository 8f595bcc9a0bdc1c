"""CycleGAN and CUT as their papers and authors give them: float32, eager, one forward pass for each use.

The other side of `benchmarks/translate.py`. Nothing here comes from `gan`; state dicts fit, and tests hold the losses
of both sides against each other.
"""

import itertools
import random
from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Cut", "CycleGan", "Resnet", "patch_gan"]


class Block(nn.Module):
    """A residual block of `c` channels."""

    def __init__(self, c: int) -> None:
        super().__init__()
        first = [nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c), nn.ReLU()]
        self.conv_block = nn.Sequential(*first, nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        """The input and what the block adds."""
        return x + self.conv_block(x)


class Resnet(nn.Module):
    """Zhu et al. 2017, section 7.2: c7s1-c, d2c, d4c, R4c × blocks, u2c, uc, c7s1-3."""

    def __init__(self, c: int, blocks: int) -> None:
        super().__init__()

        def up(inner: int, outer: int) -> nn.Module:
            return nn.ConvTranspose2d(inner, outer, 3, stride=2, padding=1, output_padding=1)

        self.model = nn.Sequential(
            *(nn.ReflectionPad2d(3), nn.Conv2d(3, c, 7), nn.InstanceNorm2d(c), nn.ReLU()),
            *(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * c), nn.ReLU()),
            *(nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1), nn.InstanceNorm2d(4 * c), nn.ReLU()),
            *(Block(4 * c) for _ in range(blocks)),
            *(up(4 * c, 2 * c), nn.InstanceNorm2d(2 * c), nn.ReLU()),
            *(up(2 * c, c), nn.InstanceNorm2d(c), nn.ReLU()),
            *(nn.ReflectionPad2d(3), nn.Conv2d(c, 3, 7), nn.Tanh()),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The translation."""
        translated: Tensor = self.model(x)
        return translated

    def features(self, x: Tensor, layers: Collection[int]) -> list[Tensor]:
        """What `layers` put out."""
        found = []
        for index, layer in enumerate(self.model[: max(layers) + 1]):
            x = layer(x)
            if index in layers:
                found.append(x)
        return found


def patch_gan(c: int) -> nn.Module:
    """Isola et al. 2017, section 6.1.2: C64-C128-C256-C512, patches of 70 pixels."""
    leaky = nn.LeakyReLU(0.2)
    return nn.Sequential(
        *(nn.Conv2d(3, c, 4, stride=2, padding=1), leaky),
        *(nn.Conv2d(c, 2 * c, 4, stride=2, padding=1), nn.InstanceNorm2d(2 * c), leaky),
        *(nn.Conv2d(2 * c, 4 * c, 4, stride=2, padding=1), nn.InstanceNorm2d(4 * c), leaky),
        *(nn.Conv2d(4 * c, 8 * c, 4, padding=1), nn.InstanceNorm2d(8 * c), leaky),
        nn.Conv2d(8 * c, 1, 4, padding=1),
    )


class Pool:
    """The last 50 fakes; a new one is answered by itself or, half of the time, by an old one (section 4)."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, fake: Tensor) -> Tensor:
        """What the discriminator is to see in place of `fake`."""
        answers = []
        for image in fake.detach():
            if len(self.images) < 50:
                self.images.append(image)
            elif random.random() > 0.5:
                place = random.randrange(50)
                answers.append(self.images[place])
                self.images[place] = image
                continue
            answers.append(image)
        return torch.stack(answers)


def adam(networks: Iterable[nn.Module]) -> torch.optim.Adam:
    """Of both papers' code."""
    return torch.optim.Adam(itertools.chain(*(n.parameters() for n in networks)), lr=2e-4, betas=(0.5, 0.999))


def real(scores: Tensor) -> Tensor:
    """Least squares to 1."""
    return F.mse_loss(scores, torch.ones_like(scores))


def fake(scores: Tensor) -> Tensor:
    """Least squares to 0."""
    return F.mse_loss(scores, torch.zeros_like(scores))


def trainable(networks: Iterable[nn.Module], yes: bool) -> None:
    """Whether gradients reach the weights of `networks`."""
    for network in networks:
        network.requires_grad_(yes)


class CycleGan:
    """Equation 3 and the identity loss of section 5.2, weights 10 and 0.5·10."""

    def __init__(self, base: int, blocks: int) -> None:
        self.there, self.back = Resnet(base, blocks), Resnet(base, blocks)
        self.critic_b, self.critic_a = patch_gan(base), patch_gan(base)
        self.pool_a, self.pool_b = Pool(), Pool()
        self.generators, self.critics = adam([self.there, self.back]), adam([self.critic_a, self.critic_b])

    def step(self, a: Tensor, b: Tensor) -> dict[str, float]:
        """One update of the generators, then one of the discriminators."""
        fake_b, fake_a = self.there(a), self.back(b)
        again_a, again_b = self.back(fake_b), self.there(fake_a)
        trainable([self.critic_a, self.critic_b], False)
        same_b, same_a = self.there(b), self.back(a)
        losses = {
            "adversarial": real(self.critic_b(fake_b)) + real(self.critic_a(fake_a)),
            "cycle": 10 * (F.l1_loss(again_a, a) + F.l1_loss(again_b, b)),
            "identity": 5 * (F.l1_loss(same_b, b) + F.l1_loss(same_a, a)),
        }
        lower(self.generators, sum(losses.values()))
        trainable([self.critic_a, self.critic_b], True)
        self.critics.zero_grad()
        shown_b, shown_a = self.pool_b.query(fake_b), self.pool_a.query(fake_a)
        judged_b = 0.5 * (real(self.critic_b(b)) + fake(self.critic_b(shown_b)))
        judged_a = 0.5 * (real(self.critic_a(a)) + fake(self.critic_a(shown_a)))
        judged_b.backward()
        judged_a.backward()
        self.critics.step()
        losses["discriminator"] = judged_a + judged_b
        return {name: float(loss.detach()) for name, loss in losses.items()}


class Cut:
    """Equation 5 with both PatchNCE terms, their mean as in the authors' code; `mlp` makes vectors of features."""

    LAYERS = (0, 4, 8, 12, 16)

    def __init__(self, base: int, blocks: int, patches: int = 256) -> None:
        self.generator, self.critic, self.patches = Resnet(base, blocks), patch_gan(base), patches
        with torch.no_grad():
            channels = [f.shape[1] for f in self.generator.features(torch.zeros(1, 3, 64, 64), self.LAYERS)]
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(c, 256), nn.ReLU(), nn.Linear(256, 256)) for c in channels)
        self.optimizers = [adam([self.critic]), adam([self.generator]), adam([self.mlp])]

    def step(self, a: Tensor, b: Tensor) -> dict[str, float]:
        """One update of the discriminator, then one of the generator and the MLP."""
        fake_b, same_b = self.generator(torch.cat([a, b])).chunk(2)
        trainable([self.critic], True)
        judged = 0.5 * (fake(self.critic(fake_b.detach())) + real(self.critic(b)))
        lower(self.optimizers[0], judged)
        trainable([self.critic], False)
        losses = {
            "adversarial": real(self.critic(fake_b)),
            "nce": 0.5 * (self.nce(a, fake_b) + self.nce(b, same_b)),
        }
        for optimizer in self.optimizers[1:]:
            optimizer.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        for optimizer in self.optimizers[1:]:
            optimizer.step()
        return {name: float(loss.detach()) for name, loss in {**losses, "discriminator": judged}.items()}

    def nce(self, source: Tensor, translated: Tensor) -> Tensor:
        """Equation 3: patches of the translation against those of the source."""
        queries = self.generator.features(translated, self.LAYERS)
        keys = self.generator.features(source, self.LAYERS)
        return torch.stack([self.patch_nce(*f) for f in zip(queries, keys, self.mlp, strict=True)]).mean()

    def patch_nce(self, query: Tensor, key: Tensor, mlp: Callable[[Tensor], Tensor]) -> Tensor:
        """Equation 2 at random places of one layer, temperature 0.07."""
        places = torch.randperm(query.shape[2] * query.shape[3])[: self.patches]
        q, k = (F.normalize(mlp(f.flatten(2)[:, :, places].transpose(1, 2)), dim=2) for f in (query, key))
        logits = q @ k.detach().transpose(1, 2) / 0.07
        return F.cross_entropy(logits.flatten(0, 1), torch.arange(len(places)).repeat(len(q)))


def lower(optimizer: torch.optim.Optimizer, loss: Any) -> None:
    """One update."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
