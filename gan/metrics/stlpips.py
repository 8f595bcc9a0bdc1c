"""ST-LPIPS, a perceptual distance between two pictures that a small shift does not disturb."""

import re
from importlib.resources import files
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SMALLEST", "STLpips", "stlpips_weights"]

SMALLEST = 32  # pixels a side; below, the padding would be larger than the map


def stlpips_weights() -> Path:
    """The .pth file of its AlexNet inside the wheel `stlpips-pytorch` (BSD 2-Clause), whose code is not used."""
    return Path(str(files("stlpips_pytorch").joinpath("weights/vST0.0/alex_shift_tolerant.pth")))


class BlurPool(nn.Module):
    """Every second pixel after a 3×3 binomial blur (Zhang 2019, arXiv 1904.11486), padded by 2: reflected."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", (line[:, None] * line).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to N×C×⌈(H + 2)/2⌉×⌈(W + 2)/2⌉."""
        return F.conv2d(F.pad(x, (2, 2, 2, 2), "reflect"), self.filt, stride=2, groups=x.shape[1])


class STLpips(nn.Module):
    """Shift-tolerant LPIPS (Ghildyal & Liu 2022, arXiv 2207.13686): an AlexNet that blurs before it strides.

    Both pictures' features are normalised over channels; their squared differences are weighted by channel, averaged
    over the picture and summed over five layers, as in LPIPS (Zhang et al. 2018, arXiv 1801.03924).
    """

    LAYERS = (2, 6, 10, 12, 14)  # what is compared: the output of every ReLU
    CHANNELS = (64, 192, 384, 256, 256)
    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, padding=2), BlurPool(64), nn.ReLU(), nn.MaxPool2d(3, 1), BlurPool(64)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 1), BlurPool(192)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
        )
        self.weights = nn.ModuleList(nn.Conv2d(channels, 1, 1, bias=False) for channels in self.CHANNELS)
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))
        stored = torch.load(stlpips_weights(), map_location="cpu", weights_only=True)
        self.load_state_dict({_renamed(name): tensor for name, tensor in stored.items()})
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances of two N×3×H×W in [-1, 1], sides of at least SMALLEST pixels: N, each 0 or more."""
        difference = torch.zeros(len(first), device=first.device)
        pairs = torch.cat([first, second]).sub(self.shift).div(self.scale)
        weights = dict(zip(self.LAYERS, self.weights, strict=True))
        for index, layer in enumerate(self.features):
            pairs = layer(pairs)
            if index in weights:
                one, other = (pairs / (pairs.norm(dim=1, keepdim=True) + 1e-10)).chunk(2)
                difference = difference + weights[index]((one - other).square()).mean((1, 2, 3))
        return difference


def _renamed(name: str) -> str:
    """The wheel's name of a tensor -> ours."""
    name = re.sub(r"^net\.slice\d\.", "features.", name)
    return re.sub(r"^lin(\d)\.model\.1\.", r"weights.\1.", name).removeprefix("scaling_layer.")
