"""The generator: published size, key names, shapes, and what `residual` promises."""

import pytest
import torch

from coldstart.errors import UserError
from gan.networks import ResnetConfig, ResnetGenerator


@pytest.mark.parametrize(
    ("blocks", "norm", "count"), [(9, "instance", 11_378_179), (9, "batch", 11_383_427), (6, "instance", 7_837_699)]
)
def test_has_the_published_number_of_parameters(blocks: int, norm: str, count: int) -> None:
    network = ResnetGenerator(3, 3, blocks=blocks, norm=norm)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("resize", [False, True])
def test_the_smallest_documented_generator(resize: bool) -> None:
    assert sum(p.numel() for p in ResnetGenerator(3, 3, base=16, blocks=4, resize=resize).parameters()) == 346_371


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


@pytest.mark.parametrize("resize", [False, True])
def test_output_has_the_size_of_the_input_and_lies_within_the_tanh(resize: bool) -> None:
    network = ResnetGenerator(5, 3, base=4, blocks=1, resize=resize)
    y = network(torch.randn(2, 5, 36, 52) * 5)
    assert network.stride == 4
    assert y.shape == (2, 3, 36, 52)
    assert y.abs().max() <= 1


def test_resize_leaves_no_checkerboard() -> None:
    # Far from the borders, even pictures stay even if every pixel is made in the same way.
    def unevenness(resize: bool) -> float:
        torch.manual_seed(0)
        network = ResnetGenerator(3, 3, base=4, blocks=0, norm="batch", resize=resize).eval()
        for p in network.parameters():
            torch.nn.init.normal_(p, 0, 0.3)
        y = network(torch.full((1, 3, 64, 64), 0.5))[..., 24:40, 24:40]
        return y.std((2, 3)).max().item()

    assert unevenness(resize=True) < 1e-5
    assert unevenness(resize=False) > 0.01


def test_features_are_the_layers_outputs_and_nothing_behind_them_runs() -> None:
    network = ResnetGenerator(3, 3, base=4, blocks=2)
    x = torch.randn(2, 3, 16, 16)
    found = network.features(x, (0, 2, 8, 10))
    after = [network.model[: n + 1](x) for n in (0, 2, 8, 10)]
    assert all(torch.equal(a, b) for a, b in zip(found, after, strict=True))
    assert found[1].min() < 0  # the ReLU behind, which works in place, has not touched it
    network.model[11] = torch.nn.Linear(1, 1)
    assert len(network.features(x, (0, 10))) == 2


def test_weights_start_from_a_narrow_normal_distribution() -> None:
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, base=32, blocks=1)
    weight = network.state_dict()["model.10.conv_block.1.weight"]
    assert weight.std() == pytest.approx(0.02, rel=0.02)
    assert not network.state_dict()["model.10.conv_block.1.bias"].any()


def test_residual_generator_starts_at_the_identity_learns_and_stays_within_its_bound() -> None:
    x = torch.rand(1, 4, 32, 32) * 2 - 1
    network = ResnetGenerator(4, 3, base=8, blocks=1, residual=0.5)
    assert torch.equal(network(x), x[:, :3])
    network(x).sum().backward()
    weight = network.get_parameter("model.18.weight")
    assert weight.grad is not None and weight.grad.any()
    with torch.no_grad():
        network.get_parameter("model.18.bias").fill_(9.0)
    torch.testing.assert_close(network(x), (x[:, :3] + 0.5).clamp(max=1))


@pytest.mark.parametrize("wrong", [{"norm": "layer"}, {"base": 0}, {"blocks": -1}, {"residual": -0.1}, {"residual": 2}])
def test_config_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"model\.generator"):
        ResnetConfig(**wrong)  # type: ignore[arg-type]
