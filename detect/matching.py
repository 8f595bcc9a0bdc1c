"""Which detections are right, for pictures: COCO's greedy rule at one IoU."""

from collections.abc import Mapping, Sequence

import torch
from torchvision.ops import box_iou

from coldstart.dataset import Annotation
from detect.drawing import FALSE_ALARM, MISSED, RIGHT, TRUTH, Mark
from detect.inference import Detection

__all__ = ["marks"]


def marks(
    found: Sequence[Detection], truth: Sequence[Annotation], names: Mapping[int, str], iou: float = 0.5
) -> list[Mark]:
    """What to draw on one photo, the least telling first: truth, then missed, right and false boxes.

    Detections, best first, take the free box of their class that they overlap most, if by at least `iou`. One that
    overlaps only an ignored box is neither right nor false and is drawn like the truth.
    """
    ignored = [bool(a.get("ignore") or a.get("iscrowd")) for a in truth]
    overlaps = box_iou(_corners([d.box for d in found]), _corners([a["bbox"] for a in truth]))
    matched: dict[int, int] = {}
    for i in sorted(range(len(found)), key=lambda i: -found[i].score):
        able = [
            j
            for j, a in enumerate(truth)
            if names[a["category_id"]] == found[i].name
            and overlaps[i, j] >= iou
            and (ignored[j] or j not in matched.values())
        ]
        if able:
            matched[i] = max(able, key=lambda j: (not ignored[j], float(overlaps[i, j])))
    lines: list[Mark] = [(a["bbox"], TRUTH, "thin", "") for a in truth]
    for j, a in enumerate(truth):
        if not ignored[j] and j not in matched.values():
            lines.append((a["bbox"], MISSED, "dashed", f"{names[a['category_id']]} missed"))
    for i, d in enumerate(found):
        colour = FALSE_ALARM if i not in matched else TRUTH if ignored[matched[i]] else RIGHT
        lines.append((d.box, colour, "solid", f"{d.name} {d.score:.2f}"))
    return lines


def _corners(boxes: Sequence[Sequence[float]]) -> torch.Tensor:
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return corners
