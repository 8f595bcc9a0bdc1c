"""Reading pictures, bringing photos to the renders' scale, and crops that depend on seed and index alone."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

import gan.data
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from gan.data import Crops, From, Pictures, Renders, from_tensor, open_domains, read_picture, to_tensor


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


def crops(domains: tuple[Renders, Pictures], seed: int = 0) -> Crops:
    return Crops(*domains, 32, 100, seed)


def test_crops_depend_on_seed_and_index_alone(renders: Dataset, photos: Path) -> None:
    domains = open_domains(renders.root, photos, crop=32)
    first, again, other = crops(domains), crops(domains), crops(domains, seed=1)
    for index in (0, 7, 99):
        assert all(map(torch.equal, first[index], again[index]))
    assert not torch.equal(first[0][0], first[1][0])
    assert not torch.equal(first[0][0], other[0][0])
    assert [tuple(part.shape) for part in first[0]] == [(3, 32, 32), (3, 32, 32), (1, 32, 32), (0, 32, 32)]


def test_every_round_shows_every_picture_once(renders: Dataset, photos: Path) -> None:
    source, target = open_domains(renders.root, photos, crop=32)
    # Each picture is one colour, so that a crop tells which it is.
    source.kept = [np.full((48, 64, 4), value, np.uint8) for value in range(4)]
    data = Crops(source, target, 32, 40, seed=3)
    seen = [int(from_tensor(data[i][0])[0, 0, 0]) for i in range(40)]
    rounds = [seen[i : i + 4] for i in range(0, 40, 4)]
    assert all(Counter(r) == Counter(range(4)) for r in rounds)
    assert len({tuple(r) for r in rounds}) > 3


def test_half_of_the_crops_are_mirrored(renders: Dataset, photos: Path) -> None:
    source, target = open_domains(renders.root, photos, crop=32)
    ramp = np.arange(64, dtype=np.uint8)[None, :, None].repeat(48, 0).repeat(4, 2)
    source.kept = [ramp] * 4
    data = Crops(source, target, 32, 200, seed=0)
    mirrored = sum(bool(data[i][0][0, 0, 0] > data[i][0][0, 0, -1]) for i in range(200))
    assert 70 < mirrored < 130


def test_sampler_goes_on_where_it_is_told() -> None:
    assert list(From(6, 10)) == [6, 7, 8, 9]
    assert len(From(6, 10)) == 10
    assert list(From(5, 12, 2)) == [5, 7, 9, 11]
    assert len(From(5, 12, 2)) == 6


def test_render_smaller_than_the_crop_is_named(renders: Dataset, photos: Path) -> None:
    with pytest.raises(UserError, match=r"000000\.png: is 64×48, smaller than crop=64; give crop=48 or less"):
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


def test_objects_follow_the_mask_through_crop_and_mirror(renders: Dataset, photos: Path) -> None:
    data = crops(open_domains(renders.root, photos, crop=32))
    shown = 0
    for index in range(20):
        pair = data[index]
        red = (pair.source[0] - pair.source[2] > 0.5).float()
        assert torch.equal(pair.objects[0], red)
        shown += int(red.sum() > 0)
    assert shown > 5


def test_without_masks_nothing_is_an_object_and_a_misfit_is_named(renders: Dataset, photos: Path) -> None:
    mask = renders.mask_path(renders.images[1])
    Picture.new("I;16", (8, 8)).save(mask)
    with pytest.raises(UserError, match=r"masks/000001\.png: is no mask of its picture's 64×48"):
        open_domains(renders.root, photos, crop=32)
    mask.write_bytes(b"no")
    with pytest.raises(UserError, match=r"masks/000001\.png: cannot be read as a mask"):
        open_domains(renders.root, photos, crop=32)
    shutil.rmtree(renders.root / "masks")
    assert not crops(open_domains(renders.root, photos, crop=32))[0].objects.any()


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
