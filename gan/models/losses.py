"""The losses that several translators share."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Losses", "cross_entropy", "least_squares"]

Losses = dict[str, Tensor]  # weighted scalar terms by the name under which they are logged


def least_squares(scores: Tensor, real: bool) -> Tensor:
    """Least-squares GAN loss: mean of (D(x) − 1)² for `real`, of D(x)² otherwise (Mao et al., arXiv 1611.04076)."""
    return F.mse_loss(scores.float(), torch.full_like(scores, float(real), dtype=torch.float32))


def cross_entropy(scores: Tensor, real: bool) -> Tensor:
    """The original GAN loss: mean of −log σ(D(x)) for `real`, of −log(1 − σ(D(x))) otherwise (arXiv 1406.2661, eq. 1).

    A generator lowers the first for its fakes, which does not saturate (there, section 3).
    """
    target = torch.full_like(scores, float(real), dtype=torch.float32)
    return F.binary_cross_entropy_with_logits(scores.float(), target)
