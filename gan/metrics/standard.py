"""The standard metrics, FID, KID and LPIPS, where their networks' weights lie on disk already: never downloaded."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torchmetrics.image import LearnedPerceptualImagePatchSimilarity
from torchmetrics.image.fid import NoTrainInceptionV3

from coldstart.dataset import sha256

__all__ = ["ALEXNET", "INCEPTION", "InceptionFeatures", "lpips", "stored"]

# File names of torch-fidelity and torchvision; their last part is how the file's sha256 begins.
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
ALEXNET = "alexnet-owt-7be5be79.pth"


def stored(name: str) -> Path | None:
    """The file of that name in torch's cache (torch.hub.get_dir()/checkpoints), if it is there and whole."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    return path if path.is_file() and _intact(path) else None


def _intact(path: Path) -> bool:
    """Also what makes it safe that torch-fidelity unpickles the file."""
    return sha256(path).startswith(path.stem.rsplit("-", 1)[-1])


class InceptionFeatures(nn.Module):
    """Pooled features of FID's Inception v3, by torchmetrics: N×3×H×W in [-1, 1] -> N×2048. `weights` as `stored`."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features, one row a picture."""
        features: Tensor = self.network(((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))
        return features


def lpips() -> nn.Module:
    """LPIPS on AlexNet, by torchmetrics: two N×3×H×W in [-1, 1] -> mean distance. Only if `stored(ALEXNET)`."""
    return LearnedPerceptualImagePatchSimilarity(net_type="alex").eval()
