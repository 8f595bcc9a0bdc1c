"""Put the first pictures of several folders on one sheet, a row each.

python docs/rows.py outputs/randomise/none outputs/randomise/strong rows.jpg
"""

import sys
from pathlib import Path

from beside import pictures
from PIL import Image


def main(folders: list[Path], target: Path, most: int = 6) -> None:
    rows = [pictures(folder, most) for folder in folders]
    height = rows[0][0].height + 4
    page = Image.new("RGB", (max(sum(p.width + 4 for p in row) for row in rows), height * len(rows)), "white")
    for k, row in enumerate(rows):
        x = 0
        for p in row:
            page.paste(p, (x, k * height))
            x += p.width + 4
    page.thumbnail((1200, 1600), Image.Resampling.LANCZOS)
    page.save(target, quality=85)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main([Path(a) for a in sys.argv[1:-1]], Path(sys.argv[-1]))
