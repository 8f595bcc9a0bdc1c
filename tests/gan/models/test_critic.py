"""Discriminators: who gets gradients, what augmentation does to what they see, how often it happens."""

from typing import Any

import pytest
import torch
from torch import nn

from coldstart.errors import UserError
from gan.models.critic import POLICIES, Augment, AugmentConfig, Critic, frozen
from gan.models.losses import least_squares


def test_a_frozen_network_passes_gradients_on_without_keeping_any() -> None:
    network, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    with frozen(network):
        y = network(x).sum()
    y.backward()
    assert x.grad is not None
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def test_each_side_learns_from_its_own_loss_alone() -> None:
    critic = Critic(nn.Conv2d(3, 1, 1), least_squares, 0.5, AugmentConfig())
    fake, real = torch.rand(2, 3, 8, 8, requires_grad=True), torch.rand(2, 3, 8, 8)
    critic.fooled(fake).backward()
    assert fake.grad is not None
    assert all(p.grad is None for p in critic.parameters())
    fake.grad = None
    critic.judged(real, fake).backward()
    assert fake.grad is None
    assert all(p.grad is not None for p in critic.parameters())
    halves = ((critic.network(real) - 1).square().mean() + critic.network(fake).square().mean()) / 2
    torch.testing.assert_close(critic.judged(real, fake), halves)


@pytest.mark.parametrize("policy", POLICIES)
def test_augmentation_changes_images_and_lets_gradients_through(policy: str) -> None:
    torch.manual_seed(0)
    images = (torch.rand(4, 3, 32, 32) * 2 - 1).requires_grad_()
    seen = Augment(AugmentConfig([policy]))(images)
    assert seen.shape == images.shape
    assert all(not torch.equal(a, b) for a, b in zip(seen, images, strict=True))
    seen.square().sum().backward()
    assert images.grad is not None
    assert all(bool(g.isfinite().all() and g.any()) for g in images.grad)
    if policy == "cutout":
        assert float((seen == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


def test_a_condition_moves_with_its_picture_and_keeps_its_colours() -> None:
    torch.manual_seed(0)
    both = (torch.rand(3, 3, 32, 32) * 2 - 1).repeat(1, 2, 1, 1)
    moved = Augment(AugmentConfig(["translation", "cutout"]))(both)
    assert torch.equal(moved[:, :3], moved[:, 3:])
    assert not torch.equal(moved, both)
    coloured = Augment(AugmentConfig(["colour"]))(both)
    assert torch.equal(coloured[:, :3], both[:, :3])
    assert not torch.equal(coloured[:, 3:], both[:, 3:])


def test_colours_change_as_diffaugments_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zhao et al.'s own arithmetic, with the numbers that it draws; nothing is clipped."""
    torch.manual_seed(0)
    images = torch.rand(64, 3, 4, 4) * 2 - 1
    brightness, saturation, contrast = chances = torch.rand(3, 64, 1, 1, 1)
    drawn = iter(chances)
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda t, low, high: t.copy_(low + (high - low) * next(drawn)))
    seen = Augment(AugmentConfig(["colour"]))(images)
    x = images + brightness - 0.5
    grey = x.mean(dim=1, keepdim=True)
    x = (x - grey) * (saturation * 2) + grey
    mean = x.mean(dim=[1, 2, 3], keepdim=True)
    torch.testing.assert_close(seen, (x - mean) * (contrast + 0.5) + mean)
    assert float(seen.max()) > 1


def test_without_policy_nothing_happens() -> None:
    images = torch.rand(1, 3, 8, 8)
    assert Augment(AugmentConfig())(images) is images


def test_probability_follows_how_sure_the_discriminator_is() -> None:
    augment = Augment(AugmentConfig(["colour"], target=0.6, images=20))
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(augment(images), images)
    for _ in range(6):
        augment.adapt(torch.tensor([0.3, 0.4]))  # r_t is 1
    assert float(augment.p) == pytest.approx(0.6)
    augment.adapt(torch.tensor([0.3, -0.4]))  # r_t is 0
    assert float(augment.p) == pytest.approx(0.5)
    for _ in range(20):
        augment.adapt(torch.tensor([-1.0, -1.0]))
    assert float(augment.p) == 0
    assert "p" in augment.state_dict()


def test_without_target_the_probability_stays_one() -> None:
    augment = Augment(AugmentConfig(["colour"]))
    augment.adapt(torch.tensor([-1.0]))
    assert float(augment.p) == 1


@pytest.mark.parametrize("wrong", [{"policy": ["blur"]}, {"target": 1.0}, {"images": 0}])
def test_config_refuses_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"model.augment.{next(iter(wrong))}"):
        AugmentConfig(**wrong)
