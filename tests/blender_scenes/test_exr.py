import struct
from pathlib import Path

import numpy as np
import pytest

from blender_scenes import exr


def attribute(name: str, kind: str, content: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(content)) + content


def file(channels: dict[str, np.ndarray], *, pixel_type: int = 2, compression: int = 0, flags: int = 0) -> bytes:
    """An OpenEXR file by its specification; the data window starts at (2, 1)."""
    height, width = next(iter(channels.values())).shape
    listed = b"".join(n.encode() + b"\0" + struct.pack("<iIii", pixel_type, 0, 1, 1) for n in sorted(channels))
    window = struct.pack("<4i", 2, 1, width + 1, height)
    head = b"v/1\x01" + struct.pack("<I", 2 | flags)
    head += attribute("channels", "chlist", listed + b"\0")
    head += attribute("compression", "compression", bytes([compression]))
    head += attribute("dataWindow", "box2i", window) + b"\0"
    size = 8 + 4 * width * len(channels)
    start = len(head) + 8 * height
    offsets = b"".join(struct.pack("<Q", start + y * size) for y in range(height))
    lines = b"".join(
        struct.pack("<ii", y + 1, size - 8) + b"".join(channels[n][y].astype("<f4").tobytes() for n in sorted(channels))
        for y in range(height)
    )
    return head + offsets + lines


def test_channels_come_back_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    channels = {name: rng.normal(size=(4, 5)).astype(np.float32) for name in ("L.Depth.Z", "L.Combined.R", "L.A.X")}
    (tmp_path / "x.exr").write_bytes(file(channels, flags=0x400))
    found = exr.read(tmp_path / "x.exr")
    assert found.keys() == channels.keys()
    for name, values in channels.items():
        assert (found[name] == values).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compression": 3}, "compressed"),
        ({"pixel_type": 1}, "32-bit floats"),
        ({"flags": 0x200}, "single-part scan line"),
        ({"flags": 0x1000}, "single-part scan line"),
    ],
)
def test_other_kinds_are_refused(change: dict[str, int], message: str, tmp_path: Path) -> None:
    (tmp_path / "x.exr").write_bytes(file({"L.A.X": np.zeros((2, 2))}, **change))
    with pytest.raises(ValueError, match=message):
        exr.read(tmp_path / "x.exr")
