"""Tiles give the picture that the whole gives, and keep no wide map in memory."""

import pytest
import torch
from torch import nn

from coldstart.errors import UserError
from gan.networks import Generator, ResnetGenerator, UnetGenerator, apply_tiled
from gan.networks.layers import reflected

NETWORKS = {
    "resnet": lambda: ResnetGenerator(3, 3, base=4, blocks=2),
    "resize": lambda: ResnetGenerator(3, 3, base=4, blocks=1, resize=True, dropout=True),
    "batch": lambda: ResnetGenerator(4, 3, base=4, blocks=1, norm="batch", residual=0.5),
    "unet": lambda: UnetGenerator(3, 3, depth=3, base=4, norm="instance", residual=0.5),
    "unet_batch": lambda: UnetGenerator(3, 3, depth=2, base=4, dropout=True),
}


def picture(channels: int, height: int = 200, width: int = 264) -> torch.Tensor:
    """Dark on one side and light on the other: a tile's own statistics would be far from the picture's."""
    ramp = torch.linspace(-0.8, 0.8, width).expand(2, channels, height, width)
    return (ramp + 0.2 * torch.randn(ramp.shape)).clamp(-1, 1)


@pytest.mark.parametrize("tile", [64, 50, 1000])
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_whole(name: str, tile: int) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]()
    for weight in network.parameters():
        nn.init.normal_(weight, 0, 0.2)
    network.train()(picture(network.in_channels, 64, 64))  # statistics for batch norm
    network.eval()
    x = picture(network.in_channels)
    with torch.no_grad():
        whole = network(x)
    assert whole.std() > 0.05
    assert (apply_tiled(network, x, tile) - whole).abs().max() < 1e-4  # of 2; one level of 8 bits is 1/127


def test_no_full_size_map_is_ever_made(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    convolve = nn.functional.conv2d

    def watched(x: torch.Tensor, *args: object) -> torch.Tensor:
        nonlocal largest
        y = convolve(x, *args)  # type: ignore[arg-type]
        largest = max(largest, x.numel(), y.numel())
        return y

    monkeypatch.setattr("torch.nn.functional.conv2d", watched)
    apply_tiled(ResnetGenerator(3, 3, base=8, blocks=1).eval(), picture(3)[:1], 32)
    assert largest < 8 * 200 * 264 / 10


def test_reflection_goes_to_and_fro() -> None:
    assert reflected(torch.arange(-3, 9), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_other_generators_are_refused() -> None:
    with pytest.raises(UserError, match="tile: a Generator is not applied in tiles"):
        apply_tiled(Generator(), torch.zeros(1, 3, 8, 8), 4)
