import copy

import torch

from coldstart.backbone import efficientnet_lite0
from detect.backbone import STRIDES, Float32, PyramidBackbone, fold_batch_norm


def test_folding_batch_norm_changes_no_output() -> None:
    network = efficientnet_lite0(pretrained=True).eval()
    folded = copy.deepcopy(network)
    fold_batch_norm(folded)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        for before, after in zip(network(x), folded(x), strict=True):
            torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_maps_have_the_strides_and_frozen_parts_no_gradient() -> None:
    backbone = PyramidBackbone(channels=32, freeze=4, pretrained=True)
    maps = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps.values()] == [(1, 32, 64 // s, 96 // s) for s in STRIDES]
    sum(m.sum() for m in maps.values()).backward()
    parts = [backbone.body.conv_stem, *backbone.body.blocks]
    graded = [any(p.grad is not None for p in part.parameters()) for part in parts]
    assert graded == [False] * 4 + [True] * 4


def test_float32_computes_outside_autocast() -> None:
    inner = torch.nn.Conv2d(4, 4, 5, padding=2, groups=4)
    x = torch.randn(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert inner(x).dtype == torch.bfloat16
        wide = Float32(inner)(x.bfloat16())
    torch.testing.assert_close(wide, inner(x.bfloat16().float()))
