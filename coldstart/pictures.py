"""The pictures of a report: which to show, and small copies of them that a page can carry inside."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from coldstart.dataset import write_atomic

__all__ = ["data_uri", "save_figure", "spread"]

T = TypeVar("T")


def data_uri(path: Path, width: int, box: tuple[int, int, int, int] | None = None) -> str | None:
    """The picture, or the part in `box` (left, top, right, bottom), as a JPEG data URI, at most `width` pixels wide.

    None if it is missing or cannot be read.
    """
    try:
        with Image.open(path) as picture:
            if box is None:
                picture.draft("RGB", (2 * width, 2 * width))  # decodes a large JPEG at a fraction of its size
            small = picture.convert("RGB").crop(box)
    except (OSError, ValueError):
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
