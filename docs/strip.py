"""Make the README's picture strip from a finished study: render, its translation, detections on two test images.

python docs/strip.py outputs/demo docs/pictures/strip.jpg
"""

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from coldstart.dataset import load
from detect import scoring
from detect.drawing import draw_marks
from detect.marks import marks

HEIGHT = 420  # pixels
SURE = 0.5  # boxes of at least this score


def main(study: Path, target: Path) -> None:
    results = json.loads((study / "results.json").read_text(encoding="utf-8"))
    source, translated = (
        next(Path(part["folder"]) for part in results["synthetic"] if (part["name"] == "source") == is_source)
        for is_source in (True, False)
    )
    cell = [cell for cell in results["cells"] if cell["arm"] == "translated_real"][-1]  # most photos
    name = sorted(p.name for p in (translated / "images").iterdir())[0]
    pictures = [opened(folder / "images" / name) for folder in (source, translated)]
    pictures = [sized(picture) for picture in (*pictures, *found(Path(cell["scores"])))]
    strip = Image.new("RGB", (sum(p.width for p in pictures) + 6 * (len(pictures) - 1), HEIGHT), "white")
    x = 0
    for picture in pictures:
        strip.paste(picture, (x, 0))
        x += picture.width + 6
    target.parent.mkdir(parents=True, exist_ok=True)
    strip.save(target, quality=88)


def found(scores: Path) -> list[Any]:
    """The first two test images of a detect.evaluate with what was right, false and missed, boxes alone."""
    data = load(json.loads((scores / "results.json").read_text(encoding="utf-8"))["data"])
    detections = json.loads((scores / "detections.json").read_text(encoding="utf-8"))
    outcome = scoring.outcome(detections, data.images, data.annotations, data.categories)
    drawn = []
    for place, image in enumerate(data.images[:2]):
        picture = opened(data.path(image))
        by = 2 * HEIGHT / picture.height  # drawn at twice the size, for thin lines
        boxes = [([by * v for v in box], colour, style, "") for box, colour, style, _ in marks(outcome, place, SURE)]
        drawn.append(
            draw_marks(picture.resize((round(by * picture.width), 2 * HEIGHT), Image.Resampling.LANCZOS), boxes)
        )
    return drawn


def opened(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB")


def sized(picture: Image.Image) -> Image.Image:
    return picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
