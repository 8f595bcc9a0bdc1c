"""The detectors, by name: each is a torchvision detector that takes images already brought to the training size."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from coldstart import cli
from coldstart.backbone import MEAN, STD
from coldstart.dataset import write_atomic
from coldstart.errors import UserError
from detect.backbone import PARTS, STRIDES, PyramidBackbone

__all__ = ["DETECTORS", "Checkpoint", "FcosLite0Config", "build", "check", "load", "save"]


@dataclass(frozen=True)
class FcosLite0Config:
    """See conf/detector/fcos_lite0.yaml."""

    name: str = "fcos_lite0"
    pretrained: bool = True
    freeze: int = 4
    channels: int = 96
    head_convs: int = 2
    min_score: float = 0.01
    nms: float = 0.6
    agnostic_nms: float | None = 0.6
    max_detections: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.freeze <= PARTS:
            raise UserError(f"detector.freeze: {self.freeze} is not between 0 and {PARTS}")
        if self.channels < 32 or self.channels % 32:
            raise UserError(f"detector.channels: {self.channels} is not a multiple of 32")
        if self.head_convs < 0:
            raise UserError(f"detector.head_convs: {self.head_convs} is below 0")
        if not 0 < self.min_score < 1:
            raise UserError(f"detector.min_score: {self.min_score} is not between 0 and 1")
        for key, value in (("nms", self.nms), ("agnostic_nms", self.agnostic_nms)):
            if value is not None and not 0 < value <= 1:
                raise UserError(f"detector.{key}: {value} is not an IoU between 0 and 1")
        if self.max_detections < 1:
            raise UserError(f"detector.max_detections: {self.max_detections} is below 1")


class Normalize(GeneralizedRCNNTransform):
    """torchvision's detector input step without its resizing: normalise, pad to a multiple of 32, batch."""

    def __init__(self) -> None:
        super().__init__(min_size=1, max_size=1, image_mean=list(MEAN), image_std=list(STD))

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Leave both as they are: `detect.letterbox` has already brought them to size."""
        return image, target


class Head(FCOSHead):
    """FCOS's head with distances by softplus and float32 outputs.

    torchvision's ReLU lets a seed start with every box empty, where the GIoU loss has no gradient: such a run learns
    late or never. Softplus is its smooth twin (the paper's first version takes exp). In bfloat16, scores would tie and
    boxes round to a third of a pixel.
    """

    def __init__(self, channels: int, anchors: int, classes: int, convs: int) -> None:
        super().__init__(channels, anchors, classes, convs)
        regression = self.regression_head
        regression.bbox_reg = nn.Sequential(regression.bbox_reg, nn.Softplus())  # the ReLU after it changes nothing

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        """N×(positions)×(classes, 4, 1)."""
        return {name: output.float() for name, output in super().forward(x).items()}


def fcos_lite0(config: FcosLite0Config, classes: int) -> nn.Module:
    """FCOS (Tian et al. 2019, arXiv 1904.01355; 2020, arXiv 2006.09214) on EfficientNet-Lite0, strides 8, 16 and 32.

    Input: a list of 3×H×W images in 0..1; with targets (`boxes` N×4 as x1 y1 x2 y2 in pixels, `labels` from 0) and in
    training mode it returns the losses, in evaluation mode `boxes`, `scores` and `labels` of each image.
    """
    backbone = PyramidBackbone(config.channels, config.freeze, config.pretrained)
    detector = FCOS(
        backbone,
        classes,
        anchor_generator=_positions(),
        head=Head(config.channels, 1, classes, config.head_convs),
        score_thresh=config.min_score,
        nms_thresh=config.nms,
        detections_per_img=config.max_detections,
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


# name -> its config's dataclass, and what builds it for a number of classes
DETECTORS: dict[str, tuple[type[Any], Callable[[Any, int], nn.Module]]] = {
    "fcos_lite0": (FcosLite0Config, fcos_lite0),
}


def check(config: Mapping[str, Any]) -> Any:
    """The typed config of a `detector=` group.

    Raises:
        UserError: the name is unknown, or a key is unknown or out of range.
    """
    name = config.get("name")
    if name not in DETECTORS:
        raise UserError(f"detector.name: no detector {name!r}; available: {', '.join(DETECTORS)}")
    return cli.typed(DETECTORS[name][0], dict(config), "detector")


def build(config: Any, classes: int) -> nn.Module:
    """The detector of a checked config for `classes` classes."""
    return DETECTORS[config.name][1](config, classes)


@dataclass(frozen=True)
class Checkpoint:
    """A trained detector and what one must know to use it: class names in label order, input [width, height]."""

    model: nn.Module
    config: Any
    class_names: list[str]
    size: tuple[int, int]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write weights and metadata as one safetensors file, atomically."""
    metadata = {
        "format": "coldstart detector 2",
        "detector": json.dumps(cli.plain(checkpoint.config)),
        "class_names": json.dumps(checkpoint.class_names, ensure_ascii=False),
        "size": json.dumps(checkpoint.size),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.model.state_dict().items()}
    write_atomic(path, to_bytes(tensors, metadata))


def load(path: str | Path) -> Checkpoint:
    """Read what `save` wrote; nothing is unpickled.

    Raises:
        UserError: the file is missing, is no safetensors file or none of ours, or its weights do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; give the detector.safetensors that detect.train wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: is not a safetensors file ({error}); give detect.train's detector.safetensors"
        ) from None
    if metadata.get("format") != "coldstart detector 2":
        raise UserError(f"{path}: was not written by detect.train; give its detector.safetensors")
    try:
        config = check({**json.loads(metadata["detector"]), "pretrained": False})
        class_names, (width, height) = json.loads(metadata["class_names"]), json.loads(metadata["size"])
        model = build(config, len(class_names))
        model.load_state_dict(tensors)
    except (KeyError, ValueError, TypeError, RuntimeError, UserError):
        raise UserError(f"{path}: its weights and its description do not fit each other; train it again") from None
    return Checkpoint(model.eval(), config, class_names, (width, height))
