"""Dense labels of a render as PNG files: depth, normals and albedo, each in a folder of that name beside images/.

Written and read with numpy and the standard library, so that both work inside Blender and without an EXR library.
"""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.dataset import png_bytes
from coldstart.errors import UserError

__all__ = ["DEPTH_LIMIT", "DEPTH_SCALE", "encode", "read_albedo", "read_depth", "read_normals"]

Floats = NDArray[np.float32]

DEPTH_SCALE = 10_000  # PNG units per metre, so steps of 0.1 mm
DEPTH_LIMIT = 65535 / DEPTH_SCALE  # metres; what is further counts as that far


def encode(name: str, values: Floats) -> bytes:
    """The PNG of one pass, `name` being one of

    `depth`: H×W metres along the view axis, as 16-bit units of 0.1 mm; 0 where nothing is, 65535 from 6.5535 m on.
    `normals`: H×W×3 unit vectors, (n + 1) / 2 as 16-bit RGB; black where nothing is.
    `albedo`: H×W×3 linear 0..1, as 8-bit sRGB (IEC 61966-2-1).
    """
    if name == "depth":
        units = np.where(np.isfinite(values), values, 0) * DEPTH_SCALE
        return png_bytes(np.round(units).clip(0, 65535).astype(np.uint16))
    if name == "normals":
        units = np.where((values != 0).any(axis=-1, keepdims=True), (values + 1) / 2, 0) * 65535
        return png_bytes(np.round(units).clip(0, 65535).astype(np.uint16))
    srgb = np.where(values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055)
    return png_bytes(np.round(srgb * 255).clip(0, 255).astype(np.uint8))


def read_depth(path: Path) -> Floats:
    """H×W metres along the view axis, inf where nothing is.

    Raises:
        UserError: the file is missing or not one that `encode` wrote; so do the other readers.
    """
    units = _pixels(path).astype(np.float32)
    return np.where(units > 0, units / DEPTH_SCALE, np.float32(np.inf))


def read_normals(path: Path) -> Floats:
    """H×W×3 unit vectors in camera axes (x right, y up, z towards the camera), 0 where nothing is."""
    units = _pixels(path).astype(np.float32)
    vectors = units / 65535 * 2 - 1
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(units.any(axis=-1, keepdims=True), vectors / length, np.float32(0))


def read_albedo(path: Path) -> Floats:
    """H×W×3 base colours, linear 0..1."""
    srgb = _pixels(path).astype(np.float32) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _pixels(path: Path) -> NDArray[Any]:
    """What `png_bytes` encoded. Pillow would cut 16-bit colours to 8 bits."""
    try:
        data = path.read_bytes()
        width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
        raw, at = b"", 8
        while at < len(data):
            size, chunk = struct.unpack(">I4s", data[at : at + 8])
            raw += data[at + 8 : at + 8 + size] if chunk == b"IDAT" else b""
            at += size + 12
        rows = np.frombuffer(zlib.decompress(raw), np.uint8).reshape(height, -1)
        if rows[:, 0].any():
            raise ValueError("its lines are filtered")
        kind = np.dtype(">u2" if bits == 16 else "u1")
        shape = (height, width, 3) if colour == 2 else (height, width)
        return np.ascontiguousarray(rows[:, 1:]).view(kind).astype(kind.newbyteorder("=")).reshape(shape)
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise UserError(f"{path}: is not a PNG that Coldstart wrote ({error})") from None
