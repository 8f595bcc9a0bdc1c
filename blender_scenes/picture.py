"""Pictures from the user's disk, read by Pillow where it is installed and else by the Blender this runs in."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.errors import UserError

__all__ = ["cut", "read"]

Floats = NDArray[np.float64]


def read(file: str) -> NDArray[np.uint8]:
    """H×W×3 uint8 sRGB of a PNG or JPEG, upright as its EXIF says; relative paths count from the working directory.

    Raises:
        UserError: it is missing, no picture, or damaged.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"picture {file}: no such file (looked in {Path.cwd()}); give an absolute path")
    try:
        from PIL import Image
    except ImportError:
        return _by_blender(path)
    from PIL import ImageOps, UnidentifiedImageError

    from coldstart.pictures import rgb

    try:
        with Image.open(path) as image:
            return np.asarray(rgb(ImageOps.exif_transpose(image)))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"picture {file}: cannot be read ({' '.join(str(error).split())})") from None


def cut(file: str, box: Any = None, mask: str | None = None) -> tuple[Floats, Floats]:
    """A piece of a picture, h×w×3 sRGB 0..1, and h×w how far it counts, 0..1.

    `box` is [x, y, width, height] in pixels from the upper left corner; `mask` a picture of the same size whose white
    is kept. Without a box, the mask's white part is what is cut out.

    Raises:
        UserError: a file cannot be read, the sizes differ, or nothing is left.
    """
    pixels = read(file) / 255
    height, width = pixels.shape[:2]
    cover = np.ones((height, width))
    if mask is not None:
        cover = read(mask)[..., 0] / 255
        if cover.shape != (height, width):
            raise UserError(f"mask {mask}: is {cover.shape[1]}×{cover.shape[0]} pixels, the picture {width}×{height}")
        if cover.max() < 0.5:
            raise UserError(f"mask {mask}: keeps nothing; white is what is kept")
    if box is not None:
        x, y, w, h = (round(v) for v in box)
        if not (0 <= x < x + w <= width and 0 <= y < y + h <= height):
            raise UserError(f"box {list(box)}: [x, y, width, height] must lie in the picture's {width}×{height} pixels")
    else:
        rows, columns = (np.flatnonzero((cover >= 0.5).any(axis=axis)) for axis in (1, 0))
        x, y = int(columns[0]), int(rows[0])
        w, h = int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
    return pixels[y : y + h, x : x + w], cover[y : y + h, x : x + w]


def _by_blender(path: Path) -> NDArray[np.uint8]:
    import bpy

    image = bpy.data.images.load(str(path.resolve()))
    try:
        width, height = image.size
        if not width or not image.pixels:
            raise UserError(f"picture {path}: cannot be read; PNG and JPEG can")
        values = np.empty(width * height * image.channels, dtype=np.float32)
        image.pixels.foreach_get(values)
    finally:
        bpy.data.images.remove(image)
    pixels = values.reshape(height, width, -1)[::-1]
    colours = np.repeat(pixels[..., :1], 3, axis=-1) if pixels.shape[-1] < 3 else pixels[..., :3]
    return _upright(np.round(colours * 255).astype(np.uint8), _orientation(path.read_bytes()))


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A picture turned as its EXIF orientation 1..8 says (JEITA CP-3451, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _orientation(data: bytes) -> int:
    """The EXIF orientation of a JPEG, 1 where it says none. Blender ignores it, phones rely on it."""
    place = 2
    while data[:2] == b"\xff\xd8" and data[place : place + 1] == b"\xff" and place + 4 <= len(data):
        marker, length = data[place + 1], struct.unpack(">H", data[place + 2 : place + 4])[0]
        block = data[place + 4 : place + 2 + length]
        if marker == 0xE1 and block[:6] == b"Exif\0\0":
            return _tag(block[6:])
        if marker == 0xDA:  # the picture itself follows
            break
        place += 2 + length
    return 1


def _tag(tiff: bytes) -> int:
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        start = struct.unpack(f"{order}I", tiff[4:8])[0]
        for entry in range(struct.unpack(f"{order}H", tiff[start : start + 2])[0]):
            place = start + 2 + 12 * entry
            if struct.unpack(f"{order}H", tiff[place : place + 2])[0] == 0x0112:
                value = int(struct.unpack(f"{order}H", tiff[place + 8 : place + 10])[0])
                return value if 1 <= value <= 8 else 1
    except struct.error:  # cut short
        pass
    return 1
