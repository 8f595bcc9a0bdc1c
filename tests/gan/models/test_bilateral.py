"""The bilateral translator: its losses, and that they lead to the photos' look."""

from pathlib import Path
from typing import Any

import pytest
import torch

from coldstart import cli
from coldstart.errors import UserError
from gan.checkpoint import load_generator, save_generator
from gan.data import Pair
from gan.models.bilateral import Bilateral, BilateralModelConfig, sliced_wasserstein, smoothness
from gan.networks import PatchConfig
from gan.networks.bilateral import BilateralConfig


def model(**options: Any) -> Bilateral:
    torch.manual_seed(0)
    config = {"generator": BilateralConfig(4, 4), "discriminator": PatchConfig(4), **options}
    return Bilateral(BilateralModelConfig(**config), steps=10)


def test_each_network_learns_from_its_own_losses(pair: Pair) -> None:
    bilateral = model()
    updates = bilateral.updates(pair)
    torch.stack(list(next(updates).values())).sum().backward()
    assert all(p.grad is None for p in bilateral.generator.parameters())
    bilateral.critic.zero_grad()
    losses = next(updates)
    assert set(losses) == {"adversarial", "patches", "smooth", "identity"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is None for p in bilateral.critic.parameters())
    assert bilateral.generator.matrices.weight.grad is not None
    assert bilateral.generator.matrices.weight.grad.any()
    sensor = bilateral.generator.sensor
    assert sensor is not None
    assert all(p.grad is not None and p.grad.any() for p in sensor.parameters())


def test_the_distance_of_patches_sees_colour_and_noise_but_not_place() -> None:
    random = torch.Generator().manual_seed(1)
    a = torch.rand(2, 3, 64, 64, generator=random).repeat_interleave(8, 2)[:, :, :64] - 0.5

    def distance(b: torch.Tensor) -> float:
        torch.manual_seed(2)
        return float(sliced_wasserstein(a, b, 3))

    assert distance(a) == 0
    assert distance(a.flip(0)) == 0
    assert distance(a + 0.2) > 0.02
    assert distance(a + 0.1 * torch.randn(a.shape, generator=random)) > 0.005


def test_a_smooth_grid_costs_nothing() -> None:
    grid = torch.ones(1, 4, 3, 4, 5, 5)
    assert smoothness(grid) == 0
    grid[:, 2:] = 3
    assert smoothness(grid) == pytest.approx(4 / 3)


def test_colours_are_found_in_a_few_steps(pair: Pair) -> None:
    bilateral = model(lambda_gan=0.0, lr=0.01)
    target = (pair.source * 0.4 + torch.tensor([0.3, 0.0, -0.2])[:, None, None]).roll(5, 3)
    adam = torch.optim.Adam(bilateral.generator.parameters(), 0.01)
    costs = []
    for _ in range(60):
        _, losses = bilateral.updates(pair._replace(target=target))
        adam.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        adam.step()
        costs.append(float(losses["patches"].detach()))
    assert costs[-1] < 0.4 * costs[0]


def test_told_of_objects_it_learns_their_light(pair: Pair) -> None:
    bilateral = model(generator=BilateralConfig(4, 4, sensor=False, guide=["objects"]), lambda_smooth=0.0)
    told = pair._replace(guide=2 * pair.objects - 1)
    _, losses = bilateral.updates(told)
    losses["patches"].backward()
    gradient = bilateral.generator.matrices.bias.grad
    assert gradient is not None
    matrices, gains = gradient[:48], gradient[48:]
    assert gains.shape == (3,)
    assert gains.all() and matrices.any()
    everywhere = pair._replace(guide=torch.ones_like(pair.objects))
    bilateral.zero_grad()
    _, losses = bilateral.updates(everywhere)
    losses["patches"].backward()
    assert not bilateral.generator.matrices.bias.grad[:48].any(), "colours alone decide around objects only"  # type: ignore[index]


def test_bad_weights_are_refused() -> None:
    with pytest.raises(UserError, match=r"model\.lambda_patches: must not be negative, got -1"):
        BilateralModelConfig(lambda_patches=-1)
    with pytest.raises(UserError, match=r"model\.scales: must be 1, 2 or 3, got 4"):
        BilateralModelConfig(scales=4)


def test_the_preset_is_the_default() -> None:
    config = cli.typed(BilateralModelConfig, cli.compose("gan_train", ["model=bilateral"]).model)
    assert config == BilateralModelConfig()


def test_what_is_saved_translates_the_same(pair: Pair, tmp_path: Path) -> None:
    bilateral = model(ema=0.0).eval()
    torch.nn.init.normal_(bilateral.generator.matrices.weight)
    save_generator(tmp_path / "a.safetensors", bilateral.final, "bilateral", BilateralConfig(4, 4))
    loaded, name = load_generator(tmp_path / "a.safetensors")
    assert name == "bilateral"
    assert loaded(pair.source).equal(bilateral.pictures(pair)[1])
