"""The U-Net: published sizes, key names, shapes, and what `residual` promises."""

import pytest
import torch

from coldstart.errors import UserError
from gan.networks import UnetConfig, UnetGenerator


@pytest.mark.parametrize(
    ("depth", "norm", "count"), [(8, "batch", 54_413_955), (8, "instance", 54_409_603), (7, "batch", 41_828_995)]
)
def test_has_the_published_number_of_parameters(depth: int, norm: str, count: int) -> None:
    with torch.device("meta"):
        network = UnetGenerator(3, 3, depth=depth, norm=norm)
    assert sum(p.numel() for p in network.parameters()) == count


def test_only_the_last_convolution_has_a_bias_with_batch_norm() -> None:
    keys = UnetGenerator(3, 3, depth=5, base=2).state_dict()
    biases = [key for key in keys if key.endswith("bias") and keys[key.replace("bias", "weight")].ndim == 4]
    assert biases == ["model.model.3.bias"]
    assert "model.model.1.model.1.weight" in keys


@pytest.mark.parametrize(("depth", "size"), [(2, (4, 12)), (5, (32, 64))])
def test_output_has_the_size_of_the_input_and_lies_within_the_tanh(depth: int, size: tuple[int, int]) -> None:
    network = UnetGenerator(5, 3, depth=depth, base=2)
    assert network.stride == 2**depth
    y = network(torch.randn(2, 5, *size) * 5)
    assert y.shape == (2, 3, *size)
    assert y.abs().max() <= 1


def test_residual_starts_at_the_identity_and_stays_within_its_bound() -> None:
    x = torch.rand(2, 4, 32, 32) * 2 - 1
    network = UnetGenerator(4, 3, depth=3, base=2, residual=0.25)
    assert torch.equal(network(x), x[:, :3])
    with torch.no_grad():
        network.get_parameter("model.model.3.bias").fill_(-9.0)
    torch.testing.assert_close(network(x), (x[:, :3] - 0.25).clamp(min=-1))


@pytest.mark.parametrize("wrong", [{"norm": "layer"}, {"base": 0}, {"depth": 1}, {"depth": 11}, {"residual": 1.5}])
def test_config_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"model\.generator"):
        UnetConfig(**wrong)  # type: ignore[arg-type]
