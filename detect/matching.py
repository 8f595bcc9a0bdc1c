"""Which detection found which label: COCO's greedy rule (Lin et al. 2014, arXiv 1405.0312), all images at once."""

import io
import zipfile
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from coldstart.dataset import write_atomic
from coldstart.errors import UserError
from detect.boxes import Bools, Floats, Found, Ints, Pairs, Truth

__all__ = ["IOUS", "Matches", "greedy", "match"]

IOUS: Floats = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True)
class Matches:
    """All that AP and its like need to know of a run: N detections, best first, on I images, of K classes.

    `image`, `category`: places in `images` and `classes`; `box` T×N: the label that a detection took at each IoU of
    `thresholds`, -1 for none; `ignored` T×N: it counts neither for nor against; `wanted` I×K: boxes to be found;
    `labels`: the digest of the labelled boxes, empty in files of before there was one.
    """

    images: list[str]
    classes: list[str]
    thresholds: Floats
    image: Ints
    category: Ints
    score: Floats
    box: Ints
    ignored: Bools
    wanted: Ints
    labels: str = ""

    @property
    def hit(self) -> Bools:
        """T×N: right detections."""
        return (self.box >= 0) & ~self.ignored

    def at(self, iou: float) -> "Matches":
        """The same at one IoU threshold, T = 1."""
        t = [int(np.abs(self.thresholds - iou).argmin())]
        return replace(self, thresholds=self.thresholds[t], box=self.box[t], ignored=self.ignored[t])

    def save(self, path: Path) -> None:
        """Write as .npz, atomically."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{key: np.asarray(value) for key, value in vars(self).items()})
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> "Matches":
        """Read what `save` wrote; nothing is unpickled.

        Raises:
            UserError: the file is missing or none of ours.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in cls.__dataclass_fields__ if key != "labels" or key in file}
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; give the out folder of a detect.evaluate") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: was not written by detect.evaluate ({error}); score the detector again") from None
        arrays |= {key: arrays[key].tolist() for key in ("images", "classes", "labels") if key in arrays}
        return cls(**arrays)


def match(
    found: Found,
    truth: Truth,
    pairs: Pairs,
    thresholds: Floats = IOUS,
    *,
    truth_aside: Bools | None = None,
    found_aside: Bools | None = None,
) -> Matches:
    """Detections, best first, take the free label of their class that they overlap most, if by at least the threshold.

    `pairs`: overlaps of one class, at least of the lowest threshold. What takes an ignored label is ignored. Labels in
    `truth_aside` (M) are ignored too, but taken once at most; detections in `found_aside` (N) are where they took none.
    """
    ignored_truth = truth.ignored if truth_aside is None else truth.ignored | truth_aside
    box = greedy(pairs, found.rank, thresholds, ~ignored_truth, truth.ignored)
    ignored = (box >= 0) & np.append(ignored_truth, False)[box]
    if found_aside is not None:
        ignored |= (box < 0) & found_aside
    wanted = np.zeros((len(truth.images), len(truth.classes)), dtype=np.int64)
    np.add.at(wanted, (truth.image[~ignored_truth], truth.category[~ignored_truth]), 1)
    parts = (found.image, found.category, found.score, box, ignored, wanted, truth.digest)
    return Matches(truth.images, truth.classes, thresholds, *parts)


def greedy(pairs: Pairs, rank: Ints, thresholds: Floats, wanted: Bools, shared: Bools) -> Ints:
    """The label each of N detections takes at each of T thresholds, -1 for none.

    `rank` (N): their turn; two that could take the same label must not have the same. `wanted` (M): labels that come
    before the others; `shared` (M): labels that many may take. Of equal overlaps the last label is taken, as in COCO.
    """
    order = np.lexsort((pairs.truth, pairs.iou, wanted[pairs.truth], pairs.found, rank[pairs.found]))
    f, t, iou = pairs.found[order], pairs.truth[order], pairs.iou[order]
    limits = np.minimum(thresholds, 1 - 1e-10)[:, None]  # COCO's, so that equal boxes match at 1
    taken = np.zeros((len(thresholds), len(wanted)), dtype=bool)
    box = np.full((len(thresholds), len(rank)), -1, dtype=np.int64)
    turns = rank[f]
    bounds = np.flatnonzero(np.diff(turns, prepend=-1, append=-1))
    for start, stop in pairwise(bounds):
        labels, able = t[start:stop], iou[start:stop] >= limits
        able &= ~taken[:, labels] | shared[labels]
        first = np.flatnonzero(np.diff(f[start:stop], prepend=-1))
        best = np.maximum.reduceat(np.where(able, np.arange(stop - start), -1), first, axis=1)
        row, which = np.nonzero(best >= 0)
        chosen = labels[best[row, which]]
        box[row, f[start:stop][first][which]] = chosen
        taken[row, chosen] = True
    return box
