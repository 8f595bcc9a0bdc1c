"""The layers that learn at rates of their own: from the head back to the input, one group each."""

from dataclasses import dataclass
from typing import Any

from torch import nn

__all__ = ["Opening", "groups", "parts"]


def parts(model: nn.Module) -> list[list[nn.Parameter]]:
    """What is trained, in order of distance from the loss: first head and neck, then the backbone's parts backwards.

    Parts are the children of the backbone's `body`, and each of its `blocks`. What is frozen for good is left out.
    """
    backbone: Any = model.backbone
    body = getattr(backbone, "body", backbone)
    children = [part for name, child in body.named_children() for part in (child if name == "blocks" else [child])]
    deep = [[p for p in part.parameters() if p.requires_grad] for part in reversed(children)]
    inside = {id(p) for part in deep for p in part}
    near = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    return [near, *filter(None, deep)]


def groups(model: nn.Module, lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of an optimizer, whose `base` rates fall by `layer_decay` from part to part.

    Clark et al. 2020 (ELECTRA, arXiv 2003.10555, appendix A). All are there from the first step on, whatever is
    still frozen, so that an optimizer's state fits at any time.
    """
    return [
        {"params": part, "base": lr * layer_decay**depth, "depth": depth} for depth, part in enumerate(parts(model))
    ]


@dataclass(frozen=True)
class Opening:
    """Gradual unfreezing (Howard & Ruder 2018, arXiv 1801.06146, section 3.3) over the first `share` of the `steps`.

    The head learns from the start, the part before it next, …, and the deepest of the `count` groups at the end of it,
    in even stages. A rate of 0 is what keeps a part frozen: it moves neither by gradient nor by weight decay.
    """

    share: float
    steps: int
    count: int

    def factor(self, depth: int, at: int) -> float:
        """1 if the group at `depth` learns at step `at`, else 0."""
        return float(at >= self.share * self.steps * depth / max(1, self.count - 1))
