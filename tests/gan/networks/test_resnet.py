"""The generator: published size, key names, shapes, and what `residual` promises."""

import pytest
import torch

from coldstart.errors import UserError
from gan.networks import ResnetConfig, ResnetGenerator


@pytest.mark.parametrize(("blocks", "count"), [(9, 11_378_179), (6, 7_837_699)])
def test_has_the_published_number_of_parameters(blocks: int, count: int) -> None:
    network = ResnetGenerator(3, 3, blocks=blocks)
    assert sum(p.numel() for p in network.parameters()) == count


def test_state_dict_keys_are_those_of_the_authors_code() -> None:
    keys = list(ResnetGenerator(3, 3, base=4, blocks=9).state_dict())
    blocks = [10 + n for n in range(9)]
    layers = ["1", "4", "7", *(f"{b}.conv_block.{c}" for b in blocks for c in (1, 5)), "19", "22", "26"]
    assert keys == [f"model.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


def test_convolutions_before_batch_norm_have_no_bias() -> None:
    keys = ResnetGenerator(3, 3, base=4, blocks=1, norm="batch").state_dict()
    assert "model.1.bias" not in keys
    assert "model.2.running_mean" in keys
    assert "model.18.bias" in keys


def test_output_has_the_size_of_the_input_and_lies_within_the_tanh() -> None:
    y = ResnetGenerator(3, 3, base=4, blocks=1)(torch.randn(2, 3, 36, 52) * 5)
    assert y.shape == (2, 3, 36, 52)
    assert y.abs().max() <= 1


def test_weights_start_from_a_narrow_normal_distribution() -> None:
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, base=32, blocks=1)
    weight = network.state_dict()["model.10.conv_block.1.weight"]
    assert weight.std() == pytest.approx(0.02, rel=0.02)
    assert not network.state_dict()["model.10.conv_block.1.bias"].any()


def test_residual_generator_starts_at_the_identity_learns_and_stays_in_range() -> None:
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    network = ResnetGenerator(3, 3, base=8, blocks=1, residual=1.0)
    assert torch.equal(network(x), x)
    network(x).sum().backward()
    assert network.get_parameter("model.18.weight").grad.any()
    with torch.no_grad():
        network.get_parameter("model.18.bias").fill_(9.0)
    assert network(x).min() > -0.001  # the darkest pixel plus the largest change
    assert network(x).max() == 1


@pytest.mark.parametrize("wrong", [{"norm": "layer"}, {"base": 0}, {"blocks": -1}])
def test_config_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"model\.generator"):
        ResnetConfig(**wrong)  # type: ignore[arg-type]
