import torch

from detect.backbone import STRIDES, PyramidBackbone


def test_maps_have_the_strides_and_frozen_parts_no_gradient() -> None:
    backbone = PyramidBackbone(channels=32, freeze=4, pretrained=True)
    maps = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(m.shape) for m in maps.values()] == [(1, 32, 64 // s, 96 // s) for s in STRIDES]
    sum(m.sum() for m in maps.values()).backward()
    parts = [backbone.body.conv_stem, *backbone.body.blocks]
    graded = [{p.grad is not None for p in part.parameters()} for part in parts]
    assert graded == [{False}] * 4 + [{True}] * 4
