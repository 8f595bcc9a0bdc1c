"""EfficientNet-Lite0 without batch norm, and a feature pyramid on top."""

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from coldstart.backbone import efficientnet_lite0, fold_batch_norm

__all__ = ["PARTS", "STRIDES", "PyramidBackbone", "lite0_body"]

STRIDES = (8, 16, 32)
PARTS = 8  # the stem and seven stages


def lite0_body(freeze: int, pretrained: bool) -> nn.Module:
    """EfficientNet-Lite0 without batch norm; of the stem and the seven stages, the first `freeze` are not trained."""
    body = efficientnet_lite0(pretrained)
    fold_batch_norm(body)
    for part in [body.conv_stem, *body.blocks][:freeze]:  # type: ignore[misc]
        part.requires_grad_(False)
    return body


class PyramidBackbone(nn.Module):
    """EfficientNet-Lite0 without batch norm, and a feature pyramid (Lin et al. 2017, arXiv 1612.03144).

    N×3×H×W, normalised with MEAN and STD -> {"0": stride 8, "1": stride 16, "2": stride 32}, N×channels×H/s×W/s each.
    Of the stem and the seven stages, the first `freeze` (0 to 8) are not trained.
    """

    def __init__(self, channels: int, freeze: int, pretrained: bool) -> None:
        super().__init__()
        self.body = lite0_body(freeze, pretrained)
        self.pyramid = FeaturePyramidNetwork(self.body.feature_info.channels(), channels)  # type: ignore[union-attr, operator]
        self.out_channels = channels  # torchvision's detectors ask for it

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps, finest first."""
        maps = self.body(images)
        pyramid: dict[str, Tensor] = self.pyramid(OrderedDict((str(i), m) for i, m in enumerate(maps)))
        return pyramid
