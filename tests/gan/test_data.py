"""Reading pictures, bringing photos to the renders' scale, and crops that depend on seed and index alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import gan.data
from coldstart.dataset import Dataset, save
from coldstart.errors import UserError
from gan.data import from_tensor, named, open_domains, partners, read_picture, to_tensor


def test_tensor_and_back_keeps_every_level() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    tensor = to_tensor(pixels)
    assert (tensor.min(), tensor.max(), tensor.shape) == (-1, 1, (3, 16, 16))
    assert np.array_equal(from_tensor(tensor), pixels)


def test_photos_are_turned_as_exif_asks_and_dataset_pictures_are_not(tmp_path: Path) -> None:
    exif = Picture.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Picture.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg").size == (20, 40)
    assert read_picture(tmp_path / "a.jpg", upright=False).size == (40, 20)


def test_transparent_and_palette_pictures_become_rgb(tmp_path: Path) -> None:
    for mode in ("RGBA", "P"):
        Picture.new(mode, (8, 8)).save(tmp_path / "a.png")
        assert read_picture(tmp_path / "a.png").mode == "RGB"


@pytest.mark.parametrize(
    ("mode", "name", "kind"),
    [("L", "a.jpg", "grey"), ("1", "a.png", "black and white"), ("I;16", "a.png", "I;16"), ("CMYK", "a.jpg", "CMYK")],
)
def test_pictures_of_other_kinds_are_refused_by_name(tmp_path: Path, mode: str, name: str, kind: str) -> None:
    Picture.new(mode, (8, 8)).save(tmp_path / name)
    with pytest.raises(UserError, match=rf"{name}: is .*{kind}.*, not an 8-bit RGB picture; convert"):
        read_picture(tmp_path / name)


def test_photos_get_the_scale_of_the_renders(renders: Dataset, photos: Path) -> None:
    Picture.new("RGB", (300, 100)).save(photos / "wide.png")
    source, target = open_domains(renders.root, photos, crop=32)
    assert {source[i].shape for i in range(len(source))} == {(48, 64, 4)}
    assert [target[i].shape for i in range(len(target))] == [(48, 64, 3)] * 4 + [(48, 144, 3)]


def test_a_dataset_folder_can_be_the_target(renders: Dataset) -> None:
    _, target = open_domains(renders.root, renders.root, crop=32)
    assert len(target) == len(renders.images)


def test_large_domains_are_read_when_asked_for(renders: Dataset, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = open_domains(renders.root, photos, crop=32)
    monkeypatch.setattr(gan.data, "IN_MEMORY", 1000)
    read = open_domains(renders.root, photos, crop=32)
    assert read[0].kept is None
    for before, after in zip(kept, read, strict=True):
        assert np.array_equal(before[2], after[2])


def test_render_smaller_than_the_crop_is_named(renders: Dataset, photos: Path) -> None:
    with pytest.raises(UserError, match=r"000000\.png: is 64×48, smaller than crop=64; give crop=48 or less"):
        open_domains(renders.root, photos, crop=64)
    renders.images[0].update(width=1, height=1)
    renders.annotations[:] = [a for a in renders.annotations if a["image_id"] != renders.images[0]["id"]]
    Picture.new("RGB", (1, 1)).save(renders.path(renders.images[0]))
    save(renders)
    with pytest.raises(UserError, match="smaller than crop=64; remove it, or render larger"):
        open_domains(renders.root, photos, crop=64)


def test_unreadable_photo_is_named(renders: Dataset, photos: Path) -> None:
    (photos / "2.jpg").write_bytes((photos / "2.jpg").read_bytes()[:400])
    with pytest.raises(UserError, match=r"2\.jpg: cannot be read as an image"):
        open_domains(renders.root, photos, crop=32)


def test_missing_and_empty_folders_are_named(renders: Dataset, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no such dataset folder"):
        open_domains(tmp_path / "nowhere", photos, crop=32)
    with pytest.raises(UserError, match="photos: not a dataset folder"):
        open_domains(photos, photos, crop=32)
    shutil.rmtree(photos)
    with pytest.raises(UserError, match="no such folder of photos"):
        open_domains(renders.root, photos, crop=32)
    photos.mkdir()
    with pytest.raises(UserError, match="holds no photo"):
        open_domains(renders.root, photos, crop=32)
    Picture.new("RGB", (64, 64)).save(photos / "a.png")
    with pytest.raises(UserError, match="photos: holds 1 photo, too few to learn a look from; give at least 2"):
        open_domains(renders.root, photos, crop=32)


def test_aligned_pictures_of_one_folder_are_refused(renders: Dataset) -> None:
    with pytest.raises(UserError, match=r"000000\.png: would be its own partner; .* one seed with another look="):
        open_domains(renders.root, renders.root / "images", crop=32, aligned=True)


def test_aligned_pictures_go_by_name_and_must_have_one_size(renders: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "aligned"
    folder.mkdir()
    for image in reversed(renders.images):
        Picture.new("RGB", (64, 48), (image["id"], 0, 0)).save(folder / image["file_name"])
    Picture.new("RGB", (64, 48)).save(folder / "extra.png")
    _, target = open_domains(renders.root, folder, crop=32, aligned=True)
    assert [int(target[i][0, 0, 0]) for i in range(len(target))] == [10, 11, 12, 13]
    Picture.new("RGB", (64, 40)).save(folder / "000002.png")
    with pytest.raises(UserError, match=r"000002\.png: is 64×40, but its partner .* is 64×48; aligned pairs must"):
        open_domains(renders.root, folder, crop=32, aligned=True)
    (folder / "000002.png").unlink()
    with pytest.raises(UserError, match=r"000002\.png: has no partner of its name in "):
        open_domains(renders.root, folder, crop=32, aligned=True)


def test_partners_go_by_their_paths_within_a_folder(tmp_path: Path) -> None:
    """Which of a dataset folder are those within images/; equal names in two subfolders are two names."""
    (tmp_path / "annotations.json").touch()
    inside, plain = tmp_path / "images", tmp_path / "plain"
    ours = named([inside / "b" / "1.png", inside / "a" / "1.png"], tmp_path)
    theirs = named([plain / "a" / "1.jpg", plain / "b" / "1.jpg"], plain)
    assert partners(ours, theirs, "plain") == [plain / "b" / "1.jpg", plain / "a" / "1.jpg"]
    with pytest.raises(UserError, match=r"1\.png: has no partner of its name in plain"):
        partners(ours, {"1": plain / "1.jpg"}, "plain")
    with pytest.raises(
        UserError, match=r"x\.png and .*x\.jpg: have one name but for their suffix, .* rename or remove"
    ):
        named([plain / "x.jpg", plain / "x.png"], plain)
