"""CUT's patch MLP: published size, one network a layer, unit vectors out."""

import pytest
import torch

from coldstart.errors import UserError
from gan.networks import FeatureMLP, ResnetGenerator


def test_has_the_published_number_of_parameters_for_the_published_layers() -> None:
    features = ResnetGenerator(3, 3).features(torch.zeros(1, 3, 16, 16), (0, 4, 8, 12, 16))
    mlp = FeatureMLP([f.shape[1] for f in features])
    assert sum(p.numel() for p in mlp.parameters()) == 560_384


def test_state_dict_keys_are_those_of_the_authors_code() -> None:
    keys = [f"mlp_{n}.{layer}.{kind}" for n in (0, 1) for layer in (0, 2) for kind in ("weight", "bias")]
    assert list(FeatureMLP([3, 4], 8).state_dict()) == keys


def test_gives_unit_vectors_of_linear_relu_linear() -> None:
    mlp = FeatureMLP([3, 5], width=8)
    x = torch.randn(2, 7, 5)
    a, b = mlp([torch.randn(4, 3), x])
    assert (a.shape, b.shape) == ((4, 8), (2, 7, 8))
    torch.testing.assert_close(b.norm(dim=-1), torch.ones(2, 7))
    w = mlp.state_dict()
    y = (x @ w["mlp_1.0.weight"].T + w["mlp_1.0.bias"]).relu() @ w["mlp_1.2.weight"].T + w["mlp_1.2.bias"]
    torch.testing.assert_close(b, y / y.norm(dim=-1, keepdim=True))


@pytest.mark.parametrize(("channels", "width"), [([], 8), ([3, 0], 8), ([3], 0)])
def test_refuses_what_cannot_be_built(channels: list[int], width: int) -> None:
    with pytest.raises(UserError, match="feature MLP"):
        FeatureMLP(channels, width)
