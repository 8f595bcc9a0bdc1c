"""Pictures people look at: a training batch with its boxes, and detections next to the truth."""

import colorsys
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from coldstart.dataset import write_atomic
from detect.inference import Detection

__all__ = [
    "FALSE_ALARM",
    "MISSED",
    "RIGHT",
    "TRUTH",
    "Mark",
    "class_colour",
    "draw_batch",
    "draw_found",
    "draw_marks",
    "save_picture",
]

RIGHT, FALSE_ALARM, MISSED, TRUTH = (60, 220, 90), (255, 60, 60), (255, 160, 20), (235, 235, 235)
MAX_HEIGHT = 1000
Box = Sequence[float]
Mark = tuple[Box, tuple[int, int, int], str, str]  # x y width height, colour, style (thin, solid, dashed), text


def draw_marks(picture: Image.Image, marks: Iterable[Mark]) -> Image.Image:
    """A copy of `picture`, at most 1000 px high, with boxes and their texts; texts avoid each other."""
    scale = min(1.0, MAX_HEIGHT / picture.height)
    drawn = picture.convert("RGB").resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    draw = ImageDraw.Draw(drawn)
    font = ImageFont.load_default(size=max(11, round(drawn.height / 65)))
    taken: list[tuple[float, float, float, float]] = []
    texts = []
    for (x, y, width, height), colour, style, text in marks:
        corners = (x * scale, y * scale, (x + width) * scale, (y + height) * scale)
        if style == "dashed":
            _dashed(draw, corners, colour)
        else:
            draw.rectangle(corners, outline=colour, width=1 if style == "thin" else 3)
        if text:
            texts.append((corners, colour, text))
    for corners, colour, text in texts:
        place = _place(corners, draw.textbbox((0, 0), text, font=font), drawn.size, taken)
        taken.append(place)
        draw.rectangle(place, fill=colour)
        draw.text((place[0] + 2, place[1] + 1), text, fill=(0, 0, 0), font=font, anchor="lt")
    return drawn


def _place(
    corners: tuple[float, float, float, float],
    extent: tuple[float, float, float, float],
    size: tuple[int, int],
    taken: list[tuple[float, float, float, float]],
) -> tuple[float, float, float, float]:
    """Where a text goes: the first free place above its box, inside at the top, below, inside at the bottom."""
    width, height = extent[2] + 4, extent[3] + 3
    left = min(max(0.0, corners[0]), size[0] - width)
    places = [
        (left, top, left + width, top + height)
        for top in (corners[1] - height, corners[1] + 1, corners[3] + 1, corners[3] - height)
        if 0 <= top <= size[1] - height
    ] or [(left, 0.0, left + width, height)]

    def free(place: tuple[float, float, float, float]) -> bool:
        return all(place[2] <= t[0] or t[2] <= place[0] or place[3] <= t[1] or t[3] <= place[1] for t in taken)

    return next((place for place in places if free(place)), places[0])


def _dashed(
    draw: ImageDraw.ImageDraw, corners: tuple[float, float, float, float], colour: tuple[int, int, int]
) -> None:
    x0, y0, x1, y1 = corners
    for a, b in (((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)), ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0))):
        dashes = max(1, round((abs(b[0] - a[0]) + abs(b[1] - a[1])) / 6))
        points = np.linspace(a, b, dashes + 1)
        for first, last in zip(points[:-1:2], points[1::2], strict=False):
            draw.line([tuple(first), tuple(last)], fill=colour, width=3)


def draw_batch(batch: tuple[list[Tensor], list[dict[str, Tensor]]], names: Sequence[str], path: Path) -> None:
    """A grid of one training batch (3×H×W in 0..1) with its boxes, coloured by class, as PNG; dashed: ignored."""
    tiles = []
    for pixels, target in zip(*batch, strict=True):
        picture = Image.fromarray((pixels * 255).byte().permute(1, 2, 0).numpy())
        boxes, ignored = target["boxes"].clone(), target["ignored"].clone()
        for some in (boxes, ignored):
            some[:, 2:] -= some[:, :2]
        marks: list[Mark] = [
            (box, class_colour(label, len(names)), "thin", names[label])
            for box, label in zip(boxes.tolist(), target["labels"].tolist(), strict=True)
        ]
        marks += [(box, TRUTH, "dashed", "") for box in ignored.tolist()]
        tiles.append(draw_marks(picture, marks))
    columns = min(4, len(tiles))
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * width, i // columns * height))
    save_picture(sheet, path)


def draw_found(
    picture: Image.Image, found: Iterable[Detection], names: Sequence[str], sure: float = 0.0
) -> Image.Image:
    """`draw_marks` of detections: boxes with name and score, coloured by class, of which `names` are all.

    Dashed are those whose score is below `sure`.
    """
    colours = {name: class_colour(label, len(names)) for label, name in enumerate(names)}
    styles = {True: "solid", False: "dashed"}
    return draw_marks(
        picture, [(d.box, colours[d.name], styles[d.score >= sure], f"{d.name} {d.score:.2f}") for d in found]
    )


def class_colour(label: int, classes: int) -> tuple[int, int, int]:
    """A colour of its own for each of `classes` labels, from 0."""
    red, green, blue = colorsys.hsv_to_rgb(label / max(1, classes), 0.6, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write PNG or JPEG, by the name, atomically."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG" if path.suffix == ".png" else "JPEG", quality=90)
    write_atomic(path, buffer.getvalue())
