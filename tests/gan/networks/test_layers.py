"""Instance norm has no weights; batch norm starts around 1; reflected borders keep the kind of number."""

import pytest
import torch
from torch import nn

from coldstart.errors import UserError
from gan.networks.layers import ReflectionPad, check_norm, init_weights, norm_layer


def test_instance_norm_has_neither_weights_nor_statistics() -> None:
    assert not norm_layer("instance", 8).state_dict()


def test_batch_norm_scales_start_around_one() -> None:
    torch.manual_seed(0)
    layer = norm_layer("batch", 4096)
    init_weights(layer)
    assert isinstance(layer, nn.BatchNorm2d)
    assert layer.weight.mean().item() == pytest.approx(1, abs=0.002)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_unknown_norm_is_named_with_its_key() -> None:
    with pytest.raises(UserError, match=r"some\.key: 'layer' is none of instance, batch"):
        check_norm("layer", "some.key")


def test_reflected_borders_stay_half_numbers_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        padded = ReflectionPad(1)(torch.arange(4.0, dtype=torch.bfloat16).view(1, 1, 2, 2))
    assert padded.dtype == torch.bfloat16
    assert padded[0, 0, 0].tolist() == [3, 2, 3, 2]
