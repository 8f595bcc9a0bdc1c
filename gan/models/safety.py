"""Losses that keep a label true: what an object is, where it is, and how much it counts against the background.

Off by default (`model.safety`), but for the perceptual one of `gbuffer`, which is the paper's; the others are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kornia
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.backbone import detector_body, efficientnet_lite0, standardised
from coldstart.errors import UserError
from gan.models.losses import Losses

__all__ = ["Perceptual", "Safety", "SafetyConfig", "border", "detail", "normalised_gradient"]

SIGMA = 4.0  # pixels; what varies more slowly than that is light, what varies faster is print


@dataclass(frozen=True)
class SafetyConfig:
    """`model.safety` of the config; see conf/model/part/common.yaml."""

    objects: float = 1.0
    background: float = 1.0
    edges: float = 0.0
    art: float = 0.0
    perceptual: float = 0.0
    detector: str = ""
    band: int = 3

    def __post_init__(self) -> None:
        for name in ("objects", "background", "edges", "art", "perceptual", "band"):
            if not getattr(self, name) >= 0:
                raise UserError(f"model.safety.{name}: must not be negative, got {getattr(self, name)}")
        if self.detector and not self.perceptual:
            raise UserError("model.safety.detector: is of no use without model.safety.perceptual above 0")
        if self.edges and not self.band:
            raise UserError("model.safety.band: must be at least 1 for model.safety.edges, got 0")


def border(objects: Tensor, width: int) -> Tensor:
    """N×1×H×W in {0, 1} to the band of `width` pixels on either side of the objects' outlines, the same shape."""

    def grown(mask: Tensor) -> Tensor:
        return F.max_pool2d(mask, 2 * width + 1, stride=1, padding=width)

    return grown(objects) + grown(1 - objects) - 1


def normalised_gradient(images: Tensor, epsilon: float = 0.02) -> Tensor:
    """∇I / √(|∇I|² + ε²) of the brightness I of N×3×H×W images in [-1, 1], as N×2×H×W.

    Where an edge runs, whatever its contrast: the normalised gradient field of Haber & Modersitzki (2006, "Intensity
    gradient based registration and fusion of multi-modal images", section 3); ε is the contrast that counts as noise.
    """
    gradient = kornia.filters.spatial_gradient(kornia.color.rgb_to_grayscale(images))[:, 0]
    return gradient / (gradient.square().sum(1, keepdim=True) + epsilon**2).sqrt()


def detail(images: Tensor) -> Tensor:
    """N×3×H×W without what varies over more than a few pixels: print and texture stay, light and colour go."""
    size = 2 * min(round(3 * SIGMA), min(images.shape[-2:]) // 2 - 1) + 1
    return images - kornia.filters.gaussian_blur2d(images, (size, size), (SIGMA, SIGMA))


class Perceptual(nn.Module):
    """Per-pixel distance of N×3×H×W images in [-1, 1] in the features of EfficientNet-Lite0, as N×1×H×W.

    The network is that of `detector` (a detector.safetensors), so that what a detector saw in the render it still sees
    in the translation; without one, that of ImageNet. It is fixed. At strides 8 and 16, ‖ŷ − ŷ₀‖² of the features
    normalised along their channels (Zhang et al. 2018, arXiv 1801.03924, equation 1 with w = 1, before its mean over
    the pixels).
    """

    def __init__(self, detector: str = "") -> None:
        super().__init__()
        body = detector_body(Path(detector)) if detector else efficientnet_lite0(pretrained=True)
        self.body = body.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Perceptual":
        """Stays in evaluation mode, also as a part of a module in training."""
        return super().train(False)

    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        """How far `image` is from `reference`, through which no gradient goes."""
        with torch.no_grad():
            wanted = self._features(reference)
        total = torch.zeros_like(image[:, :1])
        for a, b in zip(self._features(image), wanted, strict=True):
            distance = (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1, keepdim=True)
            total = total + F.interpolate(distance, image.shape[-2:], mode="nearest")
        return total

    def _features(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.body(standardised(images))
        return maps[:2]


class Safety(nn.Module):
    """The weighted terms of `config`: `l1` in place of a model's own L1 losses, a call for those that come on top."""

    def __init__(self, config: SafetyConfig) -> None:
        super().__init__()
        self.config = config
        self.perceptual = Perceptual(config.detector) if config.perceptual else None

    def l1(self, a: Tensor, b: Tensor, objects: Tensor) -> Tensor:
        """Mean of |a − b|, each pixel times `objects` where there is one, else times `background`."""
        return (self._weights(objects) * (a.float() - b.float()).abs()).mean()

    def _weights(self, objects: Tensor) -> Tensor:
        return self.config.background + (self.config.objects - self.config.background) * objects

    def forward(self, source: Tensor, translated: Tensor, objects: Tensor) -> Losses:
        """What `translated` (N×3×H×W) has lost of `source`.

        `edges`: mean |difference of normalised gradients| within `band` pixels of the objects' outlines.
        `art`: mean |difference of detail| inside objects.
        `perceptual`: mean distance in a fixed network's features, objects and background weighted as in `l1`.
        """
        config = self.config
        source, translated = source.float(), translated.float()
        losses: Losses = {}
        with torch.autocast(source.device.type, enabled=False):
            if config.edges:
                band = border(objects, config.band)
                losses["edges"] = config.edges * _mean_change(normalised_gradient, source, translated, band)
            if config.art:
                losses["art"] = config.art * _mean_change(detail, source, translated, objects)
            if self.perceptual is not None:
                distance = self.perceptual(translated, source)
                losses["perceptual"] = config.perceptual * (self._weights(objects) * distance).mean()
        return losses


def _mean_change(seen: Callable[[Tensor], Tensor], source: Tensor, translated: Tensor, where: Tensor) -> Tensor:
    """Mean |seen(translated) − seen(source)| over the pixels of N×1×H×W `where`, 0 if there is none."""
    change = (seen(translated) - seen(source)).abs().mean(1, keepdim=True)
    return (change * where).sum() / where.sum().clamp(min=1)
