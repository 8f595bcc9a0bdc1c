"""The discriminator: published size and key names, and the patch each score sees."""

import pytest
import torch
from torch import nn

from coldstart.errors import UserError
from gan.networks import PatchConfig, PatchDiscriminator, PixelConfig, PixelDiscriminator


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (PatchDiscriminator(3), 2_764_737),
        (PatchDiscriminator(6, norm="batch"), 2_768_705),
        (PixelDiscriminator(3), 8_705),
    ],
)
def test_has_the_published_number_of_parameters(network: nn.Module, count: int) -> None:
    assert sum(p.numel() for p in network.parameters()) == count


def test_state_dict_keys_are_those_of_the_authors_code() -> None:
    keys = list(PatchDiscriminator(3, base=4).state_dict())
    assert keys == [f"model.{layer}.{kind}" for layer in (0, 2, 5, 8, 11) for kind in ("weight", "bias")]


def test_with_batch_norm_only_the_first_and_the_last_convolution_have_a_bias() -> None:
    keys = PatchDiscriminator(3, base=4, norm="batch").state_dict()
    biases = [key for key in keys if key.endswith("bias") and keys[key.replace("bias", "weight")].ndim == 4]
    assert biases == ["model.0.bias", "model.11.bias"]


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_a_score_sees_a_patch_of_the_published_size(layers: int, patch: int) -> None:
    # Batch norm in evaluation mode is a fixed scale per channel; instance norm would carry gradients across the image.
    network = PatchDiscriminator(3, base=2, layers=layers, norm="batch").double().eval()
    for weight in network.parameters():
        nn.init.normal_(weight, 0, 0.3)  # wide enough for the gradient at a patch's corner not to underflow
    x = torch.randn(1, 3, 2 * patch + 64, 2 * patch + 64, dtype=torch.double, requires_grad=True)
    scores = network(x)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    assert int(rows.max() - rows.min()) + 1 == patch
    assert int(columns.max() - columns.min()) + 1 == patch


@pytest.mark.parametrize("layers", [1, 3, 5])
def test_the_smallest_picture_gets_one_score(layers: int) -> None:
    side = PatchConfig(layers=layers).smallest
    network = PatchDiscriminator(3, base=2, layers=layers)
    assert network(torch.zeros(1, 3, side, side)).shape == (1, 1, 1, 1)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 3, side - 1, side - 1))


def test_scores_a_256_pixel_image_on_a_30_by_30_grid() -> None:
    assert PatchDiscriminator(3, base=4)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_a_pixels_score_sees_that_pixel_alone() -> None:
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    scores = PixelDiscriminator(3, base=4, norm="batch").eval()(x)
    assert scores.shape == (1, 1, 8, 8)
    scores[0, 0, 3, 5].backward()
    assert x.grad is not None
    assert x.grad[0].abs().sum(0).nonzero().tolist() == [[3, 5]]


@pytest.mark.parametrize("wrong", [{"norm": "layer"}, {"base": 0}])
def test_pixel_config_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"model\.discriminator"):
        PixelConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"norm": "layer"}, {"base": 0}, {"layers": 0}, {"layers": 6}])
def test_config_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"model\.discriminator"):
        PatchConfig(**wrong)  # type: ignore[arg-type]
