"""Fit a picture of any shape into the detector's input size, and bring boxes back."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from coldstart.errors import UserError

__all__ = ["GREY", "Letterbox", "check_size", "letterbox"]

GREY = 127  # the backbone's mean, so that borders are zero after normalisation


def check_size(size: Sequence[int]) -> None:
    """Refuse what is no [width, height] of a network's input."""
    if len(size) != 2 or min(size) < 32:
        raise UserError(f"size: {size} is not [width, height] of at least 32 pixels each")


@dataclass(frozen=True)
class Letterbox:
    """Where a picture of `source` (width, height) lies in a frame of `size` (width, height): largest fit, centred."""

    source: tuple[int, int]
    size: tuple[int, int]

    @property
    def inner(self) -> tuple[int, int]:
        """Width and height of the picture inside the frame, whole pixels."""
        scale = min(self.size[0] / self.source[0], self.size[1] / self.source[1])
        return max(1, round(self.source[0] * scale)), max(1, round(self.source[1] * scale))

    @property
    def offset(self) -> tuple[int, int]:
        """Left and top border."""
        return (self.size[0] - self.inner[0]) // 2, (self.size[1] - self.inner[1]) // 2

    def forward(self, boxes: Tensor) -> Tensor:
        """N×4 boxes x1 y1 x2 y2 of the picture -> of the frame."""
        return boxes * self._scale(boxes) + self._shift(boxes)

    def inverse(self, boxes: Tensor) -> Tensor:
        """N×4 boxes x1 y1 x2 y2 of the frame -> of the picture, clipped to it."""
        boxes = (boxes - self._shift(boxes)) / self._scale(boxes)
        return torch.minimum(boxes.clamp(min=0), boxes.new_tensor(self.source * 2))

    def _scale(self, like: Tensor) -> Tensor:
        return like.new_tensor([self.inner[0] / self.source[0], self.inner[1] / self.source[1]] * 2)

    def _shift(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.offset * 2)


def letterbox(picture: Tensor, size: tuple[int, int]) -> tuple[Tensor, Letterbox]:
    """A 3×H×W uint8 picture -> 3×height×width with grey borders, and the way back."""
    place = Letterbox((picture.shape[-1], picture.shape[-2]), size)
    (width, height), (left, top) = place.inner, place.offset
    resized = F.resize(picture, [height, width], antialias=True)
    borders = [left, top, size[0] - width - left, size[1] - height - top]
    return F.pad(resized, borders, fill=[GREY]), place
