"""torchvision's detectors on ResNet-50, with the weights that lie on this machine: nothing is downloaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import ResNet50_Weights
from torchvision.models.detection import (
    FasterRCNN_ResNet50_FPN_V2_Weights,
    RetinaNet_ResNet50_FPN_V2_Weights,
    fasterrcnn_resnet50_fpn_v2,
    retinanet_resnet50_fpn_v2,
)

from detect.local_weights import load_local
from detect.settings import Normalize, Settings, check_freeze, float_outputs

__all__ = ["ResNet50Config", "fasterrcnn_r50_v2", "retinanet_r50"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision trained
PARTS = 5  # the stem and four stages


@dataclass(frozen=True)
class ResNet50Config(Settings):
    """See conf/detector/retinanet_r50.yaml."""

    name: str = "retinanet_r50"
    weights: str | None = None
    freeze: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_freeze(self.freeze, PARTS)


def retinanet_r50(config: ResNet50Config, classes: int) -> nn.Module:
    """RetinaNet (Lin et al. 2017, arXiv 1708.02002) as improved by torchvision (`retinanet_resnet50_fpn_v2`)."""
    detector = retinanet_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        num_classes=classes,
        score_thresh=config.min_score,
        nms_thresh=config.nms,
        detections_per_img=config.max_detections,
    )
    float_outputs(detector.head)
    detector.transform = Normalize(MEAN, STD)
    return _prepared(detector, config, RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1, ("classification_head.cls_logits",))


def fasterrcnn_r50_v2(config: ResNet50Config, classes: int) -> nn.Module:
    """Faster R-CNN (Ren et al. 2015, arXiv 1506.01497) as in Li et al. 2021 (arXiv 2111.11429), by torchvision."""
    detector = fasterrcnn_resnet50_fpn_v2(
        weights=None,
        weights_backbone=None,
        num_classes=classes + 1,
        box_score_thresh=config.min_score,
        box_nms_thresh=config.nms,
        box_detections_per_img=config.max_detections,
    )
    float_outputs(detector.rpn.head)
    float_outputs(detector.roi_heads.box_predictor)
    detector.transform = Normalize(MEAN, STD, background=True)
    heads = ("box_predictor.cls_score", "box_predictor.bbox_pred")
    return _prepared(detector, config, FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1, heads)


def _prepared(detector: nn.Module, config: ResNet50Config, coco: Any, heads: tuple[str, ...]) -> nn.Module:
    """The best weights that are here, and the first parts frozen where there are any."""
    float_outputs(detector.backbone)  # type: ignore[arg-type]  # anchors take their precision from it
    if config.pretrained and _load(detector, config, coco, heads):
        body: Any = detector.backbone.body  # type: ignore[union-attr]
        stem = nn.ModuleList([body.conv1, body.bn1])
        for part in [stem, body.layer1, body.layer2, body.layer3, body.layer4][: config.freeze]:
            part.requires_grad_(False)
            for module in part.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.register_forward_pre_hook(_fixed)
    return detector.to(memory_format=torch.channels_last)


def _fixed(module: nn.Module, _inputs: object) -> None:
    """Batch norm that normalises by what it has learnt before, in training too, and learns nothing of the batch."""
    module.eval()


def _load(detector: nn.Module, config: ResNet50Config, coco: Any, heads: tuple[str, ...]) -> bool:
    """Load COCO weights from `config.weights` or torch hub's folder, else ImageNet's from there; whether there are any.

    What knows COCO's classes (`heads`) stays as it is.

    Raises:
        UserError: `config.weights` is missing, unreadable or of another network.
    """
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    whole, body = (hub / Path(weights.url).name for weights in (coco, ResNet50_Weights.IMAGENET1K_V1))
    if config.weights is not None or whole.is_file():
        load_local(Path(config.weights or whole), detector, heads, config.name)
    elif body.is_file():
        load_local(body, detector.backbone.body, (), "ResNet-50")  # type: ignore[union-attr, arg-type]
    else:
        print(
            f"{config.name}: no weights on this machine, so it starts from nothing and needs many more photos and "
            f"steps; give detector.weights=… (torchvision's {whole.name})"
        )
        return False
    return True
