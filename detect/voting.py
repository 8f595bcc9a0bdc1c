"""Box voting: what suppression of overlapping boxes throws away says where the object ends."""

import torch
from torch import Tensor
from torchvision.ops import batched_nms, box_iou

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
    overlap = box_iou(boxes[kept], boxes).nan_to_num()  # of two empty boxes
    same = (overlap > nms) & (labels[kept][:, None] == labels[None])
    weights = scores[None] * torch.exp(-((1 - overlap) ** 2) / sigma) * same
    votes = weights.sum(dim=1, keepdim=True)
    moved = torch.where(votes > 0, weights @ boxes / votes, boxes[kept])
    return {"boxes": moved, "scores": scores[kept], "labels": labels[kept]}
