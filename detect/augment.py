"""Random changes of training pictures: geometry first, then light, then what a camera and its JPEG do."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from coldstart.errors import UserError
from detect.letterbox import GREY, letterbox

__all__ = ["AugmentConfig", "Augmentation"]

MIN_SIDE = 3.0  # pixels at the training size; what a crop leaves of a box below this is no target


@dataclass(frozen=True)
class AugmentConfig:
    """See `augment` in conf/detect_train.yaml."""

    brightness: float = 0.35
    contrast: float = 0.35
    saturation: float = 0.35
    hue: float = 0.025
    mirror: float = 0.5
    zoom_out: float = 1.4
    crop: float = 0.55
    blur: list[float] = field(default_factory=lambda: [0.3, 1.1])
    jpeg: list[int] = field(default_factory=lambda: [40, 95])
    noise: float = 0.02
    chance: float = 0.5
    temperature: float = 0.0
    illumination: float = 0.0
    motion: int = 0
    copy_paste: float = 0.0
    pasted: list[int] = field(default_factory=lambda: [1, 3])
    mosaic: float = 0.0
    min_visible: float = 0.3

    def __post_init__(self) -> None:
        shares = ("brightness", "contrast", "saturation", "mirror", "chance", "noise", "temperature", "illumination")
        for key in (*shares, "copy_paste", "mosaic", "min_visible"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"augment.{key}: {getattr(self, key)} is not between 0 and 1")
        if not 0 <= self.hue <= 0.5:
            raise UserError(f"augment.hue: {self.hue} is not between 0 and 0.5")
        if self.zoom_out < 1:
            raise UserError(f"augment.zoom_out: {self.zoom_out} is below 1")
        if not 0 < self.crop <= 1:
            raise UserError(f"augment.crop: {self.crop} is not above 0 and at most 1")
        if len(self.blur) != 2 or not 0 < self.blur[0] <= self.blur[1]:
            raise UserError(f"augment.blur: {self.blur} is not [smallest, largest] sigma in pixels")
        if len(self.jpeg) != 2 or not 1 <= self.jpeg[0] <= self.jpeg[1] <= 100:
            raise UserError(f"augment.jpeg: {self.jpeg} is not [lowest, highest] quality between 1 and 100")
        if self.motion and (self.motion < 3 or self.motion % 2 == 0):
            raise UserError(f"augment.motion: {self.motion} is neither 0 (off) nor an odd number of pixels from 3")
        if len(self.pasted) != 2 or not 1 <= self.pasted[0] <= self.pasted[1]:
            raise UserError(f"augment.pasted: {self.pasted} is not [fewest, most] objects, from 1")


class Augmentation(nn.Module):
    """3×H×W uint8 and N×4 boxes x1 y1 x2 y2 -> 3×height×width in 0..1, the boxes still in it, and their labels.

    Draws from torch's global generator alone, so that a seed set before gives the same picture in any process.
    """

    def __init__(self, config: AugmentConfig, size: tuple[int, int]) -> None:
        super().__init__()
        self.size, self.config = size, config
        chance = config.chance
        self.zoom_out = v2.RandomZoomOut(fill=GREY, side_range=(1.0, max(config.zoom_out, 1.0 + 1e-6)), p=chance)
        # The option is the IoU that some box must have with the crop. Small boxes have little of it with any crop,
        # hence 0: whatever keeps the centre of a box.
        crop = v2.RandomIoUCrop(config.crop, 1.0, 0.75, 4 / 3, sampler_options=[0.0])
        self.crop = v2.RandomApply([crop], p=chance if config.crop < 1 else 0.0)
        self.mirror = v2.RandomHorizontalFlip(config.mirror)
        self.light = v2.ColorJitter(config.brightness, config.contrast, config.saturation, config.hue)
        self.scenery = nn.Sequential(*_scenery(config))
        width = max(5, 2 * round(2 * config.blur[1]) + 1)  # two sigmas to either side
        self.blur = v2.RandomApply([v2.GaussianBlur(width, (config.blur[0], config.blur[1]))], p=chance)
        self.jpeg = v2.RandomApply([v2.JPEG((config.jpeg[0], config.jpeg[1]))], p=chance)

    def forward(self, picture: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        picture, boxes, labels = self.move(picture, boxes, labels)
        picture = self.light(picture)
        if len(self.scenery):
            picture = (self.scenery(picture[None].float() / 255)[0] * 255).round().to(torch.uint8)
        changed = self.jpeg(self.blur(picture)).float() / 255
        if torch.rand(()) < self.config.chance:
            changed += torch.randn(changed.shape) * (self.config.noise * torch.rand(()))
        return changed.clamp_(0, 1), boxes, labels

    def move(self, picture: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The geometric part: zoom out, crop, letterbox to the training size, mirror; the picture stays uint8."""
        sample = tv_tensors.Image(picture), _framed(boxes, picture)
        sample = self.zoom_out(*sample)
        if _croppable(sample[1].as_subclass(Tensor), sample[0]):
            sample = self.crop(*sample)
        picture, place = letterbox(sample[0].as_subclass(Tensor), self.size)
        boxes = place.forward(sample[1].as_subclass(Tensor))
        picture, boxes = self.mirror(picture, _framed(boxes, picture))
        boxes = boxes.as_subclass(Tensor)
        # Boxes outside a crop come back empty.
        kept = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= MIN_SIDE
        return picture, boxes[kept], labels[kept]


def _scenery(config: AugmentConfig) -> list[nn.Module]:
    """What torchvision does not have, by kornia: lamps of another colour, light from one side, a hand that shakes."""
    from kornia import augmentation as K

    found = []
    if config.temperature:
        found.append(K.RandomPlanckianJitter("blackbody", p=config.temperature))
    if config.illumination:
        found.append(
            K.RandomLinearIllumination(gain=(min(0.01, config.illumination / 2), config.illumination), p=config.chance)
        )
    if config.motion:
        found.append(K.RandomMotionBlur((3, config.motion), angle=180.0, direction=0.0, p=config.chance))
    return found


def _croppable(boxes: Tensor, picture: Tensor) -> bool:
    """Whether RandomIoUCrop will soon find a crop that keeps the centre of some box; it looks for one forever."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = torch.tensor([picture.shape[-1], picture.shape[-2]])
    return bool(((centres > sides / 32) & (centres < sides * 31 / 32)).all(dim=1).any())


def _framed(boxes: Tensor, picture: Tensor) -> tv_tensors.BoundingBoxes:
    return tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(picture.shape[-2], picture.shape[-1]))
