"""A picture of what was recognised: things, and references of the classes nearest to them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from coldstart.pictures import spread
from detect.boxes import Floats
from detect.drawing import FALSE_ALARM, RIGHT, save_picture
from detect.embedding import SIDE
from detect.gallery import View, view_crop

__all__ = ["draw_sheet"]

ROWS, COLUMNS, NEAREST = 8, 2, 4
TEXT, GAP, EDGE = 20, 6, 4  # pixels
PLAIN = (150, 150, 150)


def draw_sheet(
    queries: Sequence[View],
    names: Sequence[str],
    cosine: Floats,
    *,
    references: Sequence[View],
    classes: Sequence[str],
    path: Path,
) -> Path:
    """At most 16 of N things, spread over them, each before a reference of its four nearest classes, as JPEG.

    `names`: what each was taken for; `cosine` N×K to the classes. The frame is green where that is its label's class,
    or where it is unknown and no class has its label; red otherwise, grey without a label. Returns `path`.
    """
    shown = spread(range(len(queries)), ROWS * COLUMNS)
    width, height = (1 + NEAREST) * (SIDE + GAP) + 4 * GAP, SIDE + TEXT + GAP
    sheet = Image.new("RGB", (COLUMNS * width, max(1, -(-len(shown) // COLUMNS)) * height), "white")
    first = {name: next(v for v in references if v.name == name) for name in classes}
    for place, n in enumerate(shown):
        left, top = place % COLUMNS * width + GAP, place // COLUMNS * height
        _tile(sheet, (left, top), queries[n], names[n], _colour(queries[n], names[n], classes))
        for i, k in enumerate(np.argsort(-cosine[n], kind="stable")[:NEAREST], start=1):
            corner = (left + 2 * GAP + i * (SIDE + GAP), top)
            _tile(sheet, corner, first[classes[k]], f"{classes[k]} {cosine[n, k]:.2f}", None)
    save_picture(sheet, path)
    return path


def _colour(view: View, name: str, classes: Sequence[str]) -> tuple[int, int, int]:
    if view.name is None:
        return PLAIN
    return RIGHT if name == (view.name if view.name in classes else "unknown") else FALSE_ALARM


def _tile(
    sheet: Image.Image, corner: tuple[int, int], view: View, text: str, frame: tuple[int, int, int] | None
) -> None:
    left, top = corner
    draw = ImageDraw.Draw(sheet)
    draw.text((left, top + 3), text, fill="black", font=ImageFont.load_default(size=13))
    sheet.paste(Image.fromarray(view_crop(view).permute(1, 2, 0).numpy()), (left, top + TEXT))
    if frame:
        draw.rectangle((left, top + TEXT, left + SIDE - 1, top + TEXT + SIDE - 1), outline=frame, width=EDGE)
