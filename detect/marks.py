"""What to draw on a photo to see which detections are right."""

import numpy as np

from detect.drawing import FALSE_ALARM, MISSED, RIGHT, TRUTH, Mark
from detect.scoring import Outcome

__all__ = ["marks"]


def marks(result: Outcome, image: int, score: float) -> list[Mark]:
    """The marks of one image (its place), the least telling first: truth, then missed, right and false boxes.

    Right by COCO's rule at IoU 0.5, of the detections with at least `score`. One that overlaps only an ignored box is
    neither right nor false and is drawn like the truth.
    """
    found, truth, matches = result.found, result.truth, result.matches.at(0.5)
    shown = np.flatnonzero((found.image == image) & (found.score >= score))
    there = np.flatnonzero(truth.image == image)
    names = matches.classes
    lines: list[Mark] = [(truth.box[j].tolist(), TRUTH, "thin", "") for j in there]
    for j in there[~truth.ignored[there] & ~np.isin(there, matches.box[0, shown])]:
        lines.append((truth.box[j].tolist(), MISSED, "dashed", f"{names[truth.category[j]]} missed"))
    for i in shown:
        colour = TRUTH if matches.ignored[0, i] else RIGHT if matches.box[0, i] >= 0 else FALSE_ALARM
        lines.append((found.box[i].tolist(), colour, "solid", f"{names[found.category[i]]} {found.score[i]:.2f}"))
    return lines
