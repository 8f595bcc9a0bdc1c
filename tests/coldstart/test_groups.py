import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image as Picture

from coldstart.dataset import Dataset, Image
from coldstart.errors import UserError
from coldstart.groups import connected, sessions, taken_at, together

Toy = Callable[..., Dataset]


def named(*names: str) -> Dataset:
    """A folder of which only the names are looked at."""
    images: list[Image] = [{"id": i, "file_name": name} for i, name in enumerate(names, start=1)]
    return Dataset(Path("nowhere"), images, [], [])


def test_connected_components() -> None:
    assert connected(range(6), [[0, 3], [4, 5], [3, 4]]) == [[0, 3, 4, 5], [1], [2]]


def test_a_scene_in_two_looks_and_a_render_with_its_translation_are_one(renders: Toy) -> None:
    data = renders("data", 5)
    for image, (seed, index) in zip(data.images, [(1, 0), (1, 1), (1, 0), (2, 0), (2, 1)], strict=True):
        image |= {"seed": seed, "index": index}
    data.images[4]["source"] = os.path.relpath(data.path(data.images[1]), data.root)
    assert together(data, []) == [[1, 3], [2, 5], [4]]


def test_one_session_is_none_and_several_bind(toy: Toy) -> None:
    data = toy("data", 3)
    assert together(data, [[1, 2, 3]]) == [[1], [2], [3]]
    assert together(data, [[1, 2], [3]]) == [[1, 2], [3]]


def test_sessions_by_folder_and_by_pattern() -> None:
    data = named("monday/1.jpg", "tuesday/1.jpg", "monday/2.jpg")
    assert sessions(data, ["folder"], 0) == [[1, 3], [2]]
    assert sessions(named("1.jpg", "2.jpg"), ["folder"], 0) == [[1], [2]]  # one folder says nothing
    data = named("kitchen_1.jpg", "cellar_1.jpg", "kitchen_2.jpg")
    assert sessions(data, [], 0, r"^(\w+)_\d") == [[1, 3], [2]]
    for bad, message in (
        ("(", "is no regular expression"),
        (r"\d", "has no group"),
        ("(attic)", "'.attic.' is found in no file name, such as kitchen_1.jpg"),
    ):
        with pytest.raises(UserError, match=message):
            sessions(data, [], 0, bad)


def test_sessions_by_time(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 4)
    for image, second in zip(data.images, (0, 200, 90, 340), strict=True):
        exif = Picture.Exif()
        exif[0x0132] = f"2024:01:31 17:{second // 60:02d}:{second % 60:02d}"
        path = data.path(image)
        with Picture.open(path) as picture:
            picture.save(path, exif=exif)
    assert sessions(data, ["time"], 120) == [[1, 2, 3], [4]]
    assert sessions(data, ["time"], 100) == [[1, 3], [2], [4]]


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("WIN_20160803_11_42_36_Pro_t.png", datetime(2016, 8, 3, 11, 42, 36)),
        ("PXL_20240131_174205123.png", datetime(2024, 1, 31, 17, 42, 5)),
        ("2024-01-31 17.42.05.png", datetime(2024, 1, 31, 17, 42, 5)),
        ("20241331_174205.png", None),
        ("000001.png", None),
    ],
)
def test_the_time_in_a_name(name: str, time: datetime | None, tmp_path: Path) -> None:
    Picture.new("RGB", (4, 4)).save(tmp_path / name)
    assert taken_at(tmp_path / name) == time


def test_a_photo_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.jpg: cannot be read as an image"):
        taken_at(tmp_path / "a.jpg")


def test_the_time_in_a_tiff(tmp_path: Path) -> None:
    Picture.new("RGB", (8, 8)).save(tmp_path / "a.tif", tiffinfo={0x8769: {0x9003: "2024:01:31 17:42:05"}})
    assert taken_at(tmp_path / "a.tif") == datetime(2024, 1, 31, 17, 42, 5)
