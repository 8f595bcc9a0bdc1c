"""FCOS on EfficientNet-Lite0: the default detector."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection._utils import _topk_min as topk_min
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import clip_boxes_to_image

from coldstart.errors import UserError
from detect.backbone import PARTS, STRIDES, PyramidBackbone
from detect.settings import Normalize, Settings, Targets, check_freeze, float_outputs
from detect.voting import suppress_and_vote

__all__ = ["FcosLite0Config", "fcos_lite0"]

CELLS = 3.0  # strides to each side of an untrained head's boxes: about as far as objects of each level reach


@dataclass(frozen=True)
class FcosLite0Config(Settings):
    """See conf/detector/fcos_lite0.yaml."""

    name: str = "fcos_lite0"
    freeze: int = 2
    channels: int = 96
    head_convs: int = 2
    voting: float = 0.1
    mirrored: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_freeze(self.freeze, PARTS)
        if self.channels < 32 or self.channels % 32:
            raise UserError(f"detector.channels: {self.channels} is not a multiple of 32")
        if self.head_convs < 0:
            raise UserError(f"detector.head_convs: {self.head_convs} is below 0")
        if not self.voting > 0:
            raise UserError(f"detector.voting: {self.voting} is not above 0")


class GroupNorm(nn.GroupNorm):
    """Torch's, whose gradient on a CPU takes 3 to 20 times as long where channels lie last (bfloat16, AVX-512)."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`."""
        return super().forward(x.contiguous() if x.requires_grad and x.device.type == "cpu" else x)


class Head(FCOSHead):
    """FCOS's head with distances by softplus.

    torchvision's ReLU lets a seed start with every box empty, where the GIoU loss has no gradient: such a run learns
    late or never. Softplus is its smooth twin (the paper's first version takes exp).
    """

    def __init__(self, channels: int, anchors: int, classes: int, convs: int) -> None:
        super().__init__(channels, anchors, classes, convs)
        regression = self.regression_head
        for tower in (self.classification_head.conv, regression.conv):
            for place, layer in enumerate(tower):
                if isinstance(layer, nn.GroupNorm):
                    tower[place] = GroupNorm(layer.num_groups, layer.num_channels)
        nn.init.constant_(regression.bbox_reg.bias, CELLS)
        regression.bbox_reg = nn.Sequential(regression.bbox_reg, nn.Softplus())  # the ReLU after it changes nothing
        self.register_buffer("class_weights", None, persistent=False)

    def compute_loss(
        self, targets: Targets, head_outputs: dict[str, Tensor], anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> dict[str, Tensor]:
        """torchvision's losses; what a position on an object teaches counts as much as the weight of its class.

        One in an `ignored` box of the targets, and on no object, teaches nothing. A position's loss depends on its own
        outputs alone, so weights on their gradients are weights on the loss.
        """
        if self.class_weights is not None or any(len(target.get("ignored", ())) for target in targets):
            each = zip(targets, anchors, matched_idxs, strict=True)
            weights = torch.stack([self._weights(*one) for one in each])[:, :, None]
            head_outputs = {name: o.lerp(o.detach(), 1 - weights) for name, o in head_outputs.items()}
        losses: dict[str, Tensor] = super().compute_loss(targets, head_outputs, anchors, matched_idxs)
        return losses

    def _weights(self, target: dict[str, Tensor], anchors: Tensor, matched: Tensor) -> Tensor:
        """One weight per position, 1 on the background; `matched` are places in the target's `labels`, or -1."""
        weights = torch.ones(len(matched), device=matched.device)
        if "ignored" in target:
            x, y = ((anchors[:, :2] + anchors[:, 2:]) / 2)[:, None].unbind(2)
            x1, y1, x2, y2 = target["ignored"].unbind(1)
            weights[((x1 < x) & (x < x2) & (y1 < y) & (y < y2)).any(dim=1)] = 0
        on = matched >= 0
        weights[on] = 1.0 if self.class_weights is None else self.class_weights[target["labels"][matched[on]]]
        return weights


class VotingFCOS(FCOS):
    """torchvision's FCOS, whose boxes vote on where an object ends; see `detect.voting`."""

    def __init__(self, *arguments: Any, config: FcosLite0Config, **options: Any) -> None:
        super().__init__(*arguments, score_thresh=config.min_score, **options)
        self.config = config

    def forward(self, images: list[Tensor], targets: Targets | None = None) -> Any:
        """torchvision's; with `mirrored`, what is found on the mirrored pictures votes too."""
        found = super().forward(images, targets)
        if self.training or not self.config.mirrored:
            return found
        again = super().forward([image.flip(-1) for image in images])
        return [self._both(one, other, image.shape[-1]) for one, other, image in zip(found, again, images, strict=True)]

    def _both(self, found: dict[str, Tensor], mirrored: dict[str, Tensor], width: int) -> dict[str, Tensor]:
        x1, y1, x2, y2 = mirrored["boxes"].unbind(1)
        mirrored = {**mirrored, "boxes": torch.stack([width - x2, y1, width - x1, y2], 1)}
        return self._suppressed({key: torch.cat([found[key], mirrored[key]]) for key in found})

    def _suppressed(self, candidates: dict[str, Tensor]) -> dict[str, Tensor]:
        config = self.config
        return suppress_and_vote(candidates, nms=config.nms, sigma=config.voting, most=config.max_detections)

    def postprocess_detections(
        self, head_outputs: dict[str, list[Tensor]], anchors: list[list[Tensor]], image_shapes: list[tuple[int, int]]
    ) -> Targets:
        """The candidates of each image, suppressed and voted."""
        names = ("cls_logits", "bbox_ctrness", "bbox_regression")
        found = []
        for index, shape in enumerate(image_shapes):
            levels = zip(*(head_outputs[name] for name in names), anchors[index], strict=True)
            parts = [self._candidates(c[index], n[index], d[index], places, shape) for c, n, d, places in levels]
            candidates = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
            output = self._suppressed(candidates)
            found.append({**output, "boxes": clip_boxes_to_image(output["boxes"], shape)})  # a mean may round beyond
        return found

    def _candidates(
        self, logits: Tensor, centerness: Tensor, distances: Tensor, anchors: Tensor, shape: tuple[int, int]
    ) -> dict[str, Tensor]:
        """One level's best `boxes`, `scores` and `labels` before suppression, as torchvision's FCOS has them.

        Its own method suppresses at once, and to let it suppress nothing takes longer than all else behind the head.
        """
        scores = (logits.sigmoid() * centerness.sigmoid()).sqrt().flatten()
        (kept,) = torch.where(scores > self.score_thresh)
        scores, order = scores[kept].topk(topk_min(kept, self.topk_candidates, 0))
        kept = kept[order]
        cells = torch.div(kept, logits.shape[-1], rounding_mode="floor")
        boxes = clip_boxes_to_image(self.box_coder.decode(distances[cells], anchors[cells]), shape)
        return {"boxes": boxes, "scores": scores, "labels": kept % logits.shape[-1]}


def fcos_lite0(config: FcosLite0Config, classes: int) -> nn.Module:
    """FCOS (Tian et al. 2019, arXiv 1904.01355; 2020, arXiv 2006.09214) on EfficientNet-Lite0, strides 8, 16 and 32."""
    detector = VotingFCOS(
        PyramidBackbone(config.channels, config.freeze, config.pretrained),
        classes,
        anchor_generator=_positions(),
        head=float_outputs(Head(config.channels, 1, classes, config.head_convs)),
        config=config,
    )
    detector.transform = Normalize()
    return detector.to(memory_format=torch.channels_last)


def _positions() -> AnchorGenerator:
    """FCOS's positions, as one square anchor per cell with the stride as its side.

    They lie in the middle of a cell, (⌊s/2⌋ + xs, ⌊s/2⌋ + ys) (FCOS, section 3.1); torchvision's lie on its corner.
    """
    anchors = AnchorGenerator(tuple((s,) for s in STRIDES), ((1.0,),) * len(STRIDES))
    anchors.cell_anchors = [cell + s // 2 for cell, s in zip(anchors.cell_anchors, STRIDES, strict=True)]
    return anchors
