"""Which class is taken for which."""

from dataclasses import replace

import numpy as np

from detect.boxes import Bools, Ints, Pairs, overlaps, ranks
from detect.matching import greedy
from detect.scoring import Outcome

__all__ = ["confusion_matrix"]


def confusion_matrix(result: Outcome, score: float, iou: float = 0.5) -> Ints:
    """(K+1)×(K+1) counts of the detections with at least `score`: rows are what was there, columns what was said.

    The last row holds false alarms on background, the last column boxes that were missed. Each box and each detection
    is counted once. Right classes are matched first, by COCO's rule, so that the diagonal is what AP counts as right;
    what is left of both is then matched whatever its class, best detections first. Detections of ignored boxes of
    their class are left out.
    """
    found, truth, matches = result.found, result.truth, result.matches.at(iou)
    classes = len(matches.classes)
    counts = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    shown = found.score >= score
    right = shown & matches.hit[0]
    np.add.at(counts, (found.category[right], found.category[right]), 1)
    left = shown & ~right & ~matches.ignored[0]
    unfound = ~truth.ignored
    unfound[matches.box[0, right]] = False
    pairs = _among(overlaps(found, truth, iou, any_class=True), left, unfound)
    rank = ranks(np.where(left, found.image, -1), found.score)
    box = greedy(pairs, rank, np.array([iou]), unfound, np.zeros_like(unfound))[0]
    wrong = box >= 0
    np.add.at(counts, (truth.category[box[wrong]], found.category[wrong]), 1)
    unfound[box[wrong]] = False
    counts[classes, :classes] = np.bincount(found.category[left & ~wrong], minlength=classes)
    counts[:classes, classes] = np.bincount(truth.category[unfound], minlength=classes)
    return counts


def _among(pairs: Pairs, found: Bools, truth: Bools) -> Pairs:
    """The pairs of some detections with some labels."""
    kept = found[pairs.found] & truth[pairs.truth]
    return replace(pairs, found=pairs.found[kept], truth=pairs.truth[kept], iou=pairs.iou[kept])
