"""SSDLite on EfficientNet-Lite0: the smallest detector, with default boxes instead of a pyramid."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops import Conv2dNormActivation

from detect.backbone import PARTS, lite0_body
from detect.settings import Normalize, Settings, check_freeze, float_outputs

__all__ = ["SsdLiteConfig", "ssdlite"]

# Sides of the default boxes at strides 8, 16, 32, 64 and 128, and one beyond, as shares of the picture's.
SCALES = [0.06, 0.12, 0.22, 0.4, 0.65, 0.95]
EXTRA = (256, 128)  # channels of the maps at strides 64 and 128


@dataclass(frozen=True)
class SsdLiteConfig(Settings):
    """See conf/detector/ssdlite.yaml."""

    name: str = "ssdlite"
    freeze: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_freeze(self.freeze, PARTS)


class Maps(nn.Module):
    """N×3×H×W -> the backbone's maps at strides 8, 16 and 32, and two more that its last one is reduced to."""

    def __init__(self, freeze: int, pretrained: bool, norm: partial[nn.BatchNorm2d]) -> None:
        super().__init__()
        self.body = lite0_body(freeze, pretrained)
        channels = self.body.feature_info.channels()  # type: ignore[union-attr, operator]
        self.out_channels = [*channels, *EXTRA]
        self.extra = nn.ModuleList(
            _reduced(ins, outs, norm) for ins, outs in zip(self.out_channels[2:], EXTRA, strict=False)
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Feature maps, finest first."""
        maps = list(self.body(images))
        for block in self.extra:
            maps.append(block(maps[-1]))
        return OrderedDict((str(i), m) for i, m in enumerate(maps))


def _reduced(ins: int, outs: int, norm: partial[nn.BatchNorm2d]) -> nn.Sequential:
    """1×1, depthwise 3×3 with stride 2, 1×1: SSDLite's extra layer."""
    layer = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
    return nn.Sequential(
        layer(ins, outs // 2, kernel_size=1),
        layer(outs // 2, outs // 2, kernel_size=3, stride=2, groups=outs // 2),
        layer(outs // 2, outs, kernel_size=1),
    )


def ssdlite(config: SsdLiteConfig, classes: int) -> nn.Module:
    """SSD (Liu et al. 2016, arXiv 1512.02325) with MobileNetV2's separable head (arXiv 1801.04381, section 6.2).

    torchvision's head and losses; default boxes from 6 to 95 % of the picture, for objects smaller than COCO's.
    """
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)  # torchvision's for SSDLite
    backbone = Maps(config.freeze, config.pretrained, norm)
    boxes = DefaultBoxGenerator([[2, 3]] * len(backbone.out_channels), scales=SCALES)
    detector = SSD(
        float_outputs(backbone),
        boxes,
        (1, 1),  # what its own transform would resize to
        classes + 1,
        head=float_outputs(SSDLiteHead(backbone.out_channels, boxes.num_anchors_per_location(), classes + 1, norm)),
        score_thresh=config.min_score,
        nms_thresh=config.nms,
        detections_per_img=config.max_detections,
    )
    detector.transform = Normalize(background=True)
    return detector.to(memory_format=torch.channels_last)
