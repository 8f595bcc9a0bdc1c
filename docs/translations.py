"""Put renders, their translations and photos on one sheet: a row for each scene, a column for each folder.

python docs/translations.py outputs/translations.jpg RENDERS TRANSLATED… PHOTOS
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH = 230  # pixels of each picture
ROWS = 3


def pictures(folder: Path) -> list[Image.Image]:
    """`ROWS` pictures of a dataset folder, spread evenly over it."""
    files = sorted((folder / "images").iterdir())
    chosen = [files[round(k)] for k in np.linspace(0, len(files) - 1, ROWS)]
    opened = [Image.open(f).convert("RGB") for f in chosen]
    return [p.resize((WIDTH, round(p.height * WIDTH / p.width)), Image.Resampling.LANCZOS) for p in opened]


def main(target: Path, *folders: Path) -> None:
    columns = [pictures(folder) for folder in folders]
    height = columns[0][0].height
    page = Image.new("RGB", ((WIDTH + 4) * len(columns) - 4, (height + 4) * ROWS - 4), "white")
    for x, column in enumerate(columns):
        for y, picture in enumerate(column):
            page.paste(picture, (x * (WIDTH + 4), y * (height + 4)))
    page.save(target, quality=85)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
