"""A long screenshot as a picture of two columns: python docs/halves.py page.png picture.jpg [SECOND]

SECOND is where the right column begins, in pixels from the top: half of the screenshot without it.
"""

import sys
from pathlib import Path

from PIL import Image

WIDTH = 1500


def main(source: Path, target: Path, second: int = 0) -> None:
    with Image.open(source) as page:
        top = second or page.height // 2
        height = page.height - top
        both = Image.new("RGB", (2 * page.width, height), "white")
        both.paste(page.crop((0, 0, page.width, height)), (0, 0))
        both.paste(page.crop((0, top, page.width, page.height)), (page.width, 0))
    both.resize((WIDTH, round(height * WIDTH / both.width)), Image.Resampling.LANCZOS).save(target, quality=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
