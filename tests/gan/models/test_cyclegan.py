"""CycleGAN's losses, which networks they reach, and that training lowers them."""

from typing import Any

import pytest
import torch
from torch import nn

from coldstart import cli
from coldstart.errors import UserError
from gan.data import Pair
from gan.models import MODELS
from gan.models.cyclegan import CycleGAN, CycleGANConfig
from gan.networks import PatchConfig, ResnetConfig


def tiny(**keys: Any) -> CycleGAN:
    torch.manual_seed(0)
    small: dict[str, Any] = {"generator": ResnetConfig(8, 1), "discriminator": PatchConfig(8)}
    return CycleGAN(CycleGANConfig(**{**small, **keys}), steps=10)


def batch() -> Pair:
    torch.manual_seed(1)
    source, target = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    return Pair(source, target, torch.zeros(2, 1, 32, 32), torch.zeros(2, 0, 32, 32))


def has_grads(network: nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def test_losses_equal_the_papers_terms_computed_one_by_one() -> None:
    model, pair = tiny(lambda_cycle=10.0, lambda_identity=0.5), batch()
    source, target = pair.source, pair.target
    losses, fake_source, fake_target = model.generator_losses(pair)
    forward, backward = model.generator, model.inverse
    expected = {
        "adversarial": (model.critic_target.network(forward(source)) - 1).square().mean()
        + (model.critic_source.network(backward(target)) - 1).square().mean(),
        "cycle": 10
        * ((backward(forward(source)) - source).abs().mean() + (forward(backward(target)) - target).abs().mean()),
        "identity": 5 * ((forward(target) - target).abs().mean() + (backward(source) - source).abs().mean()),
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-4), name
    torch.testing.assert_close(fake_target, forward(source), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fake_source, backward(target), rtol=1e-4, atol=1e-5)

    critic = model.discriminator_losses(pair, fake_source, fake_target)["discriminator"]
    halves = [
        (real_scores - 1).square().mean() + fake_scores.square().mean()
        for real_scores, fake_scores in (
            (model.critic_target.network(target), model.critic_target.network(fake_target)),
            (model.critic_source.network(source), model.critic_source.network(fake_source)),
        )
    ]
    assert critic.item() == pytest.approx(sum(h.item() for h in halves) / 2, rel=1e-4)


def test_generators_and_discriminators_are_trained_apart() -> None:
    model, pair = tiny(), batch()
    losses, fake_source, fake_target = model.generator_losses(pair)
    torch.stack(list(losses.values())).sum().backward()
    generators = (model.generator, model.inverse)
    discriminators = (model.critic_target, model.critic_source)
    assert all(map(has_grads, generators))
    assert not any(map(has_grads, discriminators))
    model.zero_grad()
    model.discriminator_losses(pair, fake_source, fake_target)["discriminator"].backward()
    assert not any(map(has_grads, generators))
    assert all(map(has_grads, discriminators))


def test_no_identity_loss_without_its_weight() -> None:
    losses, _, _ = tiny(lambda_identity=0.0).generator_losses(batch())
    assert set(losses) == {"adversarial", "cycle"}


def test_defaults_in_conf_are_the_papers() -> None:
    config = cli.compose("gan_train", ["model=cyclegan"]).model
    assert cli.typed(CycleGANConfig, config) == CycleGANConfig()


def test_small_preset_is_the_same_model_with_smaller_networks() -> None:
    small = cli.typed(CycleGANConfig, cli.compose("gan_train", ["model=cyclegan_small"]).model)
    assert MODELS[small.name] is CycleGAN
    assert (small.crop, small.generator.base, small.generator.blocks) == (128, 32, 4)
    assert small.lambda_cycle == 10.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"lambda_cycle": -1.0},
        {"lambda_identity": -0.5},
        {"pool": -1},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"beta1": 1.0},
        {"ema": 1.0},
    ],
)
def test_config_refuses_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        CycleGANConfig(**wrong)
