from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageEnhance, ImageFilter, ImageOps

from coldstart import duplicates
from coldstart.duplicates import grouped, near_duplicates
from coldstart.errors import UserError


def scene(path: Path, seed: int) -> Picture.Image:
    """A picture of soft blobs, saved to `path`."""
    rng = np.random.default_rng(seed)
    small = Picture.fromarray(rng.integers(0, 255, (9, 7, 3), dtype=np.uint8))
    picture = small.resize((210, 270), Picture.Resampling.BICUBIC)
    picture.save(path, quality=92)
    return picture


ALTERED: dict[str, Callable[[Picture.Image], Picture.Image]] = {
    "half": lambda p: p.resize((105, 135)),
    "bright": lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    "mirrored": ImageOps.mirror,
}


def test_altered_copies_are_found_and_others_are_not(tmp_path: Path) -> None:
    first = scene(tmp_path / "0.jpg", 0)
    paths = [tmp_path / "0.jpg", *(tmp_path / f"{name}.jpg" for name in ALTERED)]
    for name, alter in ALTERED.items():
        alter(first).save(tmp_path / f"{name}.jpg", quality=50)
    for seed in (1, 2, 3):
        scene(tmp_path / f"{seed}.jpg", seed)
    pairs = near_duplicates([*paths, *(tmp_path / f"{seed}.jpg" for seed in (1, 2, 3))])
    to_first = {paths[p.second].stem: p for p in pairs if p.first == 0}
    assert set(to_first) == set(ALTERED)
    assert {name for name, p in to_first.items() if p.mirrored} == {"mirrored"}
    assert not any(p.identical for p in pairs)
    assert to_first["bright"].bits > duplicates.BITS  # the features' find
    assert to_first["grey"].cosine < duplicates.COSINE  # the hash's find
    assert grouped(9, pairs) == [[0, 1, 2, 3, 4, 5]]


def test_equal_bytes_come_first_and_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{i}.jpg" for i in range(4)]
    for i, path in enumerate(paths):
        scene(path, i % 3)
    ImageOps.mirror(Picture.open(paths[1])).save(tmp_path / "4.png")
    paths = [*paths[:3], tmp_path / "4.png", paths[3]]
    pairs = near_duplicates(paths)
    assert [(p.first, p.second, p.identical, p.mirrored) for p in pairs] == [(0, 4, True, False), (1, 3, False, True)]
    monkeypatch.setattr(duplicates, "BLOCK", 2)
    assert near_duplicates(paths) == pairs


def test_a_photo_stored_turned_is_the_photo(tmp_path: Path) -> None:
    picture = scene(tmp_path / "a.png", 5)
    exif = Picture.Exif()
    exif[0x0112] = 6  # show it a quarter turn clockwise
    picture.transpose(Picture.Transpose.ROTATE_90).save(tmp_path / "b.jpg", exif=exif)
    (pair,) = near_duplicates([tmp_path / "a.png", tmp_path / "b.jpg"])
    assert (pair.mirrored, pair.identical) == (False, False)


def test_none_and_one_have_no_pairs(tmp_path: Path) -> None:
    assert near_duplicates([]) == near_duplicates([tmp_path / "none.jpg"]) == grouped(3, []) == []


def test_what_is_no_picture_is_refused_by_name(tmp_path: Path) -> None:
    scene(tmp_path / "a.jpg", 0)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:500])
    with pytest.raises(UserError, match=r"b\.jpg: cannot be read as an image"):
        near_duplicates([tmp_path / "a.jpg", tmp_path / "b.jpg"])
