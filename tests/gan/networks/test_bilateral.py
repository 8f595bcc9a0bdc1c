"""The bilateral grid: the identity at first, affine in each pixel, geometry in its place, any size, the same twice."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from coldstart.errors import UserError
from gan.networks.bilateral import BilateralConfig, BilateralGenerator, Sensor, rings
from gan.translate import translate_image


def wild(*, sensor: bool = False) -> BilateralGenerator:
    """A generator whose matrices differ everywhere."""
    torch.manual_seed(0)
    generator = BilateralGenerator(base=4, depth=4, sensor=sensor).eval()
    torch.nn.init.normal_(generator.matrices.weight, 0, 2)
    return generator


def picture(*size: int) -> Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("size", [(64, 96), (77, 101), (16, 16), (33, 18)])
def test_it_starts_at_the_identity_at_any_size(size: tuple[int, int]) -> None:
    x = picture(*size)
    assert translate_image(BilateralGenerator(sensor=False).eval(), x).equal(x)
    levels = 127.5 * (translate_image(BilateralGenerator().eval(), x) - x)
    assert 0.1 < levels.std() < 0.5, "the noise starts below what 8 bits can hold"


def test_slicing_is_trilinear() -> None:
    generator, x = wild(), picture(64, 96)
    grid = generator.grid(x)
    assert grid.std() > 0.05
    assert grid.abs().max() <= 0.25
    value = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)  # what the guide starts as, in [-1, 1]
    y, x_ = ((torch.arange(side) + 0.5) / side * 2 - 1 for side in (64, 96))
    places = torch.stack([x_.expand(2, 64, 96), y[:, None].expand(2, 64, 96), value], -1)[:, None]
    matrices = F.grid_sample(grid.flatten(2, 3).transpose(1, 2), places, align_corners=True).view(2, 3, 4, 64, 96)
    expected = x + (matrices[:, :, :3] * x[:, None]).sum(2) + matrices[:, :, 3]
    torch.testing.assert_close(generator.slice(grid, x), expected, atol=1e-5, rtol=0)


def test_a_pixel_follows_from_its_own_colour() -> None:
    generator, x = wild(), picture(64, 64)
    grid, other = generator.grid(x), x.clone()
    other[:, :, 20, 40] *= -1
    changed = (generator.slice(grid, other) != generator.slice(grid, x)).any(1)
    assert changed[:, 20, 40].all()
    assert changed.sum() == 2


def test_objects_change_as_light_changes_them() -> None:
    torch.manual_seed(0)
    generator = BilateralGenerator(4, 3, base=4, depth=4, sensor=False, guide=["objects"]).eval()
    inside = torch.full((2, 1, 64, 64), -1.0)
    inside[..., :40] = 1
    x = torch.cat([0.9 * picture(64, 64), inside], 1)
    assert generator(x).equal(x[:, :3]), "it starts at the identity"
    torch.nn.init.normal_(generator.matrices.weight, 0, 2)
    grid, other = generator.grid(x[:, :3]), x.clone()
    assert grid.shape == (2, 5, 3, 4, 3, 3)
    other[:, :3] = -other[:, :3]
    light, another = ((generator.slice(grid, a) + 1) / (a[:, :3] + 1) for a in (x, other))
    torch.testing.assert_close(light[..., :40], another[..., :40], atol=1e-4, rtol=0)  # a gain, whatever the colour
    assert (light[..., :40] - 1).abs().mean() > 0.05
    assert not torch.allclose(light[..., 40:], another[..., 40:], atol=0.1)  # around them the colour counts
    within, without = (
        generator.slice(grid, torch.cat([x[:, :3], sign * torch.ones(2, 1, 64, 64)], 1)) for sign in (1, -1)
    )
    expected = torch.lerp(within[..., 38:42], without[..., 38:42], torch.tensor([0, 1 / 3, 2 / 3, 1])).clamp(-1, 1)
    torch.testing.assert_close(generator(x)[..., 38:42], expected, atol=1e-4, rtol=0)  # an outline is a bit of both


def test_autocast_costs_no_shades() -> None:
    generator, x = wild(), picture(64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert generator(x).equal(generator(x.float()))
        assert generator(x).dtype == torch.float32


def test_noise_follows_from_the_picture() -> None:
    generator, x = wild(sensor=True), picture(64, 64)
    torch.testing.assert_close(generator(x)[1], generator(x.flip(0))[0])
    state = torch.get_rng_state()
    generator(x)
    assert torch.get_rng_state().equal(state), "looking at a picture leaves chance alone"
    generator.train()
    assert not generator(x).equal(generator(x))


def test_the_sensor_moves_nothing() -> None:
    sensor = Sensor()
    torch.testing.assert_close(sensor.kernel(), rings(5)[0])
    torch.nn.init.normal_(sensor.blur, 0, 3)
    kernel = sensor.kernel()
    torch.testing.assert_close(kernel.sum(), torch.tensor(1.0))
    torch.testing.assert_close(kernel, kernel.T)
    torch.testing.assert_close(kernel, kernel.flip(0))
    assert (rings(5).sum(0) == 1).all()


def test_noise_is_as_strong_as_it_says_and_correlated() -> None:
    sensor = Sensor()
    with torch.no_grad():
        sensor.log_read.fill_(0.03).log_()
        sensor.log_shot.fill_(0.04).log_()
        sensor.grain.fill_(0.5)
    x = torch.full((1, 3, 400, 400), -1.0)
    x[..., 200:] = 1
    noise = (sensor(x, [1]) - x).detach()[..., 4:-4, :]
    assert noise[..., 4:196].std() == pytest.approx(0.03, rel=0.05)
    assert noise[..., 204:396].std() == pytest.approx(0.05, rel=0.05)
    assert (noise[..., 1:] * noise[..., :-1]).mean() > 0.3 * noise.square().mean()


def test_it_is_told_of_objects_or_nothing() -> None:
    with pytest.raises(
        UserError, match=r"model\.generator\.guide: bilateral takes \[\] or \[objects\], got \['edges'\]"
    ):
        BilateralConfig(guide=["edges"])


@pytest.mark.parametrize("options", [{"base": 0}, {"depth": 1}, {"residual": 0.0}])
def test_what_is_no_generator_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"model\.generator: base must be at least 1, depth at least 2"):
        BilateralConfig(**options)  # type: ignore[arg-type]
