"""Put renders of a preset and photos of the real place on one sheet, and compare their brightness region by region.

python docs/beside.py outputs/renders path/to/photos beside.jpg
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT = 420  # pixels of each picture
COLUMNS = 6
GRID = (6, 4)  # rows and columns of the regions


def pictures(folder: Path, most: int) -> list[Image.Image]:
    """The first pictures of a folder (or of its images/), spread evenly over it, all of one height."""
    root = folder / "images" if (folder / "images").is_dir() else folder
    files = sorted(f for f in root.iterdir() if f.suffix.lower() in (".png", ".jpg", ".jpeg"))
    chosen = [files[round(k)] for k in np.linspace(0, len(files) - 1, min(most, len(files)))]
    opened = [Image.open(f).convert("RGB") for f in chosen]
    return [p.resize((round(p.width * HEIGHT / p.height), HEIGHT), Image.Resampling.LANCZOS) for p in opened]


def regions(found: list[Image.Image]) -> np.ndarray:
    """Mean colour (0..255) of each region of the grid over all pictures: rows×columns×3."""
    rows, columns = GRID
    small = [np.asarray(p.resize((columns * 8, rows * 8), Image.Resampling.BOX), dtype=float) for p in found]
    mean: np.ndarray = np.mean(small, axis=0).reshape(rows, 8, columns, 8, 3).mean(axis=(1, 3))
    return mean


def main(renders: Path, photos: Path, target: Path) -> None:
    rows = [pictures(renders, COLUMNS), pictures(photos, COLUMNS)]
    width = max(sum(p.width + 4 for p in row) for row in rows)
    page = Image.new("RGB", (width, 2 * HEIGHT + 8), "white")
    for k, row in enumerate(rows):
        x = 0
        for p in row:
            page.paste(p, (x, k * (HEIGHT + 8)))
            x += p.width + 4
    target.parent.mkdir(parents=True, exist_ok=True)
    page.save(target, quality=85)
    ours, theirs = regions(pictures(renders, 40)), regions(pictures(photos, 40))
    print("mean brightness by region, renders / photos")
    for a, b in zip(ours.mean(axis=2), theirs.mean(axis=2), strict=True):
        print("   ".join(f"{x:3.0f}/{y:3.0f}" for x, y in zip(a, b, strict=True)))
    print("mean colour, renders", ours.mean(axis=(0, 1)).round(), "photos", theirs.mean(axis=(0, 1)).round())


if __name__ == "__main__":
    main(*(Path(a) for a in sys.argv[1:4]))
