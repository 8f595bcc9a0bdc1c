"""Instance normalisation whose backward pass keeps up with the convolutions on a CPU."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["InstanceNorm"]


class InstanceNorm(nn.InstanceNorm2d):
    """`nn.InstanceNorm2d` without weights or statistics; N×C×H×W in any memory order, which the output keeps.

    PyTorch's own copies channels-last maps into another order and back, which costs more than all else it does.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each channel of each image to mean 0 and variance 1."""
        each = [_normalised(image, self.eps) for image in x.unsqueeze(1)]
        return torch.cat(each) if len(each) > 1 else each[0]


def _normalised(image: Tensor, eps: float) -> Tensor:
    """1×C×H×W: each channel to mean 0 and variance 1."""
    if image.device.type == "cpu" and image.requires_grad:
        normalised: Tensor = _OnCpu.apply(image, eps)
        return normalised
    return F.batch_norm(image, None, None, training=True, eps=eps)


class _OnCpu(torch.autograd.Function):
    """Batch norm of one image, differentiated by whole maps: PyTorch's own walks channels-last maps channel by channel.

    With x̂ the output, σ the deviation of a channel and ⟨·⟩ its mean: dx = (g − ⟨g⟩ − x̂⟨g x̂⟩) / σ (Ioffe & Szegedy
    2015, arXiv 1502.03167, section 3). x̂ is computed again, since what follows may overwrite it.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, eps: float) -> Tensor:
        """Normalised, and what the way back needs."""
        normalised, mean, scale = torch.native_batch_norm(image, None, None, None, None, True, 0.0, eps)
        ctx.save_for_backward(image, mean, scale)
        return normalised

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient for `image`; means are taken in float32."""
        image, mean, scale = ctx.saved_tensors
        normalised = F.batch_norm(image, mean, scale**-2, eps=0.0)
        shares = [g.mean((0, 2, 3), dtype=torch.float32) for g in (gradient, gradient * normalised)]
        shift, slope, factor = (
            v.view(1, -1, 1, 1).to(image.dtype) for v in (-scale * shares[0], -scale * shares[1], scale)
        )
        return torch.addcmul(torch.addcmul(shift, gradient, factor), normalised, slope), None
