"""How many boxes of each photo were found, and how many were invented."""

from typing import NamedTuple

import numpy as np

from detect.boxes import Ints
from detect.matching import Matches

__all__ = ["PerPhoto", "per_photo"]


class PerPhoto(NamedTuple):
    """Counts for each of I photos, of detections with at least some score, by COCO's rule at IoU 0.5."""

    right: Ints
    false_alarms: Ints
    missed: Ints

    @property
    def errors(self) -> Ints:
        """False alarms and missed boxes together."""
        return self.false_alarms + self.missed


def per_photo(matches: Matches, score: float) -> PerPhoto:
    """Count on every photo; what takes an ignored box counts neither for nor against."""
    at, photos = matches.at(0.5), len(matches.images)
    shown = at.score >= score
    right = np.bincount(at.image[shown & at.hit[0]], minlength=photos)
    false_alarms = np.bincount(at.image[shown & ~at.hit[0] & ~at.ignored[0]], minlength=photos)
    return PerPhoto(right, false_alarms, at.wanted.sum(axis=1) - right)
