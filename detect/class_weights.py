"""How much an object of each class counts in the loss."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from coldstart.errors import UserError

__all__ = ["class_weights", "weigh"]


def class_weights(wanted: Any, names: Sequence[str], labels: Tensor) -> Tensor | None:
    """The weight of each of `names`, of mean 1 over the training's `labels` (from 0); None for equal weights.

    `wanted` is `balanced` (in inverse proportion to a class's boxes; a class without any counts 1) or gives the
    weights of some classes by name, those of the others being 1.

    Raises:
        UserError: neither, an unknown name, or a weight that is not a number above 0.
    """
    if wanted is None:
        return None
    counts = torch.bincount(labels, minlength=len(names)).float()
    if wanted == "balanced":
        weights = torch.where(counts > 0, 1 / counts, 0)
    elif isinstance(wanted, Mapping):
        unknown = [str(name) for name in wanted if name not in names]
        if unknown:
            raise UserError(f"class_weights: {unknown[0]!r} is none of the classes {', '.join(names)}")
        for name, weight in wanted.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
                raise UserError(f"class_weights.{name}: {weight!r} is not a number above 0")
        weights = torch.tensor([float(wanted.get(name, 1)) for name in names])
    else:
        raise UserError(f"class_weights: {wanted!r} is neither balanced nor weights by class name; null is off")
    mean = (weights * counts).sum() / counts.sum()
    return torch.where(counts > 0, weights / mean, 1.0)


def weigh(model: nn.Module, weights: Tensor) -> None:
    """Let the losses of `model` count objects by the weight of their class.

    Raises:
        UserError: this detector's losses take no weights.
    """
    head: Any = getattr(model, "head", None)
    if not hasattr(head, "class_weights"):
        raise UserError("class_weights: this detector's losses take none; leave it out")
    head.class_weights = weights.to(next(model.parameters()).device)
