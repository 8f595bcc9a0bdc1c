"""Make the README's picture strip from a finished study: render, its translation, detections on a test image.

python docs/strip.py outputs/demo docs/pictures/strip.jpg
"""

import json
import sys
from pathlib import Path

from PIL import Image

HEIGHT = 420  # pixels


def main(study: Path, target: Path) -> None:
    results = json.loads((study / "results.json").read_text(encoding="utf-8"))
    translated = next(Path(part["folder"]) for part in results["synthetic"] if part["name"] != "source")
    source = next(Path(part["folder"]) for part in results["synthetic"] if part["name"] == "source")
    scores = [Path(cell["scores"]) for cell in results["cells"] if cell["arm"] == "translated_real"][-1]  # most photos
    name = sorted(p.name for p in (translated / "images").iterdir())[0]
    files = [source / "images" / name, translated / "images" / name, *sorted((scores / "detections").iterdir())[:2]]
    pictures = []
    for file in files:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        pictures.append(
            picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)
        )
    strip = Image.new("RGB", (sum(p.width for p in pictures) + 6 * (len(pictures) - 1), HEIGHT), "white")
    x = 0
    for picture in pictures:
        strip.paste(picture, (x, 0))
        x += picture.width + 6
    target.parent.mkdir(parents=True, exist_ok=True)
    strip.save(target, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
