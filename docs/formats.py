"""Draw one picture's boxes as a dataset folder and the folders converted from it have them, side by side.

python docs/formats.py outputs/renders outputs/yolo outputs/voc outputs/shards docs/pictures/formats.jpg
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from coldstart.convert import FORMATS
from coldstart.dataset import Dataset, load

HEIGHT = 420  # pixels
COLOURS = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45")


def read(folder: Path) -> tuple[str, Dataset]:
    """Name of the format and the dataset; what a format leaves to its side-car is in it too, and drawn thin."""
    for name, format in FORMATS.items():
        if format.is_one(folder):
            return name, format.read(folder).dataset
    return "coco", load(folder)


def main(folders: list[Path], target: Path) -> None:
    picture = load(folders[0]).path(load(folders[0]).images[0])
    panels = []
    for folder in folders:
        name, dataset = read(folder)
        with Image.open(picture) as opened:
            factor = HEIGHT / opened.height
            panel = opened.convert("RGB").resize((round(opened.width * factor), HEIGHT), Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(panel)
        for a in dataset.by_image()[dataset.images[0]["id"]]:
            x, y, width, height = (v * factor for v in a["bbox"])
            colour = COLOURS[a["category_id"] % len(COLOURS)]
            draw.rectangle((x, y, x + width, y + height), outline=colour, width=1 if a.get("ignore") else 3)
        draw.text((8, HEIGHT - 24), name, fill="white", stroke_width=2, stroke_fill="black", font_size=18)
        panels.append(panel)
    strip = Image.new("RGB", (sum(p.width + 6 for p in panels) - 6, HEIGHT), "white")
    for n, panel in enumerate(panels):
        strip.paste(panel, (n * (panel.width + 6), 0))
    strip.save(target, quality=85)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:-1]], Path(sys.argv[-1]))
