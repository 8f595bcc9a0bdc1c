"""What all detectors have in common: settings of their output, and the step that takes pictures in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from coldstart.backbone import MEAN, STD
from coldstart.errors import UserError

__all__ = ["Normalize", "Settings", "Targets", "check_freeze", "float_outputs", "to_float"]

Targets = list[dict[str, Tensor]]


@dataclass(frozen=True)
class Settings:
    """The keys that every file in conf/detector/ has."""

    name: str = ""
    pretrained: bool = True
    min_score: float = 0.01
    nms: float = 0.6
    agnostic_nms: float | None = 0.6
    max_detections: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.min_score < 1:
            raise UserError(f"detector.min_score: {self.min_score} is not between 0 and 1")
        for key, value in (("nms", self.nms), ("agnostic_nms", self.agnostic_nms)):
            if value is not None and not 0 < value <= 1:
                raise UserError(f"detector.{key}: {value} is not an IoU between 0 and 1")
        if self.max_detections < 1:
            raise UserError(f"detector.max_detections: {self.max_detections} is below 1")


def check_freeze(freeze: int, parts: int) -> None:
    """Refuse to freeze more parts of a backbone than there are."""
    if not 0 <= freeze <= parts:
        raise UserError(f"detector.freeze: {freeze} is not between 0 and {parts}")


class Normalize(GeneralizedRCNNTransform):
    """torchvision's detector input step without its resizing: normalise, pad to a multiple of 32, batch.

    With `background`, for detectors whose label 0 is the background, labels go in one higher and come out one lower.
    """

    def __init__(self, mean: Sequence[float] = MEAN, std: Sequence[float] = STD, *, background: bool = False) -> None:
        super().__init__(min_size=1, max_size=1, image_mean=list(mean), image_std=list(std))
        self.background = background

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Leave both as they are: `detect.letterbox` has already brought them to size."""
        return image, target

    def forward(self, images: list[Tensor], targets: Targets | None = None) -> tuple[ImageList, Targets | None]:
        """3×H×W images in 0..1 -> one batch of normalised images, and the targets."""
        if self.background and targets is not None:
            targets = [{**target, "labels": target["labels"] + 1} for target in targets]
        batch: tuple[ImageList, Targets | None] = super().forward(images, targets)
        return batch

    def postprocess(self, result: Targets, image_shapes: Any, original_image_sizes: Any) -> Targets:
        """Detections in pixels of the images as they came in."""
        found: Targets = super().postprocess(result, image_shapes, original_image_sizes)
        return [{**one, "labels": one["labels"] - 1} for one in found] if self.background else found


def float_outputs(module: nn.Module) -> nn.Module:
    """Make `module` give float32 under autocast: in bfloat16, scores tie and boxes round to a third of a pixel."""
    module.register_forward_hook(_float_hook)
    return module


def _float_hook(module: nn.Module, arguments: Any, output: Any) -> Any:
    return to_float(output)


def to_float(output: Any) -> Any:
    """The same tensors, dictionaries, lists and tuples with floating point numbers in float32."""
    if isinstance(output, Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, dict):
        return {key: to_float(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return type(output)(to_float(value) for value in output)
    return output
