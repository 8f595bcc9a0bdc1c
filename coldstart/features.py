"""Pictures as points in the feature space of a network that was trained on photos."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from coldstart.backbone import efficientnet_lite0, standardised

__all__ = ["Lite0Features", "extract"]


class Lite0Features(nn.Module):
    """Pooled features of EfficientNet-Lite0 with ImageNet weights: N×3×H×W in [-1, 1] -> N×1280, float32.

    What its classifier would see, as the Inception distances use what Inception's classifier would see. The network is
    fixed, in evaluation mode whatever is asked of it, and computes in float32 within any autocast.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = efficientnet_lite0(pretrained=True, pooled=True).requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Lite0Features":
        """Stays in evaluation mode, also as a part of a module in training."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features, one row a picture."""
        with torch.autocast(images.device.type, enabled=False):
            features: Tensor = self.body(standardised(images.float()))
        return features


def extract(network: nn.Module, batches: Iterable[Tensor], device: str | torch.device = "cpu") -> Tensor:
    """`network`'s features of all `batches` (N×3×H×W in [-1, 1], sizes may differ) as one matrix on the CPU."""
    return torch.cat([network(batch.to(device)).float().cpu() for batch in batches])
