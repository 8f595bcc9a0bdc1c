"""The networks equal the published ones, here written out once more from the papers and the keys of public checkpoints.

Nothing of gan.networks is used to build the other side: weights go from there into ours, strictly, and both give the
same pictures.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator
from gan.networks.published import generator_of, plain_keys

Norm = Callable[[int], nn.Module]
NORMS: dict[str, Norm] = {
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=False, track_running_stats=False),
    "batch": nn.BatchNorm2d,
}


class Skip(nn.Module):
    def __init__(self, name: str, inner: nn.Module, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.add_module(name, inner)
        self.inner, self.join = [inner], join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x, self.inner[0](x))


class Named(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.model = inner

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


def resnet(norm: str, dropout: bool, blocks: int = 2, c: int = 4) -> nn.Module:
    n, bias = NORMS[norm], norm == "instance"
    drop = [nn.Dropout(0.5)] if dropout else []

    def block() -> nn.Module:
        first = [nn.ReflectionPad2d(1), nn.Conv2d(4 * c, 4 * c, 3, bias=bias), n(4 * c), nn.ReLU()]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(4 * c, 4 * c, 3, bias=bias), n(4 * c)]
        return Skip("conv_block", nn.Sequential(*first, *drop, *second), torch.add)

    def up(inner: int, outer: int) -> nn.Module:
        return nn.ConvTranspose2d(inner, outer, 3, stride=2, padding=1, output_padding=1, bias=bias)

    return Named(
        nn.Sequential(
            *(nn.ReflectionPad2d(3), nn.Conv2d(3, c, 7, bias=bias), n(c), nn.ReLU()),
            *(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1, bias=bias), n(2 * c), nn.ReLU()),
            *(nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1, bias=bias), n(4 * c), nn.ReLU()),
            *(block() for _ in range(blocks)),
            *(up(4 * c, 2 * c), n(2 * c), nn.ReLU()),
            *(up(2 * c, c), n(c), nn.ReLU()),
            *(nn.ReflectionPad2d(3), nn.Conv2d(c, 3, 7), nn.Tanh()),
        )
    )


def unet(norm: str, dropout: bool, depth: int, c: int = 2) -> nn.Module:
    n, bias = NORMS[norm], norm == "instance"
    drop = [nn.Dropout(0.5)] if dropout else []

    def down(outer: int, inner: int) -> nn.Module:
        return nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)

    def up(inner: int, outer: int, bias: bool = bias) -> nn.Module:
        return nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=bias)

    def skip(*layers: nn.Module) -> nn.Module:
        return Skip("model", nn.Sequential(*layers), lambda x, y: torch.cat([x, y], 1))

    block = skip(nn.LeakyReLU(0.2), down(8 * c, 8 * c), nn.ReLU(), up(8 * c, 8 * c), n(8 * c))
    wide = [nn.LeakyReLU(0.2)]
    for _ in range(depth - 5):
        block = skip(*wide, down(8 * c, 8 * c), n(8 * c), block, nn.ReLU(), up(16 * c, 8 * c), n(8 * c), *drop)
    for outer, inner in ((4 * c, 8 * c), (2 * c, 4 * c), (c, 2 * c)):
        block = skip(*wide, down(outer, inner), n(inner), block, nn.ReLU(), up(2 * inner, outer), n(outer))
    return Named(Named(nn.Sequential(down(3, c), block, nn.ReLU(), up(2 * c, 3, bias=True), nn.Tanh())))


def patch(norm: str, c: int = 4) -> nn.Module:
    n, bias, leaky = NORMS[norm], norm == "instance", nn.LeakyReLU(0.2)
    return Named(
        nn.Sequential(
            *(nn.Conv2d(3, c, 4, stride=2, padding=1), leaky),
            *(nn.Conv2d(c, 2 * c, 4, stride=2, padding=1, bias=bias), n(2 * c), leaky),
            *(nn.Conv2d(2 * c, 4 * c, 4, stride=2, padding=1, bias=bias), n(4 * c), leaky),
            *(nn.Conv2d(4 * c, 8 * c, 4, padding=1, bias=bias), n(8 * c), leaky),
            nn.Conv2d(8 * c, 1, 4, padding=1),
        )
    )


def trained(network: nn.Module) -> nn.Module:
    """Weights and statistics as no initialisation would leave them."""
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point():
                tensor.normal_(0, 0.2)
    return network.eval()


def picture(side: int) -> Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def same(theirs: nn.Module, ours: nn.Module, side: int) -> bool:
    expected = theirs(picture(side))
    assert expected.std() > 0.002
    return torch.allclose(ours.eval()(picture(side)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_resnet_generator(norm: str, dropout: bool) -> None:
    theirs = trained(resnet(norm, dropout))
    ours = generator_of(theirs.state_dict())
    assert isinstance(ours, ResnetGenerator)
    assert same(theirs, ours, 32)
    assert [type(layer) for layer in ours.modules()].count(nn.Dropout) == 2 * dropout


@pytest.mark.parametrize("depth", [5, 7, 8])
@pytest.mark.parametrize("norm", NORMS)
def test_unet_generator(norm: str, depth: int) -> None:
    theirs = trained(unet(norm, True, depth))
    ours = generator_of(theirs.state_dict())
    assert isinstance(ours, UnetGenerator)
    assert same(theirs, ours, 256)


def test_dropout_stands_where_the_paper_has_it() -> None:
    ours, theirs = UnetGenerator(3, 3, base=2, dropout=True), unet("batch", True, 8)
    places = [
        [name for name, layer in network.named_modules(remove_duplicate=False) if isinstance(layer, nn.Dropout)]
        for network in (ours, theirs)
    ]
    assert len(places[0]) == 3
    assert places[0] == places[1]


@pytest.mark.parametrize("norm", NORMS)
def test_patch_discriminator(norm: str) -> None:
    theirs = trained(patch(norm))
    ours = PatchDiscriminator(3, base=4, norm=norm)
    ours.load_state_dict(plain_keys(theirs.state_dict()))
    assert same(theirs, ours, 64)


@pytest.mark.parametrize("norm", NORMS)
def test_pixel_discriminator(norm: str) -> None:
    bias = norm == "instance"
    layers = [nn.Conv2d(3, 4, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 8, 1, bias=bias), NORMS[norm](8), nn.LeakyReLU(0.2)]
    theirs = trained(nn.Sequential(*layers, nn.Conv2d(8, 1, 1, bias=bias)))
    ours = PixelDiscriminator(3, base=4, norm=norm)
    ours.load_state_dict({f"net.{key}": tensor for key, tensor in theirs.state_dict().items()})
    assert same(theirs, ours, 16)


def test_old_statistics_of_instance_norm_are_dropped() -> None:
    theirs = trained(resnet("instance", False))
    state = theirs.state_dict()
    for layer in ("2", "5", "8", "10.conv_block.2", "10.conv_block.6"):
        state[f"model.{layer}.running_mean"] = torch.ones(4)
        state[f"model.{layer}.running_var"] = torch.ones(4)
        state[f"model.{layer}.num_batches_tracked"] = torch.tensor(3)
    assert same(theirs, generator_of(state), 32)


def test_keys_of_a_training_on_several_gpus() -> None:
    theirs = trained(unet("batch", False, 5))
    assert same(theirs, generator_of({f"module.{key}": tensor for key, tensor in theirs.state_dict().items()}), 32)


def test_batch_norm_before_it_counted_batches() -> None:
    theirs = trained(resnet("batch", False))
    state = {key: tensor for key, tensor in theirs.state_dict().items() if "num_batches" not in key}
    assert same(theirs, generator_of(state), 32)


def damaged(change: Callable[[dict[str, Any]], Any]) -> dict[str, Tensor]:
    state = dict(resnet("instance", False).state_dict())
    change(state)
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "its keys are neither"),
        (patch("instance").state_dict(), "its keys are neither"),
        (damaged(lambda s: s.pop("model.4.bias")), r"Missing key\(s\).*model\.4\.bias"),
        (damaged(lambda s: s.update(more=torch.zeros(1))), r"Unexpected key\(s\).*more"),
        (damaged(lambda s: s.update({"model.4.bias": torch.zeros(3)})), "size mismatch for model.4.bias"),
    ],
)
def test_other_weights_are_refused_in_one_line(state: dict[str, Tensor], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        generator_of(state)
    assert "\n" not in str(error.value)
