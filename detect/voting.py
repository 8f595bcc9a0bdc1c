"""Box voting: what suppression of overlapping boxes throws away says where the object ends."""

import torch
from torch import Tensor
from torchvision.models.detection._utils import _topk_min as topk_min
from torchvision.ops import batched_nms

__all__ = ["VOTERS", "suppress_and_vote"]

VOTERS = 1000  # best-scored of up to 3,000 candidates: the others move boxes of low scores alone (docs/detectors.md)


def suppress_and_vote(output: dict[str, Tensor], *, nms: float, sigma: float, most: int) -> dict[str, Tensor]:
    """`boxes` N×4 (x1 y1 x2 y2), `scores` N and `labels` N -> at most `most` of them, best first, in better places.

    Of boxes of one class that overlap by more than the IoU `nms`, the best stays (each class for itself). It then
    moves to the mean of itself and those that went for it (Gidaris & Komodakis 2015, arXiv 1505.01749, section 5),
    each weighted by its score and by exp(-(1 - IoU)² / `sigma`) (He et al. 2019, arXiv 1809.08545, equation 14, for
    variances that are all the same). Its score stays. Of all boxes, the `VOTERS` with the best scores vote.
    """
    boxes, scores, labels = output["boxes"], output["scores"], output["labels"]
    kept = batched_nms(boxes, scores, labels, nms)[:most]
    weights, voters = scores.topk(topk_min(scores, VOTERS, 0))
    overlap = _overlap(boxes[kept], boxes[voters])
    same = (overlap > nms) & (labels[kept][:, None] == labels[voters])
    weights = weights * torch.exp(-((1 - overlap) ** 2) / sigma) * same
    votes = weights.sum(dim=1, keepdim=True)
    with torch.autocast(boxes.device.type, enabled=False):  # bfloat16 would round boxes to whole pixels or two
        moved = torch.where(votes > 0, weights @ boxes[voters] / votes, boxes[kept])
    return {"boxes": moved, "scores": scores[kept], "labels": labels[kept]}


def _overlap(kept: Tensor, voters: Tensor) -> Tensor:
    """IoU of K boxes with N, K×N; 0 of two empty boxes.

    torchvision's `box_iou` has the two coordinates last, where a CPU (onnxruntime's too) takes ten times as long.
    """
    a, b = kept.T.contiguous()[:, :, None], voters.T.contiguous()
    width, height = ((torch.minimum(a[i + 2], b[i + 2]) - torch.maximum(a[i], b[i])).clamp(min=0) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    inside = width * height
    return inside / (areas[0] + areas[1] - inside).clamp(min=torch.finfo(inside.dtype).tiny)
