"""RF-DETR, a detection transformer, from the optional package `rfdetr`."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.ops import box_convert

from coldstart.errors import UserError
from detect.local_weights import load_local
from detect.resnet50 import MEAN, STD
from detect.settings import Normalize, Settings, Targets, to_float

__all__ = ["RfDetrConfig", "rf_detr"]


@dataclass(frozen=True)
class RfDetrConfig(Settings):
    """See conf/detector/rfdetr.yaml."""

    name: str = "rfdetr"
    weights: str | None = None


class RfDetr(nn.Module):
    """The network with torchvision's interface; boxes are found and matched in shares of the padded picture."""

    def __init__(
        self, network: nn.Module, criterion: nn.Module, select: nn.Module, settings: RfDetrConfig, classes: int
    ) -> None:
        super().__init__()
        self.network, self.criterion, self.select = network, criterion, select
        self.settings, self.classes = settings, classes
        self.transform = Normalize(MEAN, STD)

    @property
    def backbone(self) -> nn.Module:
        """The vision transformer with its projector."""
        return self.network.backbone  # type: ignore[return-value]

    def forward(self, images: list[Tensor], targets: Targets | None = None) -> Any:
        """See `detect.detectors`."""
        batch, _ = self.transform(images)
        height, width = batch.tensors.shape[-2:]
        whole = batch.tensors.new_tensor([width, height, width, height])
        output = self.network(_nested(batch.tensors))
        if self.training and targets is not None:
            wanted = [
                {"labels": t["labels"], "boxes": box_convert(t["boxes"] / whole, "xyxy", "cxcywh")} for t in targets
            ]
            losses: dict[str, Tensor] = self.criterion(to_float(output), wanted)
            weights = self.criterion.weight_dict
            return {name: loss * weights[name] for name, loss in losses.items() if name in weights}  # type: ignore[index, operator]
        sizes = torch.tensor([[height, width]] * len(images), device=whole.device)
        found: Targets = self.select(to_float(output), sizes)
        return [self._kept(one, image) for one, image in zip(found, images, strict=True)]

    def _kept(self, found: dict[str, Tensor], image: Tensor) -> dict[str, Tensor]:
        # The output beyond the classes is DETR's slot for no object.
        good = (found["scores"] >= self.settings.min_score) & (found["labels"] < self.classes)
        kept = good.nonzero()[: self.settings.max_detections, 0]
        boxes = torch.minimum(found["boxes"][kept], found["boxes"].new_tensor([*image.shape[:0:-1]] * 2))
        return {"boxes": boxes, "scores": found["scores"][kept], "labels": found["labels"][kept]}


def _nested(pictures: Tensor) -> Any:
    """A batch of pictures of one size: no pixel is padding."""
    from rfdetr.utilities.tensors import NestedTensor

    mask = torch.zeros(len(pictures), *pictures.shape[-2:], dtype=torch.bool, device=pictures.device)
    return NestedTensor(pictures, mask, no_padding=True)


def rf_detr(config: RfDetrConfig, classes: int) -> nn.Module:
    """RF-DETR nano (Robinson et al. 2025, arXiv 2511.09554) with the weights of a local file, if one is given.

    Raises:
        UserError: the package `rfdetr` is not installed, or the file holds no weights of it.
    """
    limit = Image.MAX_IMAGE_PIXELS
    try:
        from rfdetr.config import RFDETRNanoConfig, TrainConfig
        from rfdetr.models import build_criterion_from_config, build_model_from_config
    except ImportError as error:
        raise UserError(
            f"detector=rfdetr needs the package rfdetr ({error}); pip install 'coldstart-vision[rfdetr]'"
        ) from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit  # which rfdetr raises for all who read pictures in this process
    logging.getLogger("rf-detr").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that weights are missing; so do we, in one line
        shape = RFDETRNanoConfig(num_classes=classes, pretrain_weights=None, device="cpu")
        training = TrainConfig(dataset_dir=".", output_dir=".")
        network = build_model_from_config(shape, training)
        criterion, select = build_criterion_from_config(shape, training)
    if config.pretrained and config.weights is not None:
        load_local(Path(config.weights), network, ("class_embed",), config.name)
    elif config.pretrained:
        print(f"{config.name}: starts from nothing; give detector.weights=… (rf-detr-nano.pth)")
    return RfDetr(network, criterion, select, config, classes)
