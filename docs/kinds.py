"""Put the first two pictures of each of several folders on one sheet, under the folder's name.

python docs/kinds.py outputs/pl/{crowded,rows,shop} docs/pictures/placement.jpg
"""

import sys
from pathlib import Path

from beside import pictures
from PIL import Image, ImageDraw

HEIGHT, NAME, GAP, WIDTH = 230, 18, 12, 980  # pixels


def main(folders: list[Path], target: Path) -> None:
    cells: list[tuple[int, int, Image.Image]] = []
    x = y = 0
    for folder in folders:
        cell = pair(folder)
        if x and x + cell.width > WIDTH:
            x, y = 0, y + cell.height + GAP
        cells.append((x, y, cell))
        x += cell.width + GAP
    page = Image.new("RGB", (max(x + cell.width for x, _, cell in cells), y + HEIGHT + NAME), "white")
    for x, y, cell in cells:
        page.paste(cell, (x, y))
    page.save(target, quality=85)


def pair(folder: Path) -> Image.Image:
    """Two pictures side by side below the folder's name."""
    shown = [p.resize((round(p.width * HEIGHT / p.height), HEIGHT)) for p in pictures(folder, 100)[:2]]
    cell = Image.new("RGB", (sum(p.width for p in shown), HEIGHT + NAME), "white")
    ImageDraw.Draw(cell).text((2, 2), folder.name, "black", font_size=13)
    x = 0
    for p in shown:
        cell.paste(p, (x, NAME))
        x += p.width
    return cell


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main([Path(a) for a in sys.argv[1:-1]], Path(sys.argv[-1]))
