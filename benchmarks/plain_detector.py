"""FCOS on EfficientNet-Lite0 as torchvision's references train it: float32, eager, contiguous, frozen batch norm.

The other side of `benchmarks/detect.py`. Nothing here comes from `detect`; the network's equations are the same, and
tests hold the losses of both sides against each other.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from timm.layers import freeze_batch_norm_2d
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import FeaturePyramidNetwork
from torchvision.transforms import v2

from coldstart import dataset
from coldstart.backbone import MEAN, STD, efficientnet_lite0

__all__ = ["Photos", "detector", "find", "loader", "steps", "take_over"]

STRIDES = (8, 16, 32)


class Backbone(nn.Module):
    """Maps of strides 8, 16 and 32, through a feature pyramid."""

    def __init__(self, channels: int, freeze: int) -> None:
        super().__init__()
        self.body: Any = freeze_batch_norm_2d(efficientnet_lite0(pretrained=True))
        for part in [self.body.conv_stem, *self.body.blocks][:freeze]:
            part.requires_grad_(False)
        self.pyramid = FeaturePyramidNetwork(self.body.feature_info.channels(), channels)
        self.out_channels = channels

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The maps by name."""
        maps: dict[str, Tensor] = self.pyramid(OrderedDict((str(i), m) for i, m in enumerate(self.body(images))))
        return maps


def detector(classes: int, size: tuple[int, int], channels: int = 96, convs: int = 2, freeze: int = 4) -> FCOS:
    """For pictures of any size, which are resized to `size`, (width, height)."""
    head = FCOSHead(channels, 1, classes, convs)
    regression: Any = head.regression_head
    regression.bbox_reg = nn.Sequential(regression.bbox_reg, nn.Softplus())
    anchors = AnchorGenerator(tuple((s,) for s in STRIDES), ((1.0,),) * len(STRIDES))
    anchors.cell_anchors = [cell + s // 2 for cell, s in zip(anchors.cell_anchors, STRIDES, strict=True)]
    return FCOS(
        Backbone(channels, freeze),
        classes,
        anchor_generator=anchors,
        head=head,
        score_thresh=0.01,
        detections_per_img=100,
        image_mean=list(MEAN),
        image_std=list(STD),
        fixed_size=size,
    )


def take_over(plain: FCOS, model: Any) -> None:
    """Give `plain` the weights of `model`, whose batch norms are folded: as ones that only add."""
    plain.backbone.pyramid.load_state_dict(model.backbone.pyramid.state_dict())
    plain.head.load_state_dict(model.head.state_dict())
    folded = [m for m in model.backbone.body.modules() if isinstance(m, nn.Conv2d)]
    convolutions = [m for m in plain.backbone.body.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in plain.backbone.body.modules() if "FrozenBatchNorm" in type(m).__name__]
    with torch.no_grad():
        for source, convolution, norm in zip(folded, convolutions, norms, strict=True):
            convolution.weight.copy_(source.weight)
            norm.weight.fill_(1)
            norm.bias.copy_(source.bias)
            norm.running_mean.fill_(0)
            norm.running_var.fill_(1 - norm.eps)


class Photos(Dataset[tuple[Any, dict[str, Any]]]):
    """A COCO folder, read picture by picture when asked; the training preset "ssd" of torchvision's references."""

    def __init__(self, folder: Path) -> None:
        self.data = dataset.load(folder)
        self.boxes = self.data.by_image()
        fill: dict[Any, Any] = defaultdict(lambda: (127, 127, 127), {tv_tensors.Mask: 0})
        self.transform = v2.Compose(
            [
                v2.RandomPhotometricDistort(),
                v2.RandomZoomOut(fill=fill),
                v2.RandomIoUCrop(),
                v2.RandomHorizontalFlip(),
                v2.ToImage(),
                v2.ToDtype(torch.float, scale=True),
                v2.ConvertBoundingBoxFormat(tv_tensors.BoundingBoxFormat.XYXY),
                v2.SanitizeBoundingBoxes(),
                v2.ToPureTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.data.images)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        record = self.data.images[index]
        picture = Image.open(self.data.path(record)).convert("RGB")
        found = self.boxes[record["id"]]
        boxes = torch.tensor([a["bbox"] for a in found], dtype=torch.float32).reshape(-1, 4)
        target = {
            "boxes": tv_tensors.BoundingBoxes(boxes, format="XYWH", canvas_size=(picture.height, picture.width)),
            "labels": torch.tensor([a["category_id"] - 1 for a in found]),
        }
        transformed: tuple[Any, dict[str, Any]] = self.transform(picture, target)
        return transformed


def loader(folder: Path, batch: int) -> DataLoader[Any]:
    """Shuffled, all else as torch gives it."""
    return DataLoader(Photos(folder), batch, shuffle=True, collate_fn=lambda items: tuple(zip(*items, strict=True)))


def steps(model: FCOS, optimizer: torch.optim.Optimizer, batches: Any) -> Iterator[float]:
    """The loop of the references: one update a batch; yields the losses."""
    model.train()
    for pictures, targets in batches:
        loss = sum(model(list(pictures), list(targets)).values(), torch.zeros(()))
        value = float(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield value


@torch.inference_mode()
def find(model: FCOS, photos: Sequence[Path]) -> Iterator[dict[str, Tensor]]:
    """What is on each photo, one by one."""
    model.eval()
    to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float, scale=True)])
    for photo in photos:
        yield model([to_tensor(Image.open(photo).convert("RGB"))])[0]
