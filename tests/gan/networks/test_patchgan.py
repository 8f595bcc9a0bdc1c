"""The discriminator: published size and key names, and the patch each score sees."""

import pytest
import torch

from coldstart.errors import UserError
from gan.networks import PatchConfig, PatchDiscriminator


def test_has_the_published_number_of_parameters() -> None:
    assert sum(p.numel() for p in PatchDiscriminator(3).parameters()) == 2_764_737


def test_state_dict_keys_are_those_of_the_authors_code() -> None:
    keys = list(PatchDiscriminator(3, base=4).state_dict())
    assert keys == [f"model.{layer}.{kind}" for layer in (0, 2, 5, 8, 11) for kind in ("weight", "bias")]


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_score_sees_a_patch_of_the_published_size(layers: int, patch: int) -> None:
    # Batch norm in evaluation mode is a fixed scale per channel; instance norm would carry gradients across the image.
    network = PatchDiscriminator(3, base=4, layers=layers, norm="batch").double().eval()
    x = torch.randn(1, 3, 160, 160, dtype=torch.double, requires_grad=True)
    scores = network(x)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    assert int(rows.max() - rows.min()) + 1 == patch
    assert int(columns.max() - columns.min()) + 1 == patch


def test_scores_a_256_pixel_image_on_a_30_by_30_grid() -> None:
    assert PatchDiscriminator(3, base=4)(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize("wrong", [{"norm": "layer"}, {"base": 0}, {"layers": 0}, {"layers": 6}])
def test_config_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"model\.discriminator"):
        PatchConfig(**wrong)  # type: ignore[arg-type]
