"""Box voting: what suppression of overlapping boxes throws away says where the object ends."""

import torch
from torch import Tensor
from torchvision.ops import batched_nms

__all__ = ["suppress_and_vote"]


def suppress_and_vote(output: dict[str, Tensor], *, nms: float, sigma: float, most: int) -> dict[str, Tensor]:
    """`boxes` N×4 (x1 y1 x2 y2), `scores` N and `labels` N -> at most `most` of them, best first, in better places.

    Of boxes of one class that overlap by more than the IoU `nms`, the best stays (each class for itself). It then
    moves to the mean of itself and those that went for it (Gidaris & Komodakis 2015, arXiv 1505.01749, section 5),
    each weighted by its score and by exp(-(1 - IoU)² / `sigma`) (He et al. 2019, arXiv 1809.08545, equation 14, for
    variances that are all the same). Its score stays.
    """
    boxes, scores, labels = output["boxes"], output["scores"], output["labels"]
    kept = batched_nms(boxes, scores, labels, nms)[:most]
    overlap = _overlap(boxes, kept)
    same = (overlap > nms) & (labels[kept][:, None] == labels[None])
    weights = scores[None] * torch.exp(-((1 - overlap) ** 2) / sigma) * same
    votes = weights.sum(dim=1, keepdim=True)
    with torch.autocast(boxes.device.type, enabled=False):  # bfloat16 would round boxes to whole pixels or two
        moved = torch.where(votes > 0, weights @ boxes / votes, boxes[kept])
    return {"boxes": moved, "scores": scores[kept], "labels": labels[kept]}


def _overlap(boxes: Tensor, kept: Tensor) -> Tensor:
    """IoU of K of N boxes with all of them, K×N; 0 of two empty boxes.

    torchvision's `box_iou` has the two coordinates last, where a CPU (onnxruntime's too) takes ten times as long.
    """
    x1, y1, x2, y2 = boxes.T.contiguous()

    def shared(low: Tensor, high: Tensor) -> Tensor:
        return (torch.minimum(high[kept, None], high) - torch.maximum(low[kept, None], low)).clamp(min=0)

    area = (x2 - x1) * (y2 - y1)
    inside = shared(x1, x2) * shared(y1, y2)
    return inside / (area[kept, None] + area - inside).clamp(min=torch.finfo(inside.dtype).tiny)
