"""How far labelled boxes stand off from what a detector finds: how the people who drew them draw.

    python -m detect.margins runs=[outputs/score]

`runs` are out folders of detect.evaluate whose detectors have learned from renders alone, and so find tight boxes.
Prints by how much the labelled boxes reach further on each side (medians over what was found at IoU 0.5, thousandths of
the picture's longer side; negative: less far) and, as `margin`, their median over all sides with its 95 % interval over
photos: what habit.margin of detect.train takes. Measure it on photos that are no test photos, or of another place.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart import cli, dataset
from coldstart.errors import UserError
from coldstart.lineage import read_card
from coldstart.tables import aligned
from detect.boxes import Floats, Truth, found_boxes
from detect.matching import Matches
from detect.precision import resamplings
from detect.run import Run, check_runs
from detect.threshold import check_score

__all__ = ["MarginsConfig", "margin", "margins", "measure"]

Names = NDArray[Any]  # of text, one for each of N boxes
SIDES = ("left", "top", "right", "bottom")
BORDER = 2.0  # pixels; a side so near to the picture's edge was cut by it


@dataclass(frozen=True)
class MarginsConfig:
    """See conf/detect_margins.yaml."""

    runs: list[str]
    score: float = 0.3
    draws: int = 1000

    def __post_init__(self) -> None:
        check_score(self.score)
        if not self.runs or self.draws < 1:
            raise UserError("runs must name a folder of detect.evaluate or more, and draws must be at least 1")
        check_runs(self.runs)


def margins(config: MarginsConfig) -> None:
    """Print the table.

    Raises:
        UserError: a run is none of detect.evaluate's, its data has changed, or nothing was found.
    """
    found = [measure(folder, config.score) for folder in config.runs]
    photos, names, sides = (np.concatenate(column) for column in zip(*found, strict=True))
    if not len(sides):
        raise UserError(
            f"{', '.join(config.runs)}: no labelled box was found at IoU 0.5 with a score of {config.score}"
        )
    rows = [["class", "found", *SIDES]]
    for name in [*sorted(set(names)), None]:
        some = sides if name is None else sides[names == name]
        rows.append([name or "all", str(len(some)), *(f"{m:.1f}" for m in np.nanmedian(some, axis=0))])
    print(aligned(rows, right=True))
    value, low, high = margin(photos, sides, config.draws)
    print(f"margin {value:.1f} ({low:.1f} to {high:.1f}) thousandths of the longer side: habit.margin={value:.1f}")


def measure(folder: str | Path, score: float) -> tuple[Names, Names, Floats]:
    """Of N labelled boxes that a run found: its photo, class name, and N×4 how much further each side reaches.

    Photos are named by data and place, so that two runs on the same photos share them and two folds do not. Sides are
    in thousandths of the picture's longer side; NaN where the picture's edge cut the box.
    """
    run = Run.open(folder)
    data = dataset.load(read_card(run.folder)["config"]["data"])
    truth = Truth.of(data.images, data.annotations, data.categories)
    file = run.folder / "detections.json"
    try:
        found = found_boxes(json.loads(file.read_text(encoding="utf-8")), data.images, data.categories)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: is not what detect.evaluate wrote ({error!r}); score the detector again") from None
    matches = Matches.load(run.folder / "matches.npz").at(0.5)
    if len(matches.score) != len(found.score) or matches.labels != truth.digest:
        raise UserError(f"{folder}: was scored on other data than {data.root} holds now; score the detector again")
    hits = np.flatnonzero(matches.hit[0] & (found.score >= score))
    labels = matches.box[0, hits]
    ours, theirs = found.box[hits], truth.box[labels]
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in data.images}
    size = np.array([sizes[truth.images[i]] for i in truth.image[labels]], dtype=float).reshape(-1, 2)
    first, last = theirs[:, :2], theirs[:, :2] + theirs[:, 2:]
    sides = np.hstack([ours[:, :2] - first, last - ours[:, :2] - ours[:, 2:]]) / size.max(axis=1, keepdims=True) * 1000
    sides[np.hstack([first <= BORDER, last >= size - BORDER])] = np.nan
    photos = np.array([f"{truth.digest} {place}" for place in truth.image[labels]], dtype=str)
    return photos, np.array(truth.classes, dtype=object)[truth.category[labels]], sides


def margin(photos: Names, sides: Floats, draws: int) -> tuple[float, float, float]:
    """The median over N×4 `sides`, and its 95 % interval over photos drawn with replacement."""
    _, place = np.unique(photos, return_inverse=True)
    weights = resamplings(place.max() + 1, draws)[:, place]
    drawn = [float(np.nanmedian(np.repeat(sides, row, axis=0))) for row in weights]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(np.nanmedian(sides)), float(low), float(high)


if __name__ == "__main__":
    cli.run(margins, MarginsConfig, "detect_margins", __doc__)
