"""The guided translator: what goes in, and that it is held to its render."""

import pytest
import torch

from coldstart import cli
from coldstart.errors import UserError
from gan.data import Pair
from gan.models.gbuffer import GBuffer, GBufferConfig
from gan.networks import PatchConfig
from gan.networks.guided import GuidedConfig


@pytest.fixture
def told(pair: Pair) -> Pair:
    """`pair` with all guides, eight channels."""
    return pair._replace(guide=torch.rand(2, 8, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1)


def test_the_generator_sees_the_guide_and_is_held_to_the_render(told: Pair) -> None:
    torch.manual_seed(0)
    model = GBuffer(GBufferConfig(generator=GuidedConfig(4, 1), discriminator=PatchConfig(4)), steps=10)
    critic, generator = model.updates(told)
    assert set(critic) | set(generator) == {"discriminator", "adversarial", "perceptual"}
    torch.stack(list(generator.values())).sum().backward()
    first = model.generator.get_parameter("model.1.weight")
    assert first.shape[1] == 3 + 8
    assert first.grad is not None
    assert all(bool(g.any()) for g in first.grad.transpose(0, 1))
    _, translated, _ = model.pictures(told)
    assert not torch.equal(model.pictures(told._replace(guide=-told.guide))[1], translated)


def test_with_a_residual_training_starts_at_the_identity(told: Pair) -> None:
    config = GuidedConfig(4, 1, residual=1.0)
    model = GBuffer(GBufferConfig(generator=config, discriminator=PatchConfig(4)), steps=10).eval()
    torch.testing.assert_close(model.pictures(told)[1], told.source)


def test_an_unknown_guide_is_named() -> None:
    with pytest.raises(UserError, match=r"model\.generator\.guide: 'smell' is none of depth, normals, albedo, edges"):
        GBufferConfig(generator=GuidedConfig(guide=["smell"]))


def test_the_preset_is_complete() -> None:
    config = cli.typed(GBufferConfig, cli.compose("gan_train", ["model=gbuffer"]).model)
    assert (config.pairing, config.safety.perceptual, config.generator.residual) == ("content", 1.0, 1.0)
    assert config.generator.guide == ["depth", "normals", "albedo", "edges"]
