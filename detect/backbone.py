"""EfficientNet-Lite0 without batch norm, and a feature pyramid on top."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.ops import FeaturePyramidNetwork

from coldstart.backbone import efficientnet_lite0

__all__ = ["PARTS", "STRIDES", "Float32", "PyramidBackbone", "fold_batch_norm"]

STRIDES = (8, 16, 32)
PARTS = 8  # the stem and seven stages


class Float32(nn.Module):
    """Computes `inner` in float32 on a CPU, whatever autocast says.

    The weight gradient of a 5×5 depthwise convolution takes 3 to 18 times as long in bfloat16 (oneDNN, AVX-512).
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `inner` gives."""
        if x.device.type != "cpu":
            return self.inner(x)
        with torch.autocast("cpu", enabled=False):
            return self.inner(x.float())


def fold_batch_norm(module: nn.Module) -> None:
    """Multiply every batch norm into the convolution before it (in place), and make 5×5 depthwise ones `Float32`.

    With fixed statistics, batch norm is an affine map per channel, so the outputs stay what they are. Statistics of
    small batches from two domains would be of no use, and a training step on a CPU takes less than half the time.
    """
    convolution: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            convolution = name, child
        elif isinstance(child, nn.BatchNorm2d) and convolution is not None:
            folded: nn.Module = fuse_conv_bn_eval(convolution[1].eval(), child.eval())
            wide = convolution[1].groups > 1 and convolution[1].kernel_size == (5, 5)
            setattr(module, convolution[0], Float32(folded) if wide else folded)
            setattr(module, name, child.act)  # timm's batch norm carries the activation
            convolution = None
        else:
            fold_batch_norm(child)


class PyramidBackbone(nn.Module):
    """EfficientNet-Lite0 without batch norm, and a feature pyramid (Lin et al. 2017, arXiv 1612.03144).

    N×3×H×W, normalised with MEAN and STD -> {"0": stride 8, "1": stride 16, "2": stride 32}, N×channels×H/s×W/s each.
    Of the stem and the seven stages, the first `freeze` (0 to 8) are not trained.
    """

    def __init__(self, channels: int, freeze: int, pretrained: bool) -> None:
        super().__init__()
        self.body = efficientnet_lite0(pretrained)
        self.pyramid = FeaturePyramidNetwork(self.body.feature_info.channels(), channels)  # type: ignore[union-attr, operator]
        self.out_channels = channels  # torchvision's detectors ask for it
        fold_batch_norm(self.body)
        for part in [self.body.conv_stem, *self.body.blocks][:freeze]:  # type: ignore[misc]
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps, finest first."""
        maps = self.body(images)
        pyramid: dict[str, Tensor] = self.pyramid(OrderedDict((str(i), m) for i, m in enumerate(maps)))
        return pyramid
