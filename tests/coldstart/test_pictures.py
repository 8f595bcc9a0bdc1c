import base64
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, ImageOps
from PIL import Image as Picture

from coldstart.errors import UserError
from coldstart.pictures import data_uri, opened, rgb, spread, turned


def plain(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Path:
    Picture.new("RGB", size, colour).save(path)
    return path


def test_a_data_uri_is_a_small_jpeg(tmp_path: Path) -> None:
    uri = data_uri(plain(tmp_path / "a.png", (200, 30, 60), (800, 600)), 100)
    assert uri is not None
    head, body = uri.split(",")
    assert head == "data:image/jpeg;base64"
    picture = Picture.open(io.BytesIO(base64.b64decode(body)))
    assert (picture.format, picture.size) == ("JPEG", (100, 75))
    assert all(abs(a - b) < 6 for a, b in zip(picture.getpixel((50, 40)), (200, 30, 60), strict=True))


def test_a_missing_or_broken_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    assert data_uri(tmp_path / "broken.png", 100) is None
    assert data_uri(tmp_path / "nowhere.png", 100) is None


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_8_bits_are_no_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Picture.new(mode, (4, 4), 3000).save(path)
    with pytest.raises(UserError, match=r"a\.tif: .* has more than 8 bits; convert it to 8"), opened(path) as picture:
        rgb(picture)
    assert data_uri(path, 100) is None


def test_grey_and_cmyk_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "CMYK", "P", "RGBA"):
        assert rgb(Picture.new(mode, (4, 4))).mode == "RGB"


def test_spread_keeps_both_ends() -> None:
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread([1, 2], 4) == [1, 2]


def damaged(path: Path) -> Path:
    """A PNG with a chunk of no known kind in the middle, which opens but cannot be decoded."""
    pixels = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Picture.fromarray(pixels).save(path)
    whole = path.read_bytes()
    at = whole.index(b"IDAT", whole.index(b"IDAT") + 4)
    path.write_bytes(whole[:at] + b"\0\1\2\3" + whole[at + 4 :])
    return path


def test_what_cannot_be_decoded_is_one_line(tmp_path: Path) -> None:
    cut = plain(tmp_path / "cut.png", (200, 30, 60), (800, 600))
    cut.write_bytes(cut.read_bytes()[:300])
    for path in (cut, damaged(tmp_path / "damaged.png"), tmp_path / "nowhere.png"):
        with pytest.raises(UserError, match=rf"{path.name}: cannot be read as an image"), opened(path) as picture:
            picture.load()
        assert data_uri(path, 100) is None


def test_other_mistakes_are_not_the_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^mine$"), opened(plain(tmp_path / "a.png", (0, 0, 0))):
        raise UserError("mine")


@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_as_pillow_turns_it(tmp_path: Path, orientation: int) -> None:
    picture, exif = Picture.radial_gradient("L").resize((6, 4)), Picture.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture.crop((0, 0, 5, 3)).save(tmp_path / "a.png", exif=exif)
    with Picture.open(tmp_path / "a.png") as ours, Picture.open(tmp_path / "a.png") as pillows:
        wanted = ImageOps.exif_transpose(pillows)
        assert turned(ours).size == wanted.size
        assert turned(ours).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("tag", [ExifTags.Base.XResolution, 0xA005])
def test_a_picture_is_turned_whatever_its_other_tags_hold(tmp_path: Path, tag: int) -> None:
    """A hand-made block: orientation 6, and text where a number or the place of a directory belongs."""
    entries = struct.pack("<HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0) + struct.pack("<HHI4s", tag, 2, 4, b"R98")
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    Picture.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=block)
    with opened(tmp_path / "a.jpg") as picture:
        assert turned(picture).size == (20, 40)
