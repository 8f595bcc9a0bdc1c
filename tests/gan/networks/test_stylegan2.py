"""StyleGAN2's networks: the published counts, unit weights, filters without aliases, reproducible samples."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.equalised import EqualConv, EqualLinear, downsampled, upsampled
from gan.networks.stylegan2 import (
    ModulatedConv,
    StyleConfig,
    StyleGAN2Generator,
    demodulation,
    picture_of,
    sample,
    start_of,
    style_of,
)
from gan.networks.stylegan2_critic import StyleGAN2Discriminator, batch_deviation


def tiny(**keys: Any) -> StyleGAN2Generator:
    torch.manual_seed(0)
    return StyleGAN2Generator(8, 3, **{"size": [16, 16], "base": 32, "most": 8, "mapping": 2, **keys})


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("side", "generator", "discriminator", "styles"),
    [(1024, 30_370_060, 29_012_513, 18), (256, 30_034_338, 28_864_129, 14)],
)
def test_parameters_are_those_of_configuration_f(side: int, generator: int, discriminator: int, styles: int) -> None:
    with torch.device("meta"):
        network, critic = StyleGAN2Generator(512, 3, size=[side, side]), StyleGAN2Discriminator(3, [side, side])
    assert count(network) == generator
    assert count(critic) == discriminator
    assert network.styles == styles


def test_layers_have_the_parameters_that_the_authors_code_prints() -> None:
    with torch.device("meta"):
        network, critic = StyleGAN2Generator(512, 3, size=[256, 256]), StyleGAN2Discriminator(3, [1024, 1024])
    assert [count(layer) for layer in network.mapping] == [262_656] * 8
    assert [count(layer) for layer in network.layers] == [2_622_465] * 9 + [1_442_561, 721_409, 426_369, 213_249]
    assert [count(layer) for layer in network.to_rgb] == [264_195] * 5 + [132_099, 66_051]
    assert [count(p) for b in critic.blocks[:3] for p in (b.skip, b.first, b.second)] == [
        *(2048, 9248, 18_496),
        *(8192, 36_928, 73_856),
        *(32_768, 147_584, 295_168),
    ]
    assert count(critic.from_rgb) == 128


@pytest.mark.parametrize("up", [False, True])
def test_modulated_weights_have_unit_norm_and_act_as_one_convolution_per_image(up: bool) -> None:
    torch.manual_seed(0)
    layer, x, w = ModulatedConv(6, 5, 4, 3, up=up), torch.randn(2, 6, 8, 8), torch.randn(2, 4)
    style = layer.style(w)
    modulated = layer.weight * style[:, None, :, None, None]
    weights = modulated * demodulation(layer.weight, style)[..., None, None, None]
    torch.testing.assert_close(weights.flatten(2).norm(dim=2), torch.ones(2, 5))
    if up:  # zeros in between, the published order of convolution and filter
        taps = torch.tensor([1.0, 3, 3, 1]) / 4
        filters = torch.outer(taps, taps).expand(5, 1, 4, 4)
        rows = [F.conv_transpose2d(x[i : i + 1], weights[i].transpose(0, 1), stride=2) for i in range(2)]
        expected = F.conv2d(torch.cat(rows), filters, padding=1, groups=5)
    else:
        expected = torch.cat([F.conv2d(x[i : i + 1], weights[i], padding=1) for i in range(2)])
    torch.testing.assert_close(layer(x, w), expected, rtol=1e-4, atol=1e-5)


def test_resampling_keeps_the_mean_and_a_gradient_of_brightness() -> None:
    ramp = torch.arange(16.0).expand(1, 2, 16, 16)
    up, down = upsampled(ramp), downsampled(ramp)
    assert up.shape[2:] == (32, 32)
    assert down.shape[2:] == (8, 8)
    inner = torch.arange(32.0)[3:-3] / 2 - 0.25  # pixel centres
    torch.testing.assert_close(up[0, 0, 16, 3:-3], inner)
    torch.testing.assert_close(down[0, 0, 4, 1:-1], torch.arange(8.0)[1:-1] * 2 + 0.5)


def test_layers_keep_the_variance_at_the_start() -> None:
    torch.manual_seed(0)
    assert EqualLinear(256, 256)(torch.randn(500, 256)).std().item() == pytest.approx(1, abs=0.1)
    assert EqualLinear(256, 256, rate=0.01)(torch.randn(500, 256)).std().item() == pytest.approx(1, abs=0.1)
    inner = EqualConv(64, 64, 3)(torch.randn(4, 64, 16, 16))[..., 1:-1, 1:-1]
    assert inner.std().item() == pytest.approx(1, abs=0.1)


def test_a_rate_slows_what_an_optimiser_step_changes() -> None:
    torch.manual_seed(0)
    changes = []
    for rate in (1.0, 0.01):
        layer = EqualLinear(16, 16, rate=rate)
        before = (layer.weight * layer.scale).detach().clone()
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        layer(torch.ones(1, 16)).sum().backward()
        optimizer.step()
        changes.append((layer.weight * layer.scale - before).abs().mean().item())
    assert changes[1] == pytest.approx(0.01 * changes[0], rel=1e-3)


def test_batch_deviation_is_that_of_each_group() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 3, 4, 4)
    channel = batch_deviation(x)[:, 3]
    for start in (0, 1):  # images 0, 2, 4, 6 are a group, as in the authors' code
        expected = x[start::2].std(0, unbiased=False).mean()
        torch.testing.assert_close(channel[start::2], expected.expand(4, 4, 4))
    alike = batch_deviation(x[:1].expand(4, -1, -1, -1))[:, 3]
    assert alike.max().item() < 1e-3
    assert batch_deviation(x[:6]).shape == (6, 4, 4, 4)  # groups of three


@pytest.mark.parametrize(
    ("size", "start"), [([64, 64], (4, 4, 4)), ([96, 128], (6, 8, 4)), ([128, 64], (8, 4, 4)), ([10, 8], (5, 4, 1))]
)
def test_any_size_that_can_be_halved(size: list[int], start: tuple[int, int, int]) -> None:
    assert start_of(size) == start
    generator = tiny(size=size)
    critic = StyleGAN2Discriminator(3, size, base=32, most=8)
    pictures = generator(torch.randn(2, 8))
    assert pictures.shape == (2, 3, size[1], size[0])
    assert critic(pictures).shape == (2,)


@pytest.mark.parametrize("size", [[64], [63, 64], [4, 64], [64, 64, 3]])
def test_other_sizes_are_refused(size: list[int]) -> None:
    with pytest.raises(UserError, match=r"model\.generator\.size: must be an even width and height"):
        StyleConfig(size=size)


def test_samples_are_the_same_whatever_is_drawn_beside_them() -> None:
    generator = tiny()
    for layer in generator.layers:
        layer.strength.data.fill_(0.5)
    state = torch.get_rng_state()
    first = sample(generator, 3, 7)
    assert torch.equal(torch.get_rng_state(), state)
    sample(generator, 3, 8)
    assert torch.equal(sample(generator, 3, 7), first)
    others = [sample(generator, 3, 8), sample(generator, 4, 7), sample(generator, 3, 7, 0.5)]
    others.append(picture_of(generator, style_of(generator, 3, 7), 3, 8))  # the same style with other noise
    assert all((other - first).abs().max() > 1e-3 for other in others)


def test_truncation_goes_to_the_average() -> None:
    generator = tiny()
    generator.track(torch.ones(4, 8))
    torch.testing.assert_close(generator.average, torch.full((8,), 0.005))

    def styled(z: Tensor, truncation: float) -> Tensor:
        return generator.styled(z, truncation)

    z = torch.randn(2, 8)
    torch.testing.assert_close(styled(z, 0.0), generator.average.expand(2, generator.styles, 8))
    torch.testing.assert_close(styled(z, 1.0)[:, 0], generator.map(z))
    torch.testing.assert_close(styled(z, 0.5), (styled(z, 0.0) + styled(z, 1.0)) / 2)
    torch.testing.assert_close(generator.map(z), generator.map(3 * z))  # latents are normalised
