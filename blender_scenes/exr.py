"""Reading the OpenEXR files that Blender writes for us: scan lines of 32-bit floats, one part, uncompressed.

Blender's own reader takes only the first layer of a file, and its Python brings no other in every version. Layout:
https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["read"]

MAGIC = b"v/1\x01"
LONG_NAMES = 0x400  # the only flag that changes nothing of the layout
FLOAT = 2  # pixel type


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every channel by its full name (`layer.pass.R`), H×W each, row 0 at the top.

    Raises:
        ValueError: the file is compressed, tiled, in several parts, or not of 32-bit floats.
    """
    data = path.read_bytes()
    flags = int.from_bytes(data[5:8], "little") << 8
    if data[:4] != MAGIC or flags & ~LONG_NAMES:
        raise ValueError(f"{path}: not a single-part scan line OpenEXR file")
    attributes, start = _header(data)
    names = _channels(attributes["channels"])
    if attributes["compression"] != b"\0":
        raise ValueError(f"{path}: is compressed")
    x0, y0, x1, y1 = struct.unpack("<4i", attributes["dataWindow"])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    # A table of one offset for each line, then the lines: y, byte count, and one channel after the other.
    offsets = np.frombuffer(data, "<u8", height, start).astype(np.int64)
    raw = np.frombuffer(data, np.uint8)
    line = np.arange(4 * len(names) * width)
    rows = raw[offsets[:, None] + 8 + line].view("<f4").reshape(height, len(names), width)
    return {name: rows[:, k] for k, name in enumerate(names)}


def _header(data: bytes) -> tuple[dict[str, bytes], int]:
    """Attributes by name, and where the header ends."""
    found, at = {}, 8
    while data[at]:
        name = data.index(b"\0", at)
        kind = data.index(b"\0", name + 1)
        size = int.from_bytes(data[kind + 1 : kind + 5], "little")
        found[data[at:name].decode()] = data[kind + 5 : kind + 5 + size]
        at = kind + 5 + size
    return found, at + 1


def _channels(content: bytes) -> list[str]:
    """Channel names in the order of the file."""
    names, at = [], 0
    while content[at]:
        end = content.index(b"\0", at)
        kind, _linear, x_step, y_step = struct.unpack("<iIii", content[end + 1 : end + 17])
        if (kind, x_step, y_step) != (FLOAT, 1, 1):
            raise ValueError(f"channel {content[at:end].decode()} is not of 32-bit floats at full resolution")
        names.append(content[at:end].decode())
        at = end + 17
    return names
