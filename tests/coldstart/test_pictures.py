import base64
import io
from pathlib import Path

from PIL import Image as Picture

from coldstart.pictures import data_uri, spread


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


def test_spread_keeps_both_ends() -> None:
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread([1, 2], 4) == [1, 2]
