"""Make the pictures of successes and failures in docs/results.md: what was found on photos that cannot be shown.

python docs/found.py docs/pictures/found_a.jpg SCORE…

A row for each out folder of detect.evaluate, all of the same photos; a column for the photo with the fewest errors of
all rows together, the one in the middle, and the one with the most. Boxes alone.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from coldstart.dataset import load
from detect import scoring
from detect.drawing import draw_marks
from detect.marks import marks
from detect.per_photo import per_photo
from detect.run import Run

SURE = 0.6  # boxes of at least this score
WIDTH, HEIGHT = 400, 400  # pixels of each picture
TITLE = 26


def main(target: Path, *scores: Path) -> None:
    runs = [Run.open(score).results for score in scores]
    datasets = [load(run["data"]) for run in runs]
    outcomes = [
        scoring.outcome(json.loads((score / "detections.json").read_text()), d.images, d.annotations, d.categories)
        for score, d in zip(scores, datasets, strict=True)
    ]
    counts = [per_photo(outcome.matches, SURE) for outcome in outcomes]
    order = np.argsort(sum(count.errors for count in counts), kind="stable")
    page = Image.new("RGB", ((WIDTH + 6) * 3, (HEIGHT + TITLE) * len(runs)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=15)
    for row, (outcome, count) in enumerate(zip(outcomes, counts, strict=True)):
        for column, image in enumerate(order[[0, len(order) // 2, -1]].tolist()):
            left, top = column * (WIDTH + 6) + 3, row * (HEIGHT + TITLE)
            entry = datasets[0].images[image]
            blank = Image.new("RGB", (entry["width"], entry["height"]), (36, 38, 42))
            drawn = draw_marks(blank, marks(outcome, image, SURE))
            page.paste(around(drawn, outcome.truth.box[outcome.truth.image == image], entry), (left, top + TITLE))
            said = f"{count.right[image]} right, {count.false_alarms[image]} false, {count.missed[image]} missed"
            draw.text((left + 2, top + 5), said, fill="black", font=font)
    page.save(target, quality=85)


def around(drawn: Image.Image, boxes: NDArray[Any], entry: Mapping[str, Any]) -> Image.Image:
    """The part of a drawing of photo `entry` that has the labelled boxes (x, y, width, height) in it."""
    scale = drawn.height / entry["height"]
    x0, y0 = boxes[:, :2].min(axis=0) * scale
    x1, y1 = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) * scale
    size = max(x1 - x0, (y1 - y0) * WIDTH / HEIGHT) * 1.15
    x, y = (x0 + x1 - size) / 2, (y0 + y1 - size * HEIGHT / WIDTH) / 2
    window = (x, y, x + size, y + size * HEIGHT / WIDTH)
    return drawn.transform((WIDTH, HEIGHT), Image.Transform.EXTENT, window, Image.Resampling.BICUBIC)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
