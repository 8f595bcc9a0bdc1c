"""The two-layer network that CUT compares patches with (Park et al. 2020, arXiv 2007.15651, section 3.2)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from coldstart.errors import UserError
from gan.networks.layers import init_weights

__all__ = ["FeatureMLP"]


class FeatureMLP(nn.Module):
    """Features of several layers, each …×C, to unit vectors, each …×`width`: Linear, ReLU, Linear, x/|x|.

    `channels` are the C of the layers. CUT's layers 0, 4, 8, 12 and 16 of a ResNet generator with base 64 and 3 input
    channels have 3, 128, 256, 256 and 256. State-dict keys are those of the authors' PyTorch code.

    Raises:
        UserError: no channels, or a number of channels or `width` below 1.
    """

    def __init__(self, channels: Sequence[int], width: int = 256) -> None:
        super().__init__()
        if not channels or min(*channels, width) < 1:
            raise UserError(f"feature MLP: channels and width must be at least 1, got {list(channels)} and {width}")
        for index, size in enumerate(channels):
            mlp = nn.Sequential(nn.Linear(size, width), nn.ReLU(inplace=True), nn.Linear(width, width))
            self.add_module(f"mlp_{index}", mlp)
        init_weights(self)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The unit vectors of `features`, one tensor for each layer."""
        return [F.normalize(mlp(x), dim=-1, eps=1e-7) for mlp, x in zip(self.children(), features, strict=True)]
