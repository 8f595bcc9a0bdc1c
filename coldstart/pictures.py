"""Pictures: how they are opened, which of them a report shows, and small copies that a page can carry inside."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import ExifTags, Image

from coldstart.dataset import write_atomic
from coldstart.errors import UserError

__all__ = ["UNREADABLE", "data_uri", "opened", "rgb", "save_figure", "spread", "turned"]

T = TypeVar("T")

# What Pillow raises for a file that it cannot open or decode; SyntaxError is a PNG's damaged chunk.
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)

# By EXIF orientation, what makes it 1.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture in a file, to be decoded within the block: a file that is cut off opens without a complaint.

    Raises:
        UserError: it cannot be opened or, in the block, decoded.
    """
    try:
        with Image.open(path) as picture:
            yield picture
    except UNREADABLE as error:
        raise UserError(f"{path}: cannot be read as an image ({error})") from None


def rgb(picture: Image.Image) -> Image.Image:
    """`picture` in 8-bit RGB.

    Raises:
        ValueError: it has more than 8 bits, of which Pillow would keep what is dark and make all else white.
    """
    if picture.mode.startswith(("I", "F")):
        raise ValueError(f"its mode {picture.mode} has more than 8 bits; convert it to 8")
    return picture.convert("RGB")


def turned(picture: Image.Image) -> Image.Image:
    """`picture`, which it decodes, as its EXIF orientation asks to show it.

    ImageOps.exif_transpose writes the EXIF block anew, and fails where any tag in it is of another type than it should.
    """
    picture.load()  # first: a PNG may tell its orientation behind its pixels
    turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    return picture if turn is None else picture.transpose(turn)


def data_uri(path: Path, width: int, box: tuple[int, int, int, int] | None = None) -> str | None:
    """The picture, or the part in `box` (left, top, right, bottom), as a JPEG data URI, at most `width` pixels wide.

    None if it is missing or cannot be read.
    """
    try:
        with opened(path) as picture:
            if box is None:
                picture.draft("RGB", (2 * width, 2 * width))  # decodes a large JPEG at a fraction of its size
            small = rgb(picture).crop(box)
    except UserError:
        return None
    small.thumbnail((width, 4 * width), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of `items`, evenly spaced and always the same."""
    if len(items) <= count:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, count).round().astype(int)]


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure as PNG, atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomic(path, buffer.getvalue())
