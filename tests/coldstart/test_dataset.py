import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from pycocotools import mask as coco_mask

from coldstart import dataset as ds
from coldstart.errors import UserError

Edit = Callable[[dict[str, Any]], object]


def test_what_is_saved_is_loaded(toy: Callable[..., ds.Dataset]) -> None:
    written = toy("a", 3)
    read = ds.load(written.root)
    assert read == written
    assert read.class_names == ["milk", "orange", "water"]
    assert [len(found) for found in read.by_image().values()] == [3, 3, 3]
    assert read.path(read.images[0]).is_file()
    assert read.mask_path(read.images[0]) == read.root / "masks" / "000000.png"
    assert read.mask_path({"file_name": "a/000000.jpg"}) == read.root / "masks" / "a" / "000000.png"


def test_an_image_without_annotations_is_listed_by_image(toy: Callable[..., ds.Dataset]) -> None:
    whole = toy("a", 2)
    ds.save(ds.Dataset(whole.root, whole.images, whole.annotations[:3], whole.categories))
    assert [len(found) for found in ds.load(whole.root).by_image().values()] == [3, 0]


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((5, 7), bool),
        np.ones((5, 7), bool),
        np.eye(6, 4, dtype=bool),
        np.random.default_rng(0).random((23, 17)) > 0.5,
        np.random.default_rng(1).random((16, 16)) > 0.98,
    ],
    ids=["empty", "full", "diagonal", "dense", "sparse"],
)
def test_rle_agrees_with_pycocotools(mask: np.ndarray) -> None:
    rle = ds.encode_rle(mask)
    theirs = coco_mask.frPyObjects(rle, *mask.shape)
    assert theirs == coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(ds.decode_rle(rle), mask)
    if mask.any():
        assert ds.mask_box(mask) == coco_mask.toBbox(theirs).tolist()


@pytest.mark.parametrize(("kind", "shape"), [("uint8", (9, 5, 3)), ("uint8", (9, 5)), ("uint16", (9, 5))])
def test_png_is_read_back_by_pillow(kind: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
    np.testing.assert_array_equal(np.asarray(Picture.open(io.BytesIO(ds.png_bytes(pixels)))), pixels)


def test_an_interrupted_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "annotations.json"
    ds.write_json(file, {"old": 1})

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ds.os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        ds.write_json(file, {"new": 2})
    assert json.loads(file.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_json_is_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        ds.write_json(tmp_path / name, {"×": [1, 2.5, None]})
    assert ds.sha256(tmp_path / "a") == ds.sha256((tmp_path / "b").read_bytes())


REFUSALS: dict[str, tuple[Edit, str]] = {
    "images not a list": (lambda c: c.update(images={}), "'images' must be a list"),
    "annotations missing": (lambda c: c.pop("annotations"), "'annotations' must be a list"),
    "no categories": (lambda c: c.update(categories=[]), "category ids"),
    "category id 0": (lambda c: c["categories"][0].update(id=0), "whole numbers from 1"),
    "category ids shared": (lambda c: c["categories"][0].update(id=2), "whole numbers from 1"),
    "category names shared": (lambda c: c["categories"][0].update(name="orange"), "share a name"),
    "a category name is a number": (
        lambda c: c["categories"][1].update(name=7),
        "category 2: name must be text, got 7",
    ),
    "no image": (lambda c: c.update(images=[]), "lists no image"),
    "image ids shared": (lambda c: c["images"][0].update(id=2), "two images share an id"),
    "image leaves the folder": (lambda c: c["images"][0].update(file_name="../card.json"), "leaves the folder"),
    "image leaves the folder and comes back": (
        lambda c: c["images"][0].update(file_name="../images/000000.png"),
        "is no path within images/; `python -m detect.doctor",
    ),
    "image missing": (lambda c: c["images"][0].update(file_name="no.png"), "is missing"),
    "size differs": (lambda c: c["images"][0].update(width=7), "but annotations.json says 7×128"),
    "annotation ids shared": (lambda c: c["annotations"][0].update(id=2), "two annotations share an id"),
    "annotation without image": (lambda c: c["annotations"][0].update(image_id=99), "belongs to image 99"),
    "annotation without category": (lambda c: c["annotations"][0].update(category_id=9), "has category 9"),
    "three numbers": (lambda c: c["annotations"][0].update(bbox=[1, 2, 3]), "bbox must be four numbers"),
    "not a number": (lambda c: c["annotations"][0].update(bbox=[1, 2, float("nan"), 4]), "bbox must be four numbers"),
    "a huge number": (lambda c: c["annotations"][0].update(bbox=[10**400, 2, 3, 4]), "bbox must be four numbers"),
    "an ignored box below nothing": (
        lambda c: c["annotations"][0].update(bbox=[9, 9, -3, 4], ignore=1),
        "bbox must be four numbers",
    ),
    "no list as a box": (lambda c: c["annotations"][0].update(bbox=7), "annotation 1: bbox must be four numbers"),
    "image id a text": (lambda c: c["images"][0].update(id="1"), "image '1': id must be a whole number, got '1'"),
    "image id a truth": (lambda c: c["images"][0].update(id=True), "id must be a whole number, got True"),
    "image without an id": (lambda c: c["images"][0].update(id=None), "image ? has no id"),
    "width a text": (lambda c: c["images"][0].update(width="64"), "image 1: width must be a number, got '64'"),
    "area a text": (lambda c: c["annotations"][0].update(area="big"), "area must be a number, got 'big'"),
    "visible fraction": (
        lambda c: c["annotations"][0].update(visible_fraction=float("nan")),
        "must be a number, got nan",
    ),
    "seed a list": (lambda c: c["images"][0].update(seed=[1]), "image 1: seed must be a whole number, got [1]"),
    "source a number": (lambda c: c["images"][0].update(source=5), "image 1: source must be text, got 5"),
    "scene elsewhere": (lambda c: c["images"][0].update(scene="../a.json"), "scene must be a path within the folder"),
    "category name empty": (lambda c: c["categories"][0].update(name=" "), "category name ' ' is empty, or has"),
    "category name of two lines": (
        lambda c: c["categories"][0].update(name="a\nb"),
        "has line breaks or control characters",
    ),
    "file name too long": (lambda c: c["images"][0].update(file_name="a" * 300), "cannot be looked for"),
    "file name with a null": (lambda c: c["images"][0].update(file_name="a\0b"), "cannot be looked for"),
    "empty box": (lambda c: c["annotations"][0].update(bbox=[1, 2, 0, 4]), "empty or outside"),
    "box outside": (lambda c: c["annotations"][0].update(bbox=[500, 2, 3, 4]), "empty or outside"),
    "field misspelt": (lambda c: c["annotations"][0].pop("bbox"), "annotation 1 has no bbox"),
    "file name misspelt": (lambda c: c["images"][0].pop("file_name"), "image 1 has no file_name"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_malformed_annotations_are_refused(
    case: str, toy: Callable[..., ds.Dataset], change: Callable[[Path, Edit], None]
) -> None:
    root = toy("a", 2).root
    edit, message = REFUSALS[case]
    change(root, edit)
    with pytest.raises(UserError) as refusal:
        ds.load(root)
    assert message in str(refusal.value)
    assert str(root) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_nobody_reads_and_null_may_be_there(
    toy: Callable[..., ds.Dataset], change: Callable[[Path, Edit], None]
) -> None:
    root = toy("a", 1).root

    def edit(content: dict[str, Any]) -> None:
        content["images"][0].update(id=1.0, scene=None, source=None, seed=None, name=["x"], area="big")
        content["annotations"][0].update(area=None, source={}, scene=3, truncated=None, index="a")
        content["categories"][0].update(index="x", source=None, name="می\u200cخواهم\u00a0b")

    change(root, edit)
    data = ds.load(root)
    assert not {"scene", "source", "seed"} & data.images[0].keys()
    assert "area" not in data.annotations[0]
    assert data.scene_path(data.images[0]) is None


def test_json_that_is_too_deep_is_refused(toy: Callable[..., ds.Dataset]) -> None:
    root = toy("a", 1).root
    (root / "annotations.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="cannot be read as JSON"):
        ds.load(root)


def test_a_picture_named_by_its_absolute_path_is_refused(
    toy: Callable[..., ds.Dataset], change: Callable[[Path, Edit], None]
) -> None:
    data = toy("a", 1)
    change(data.root, lambda c: c["images"][0].update(file_name=str(data.path(data.images[0]).resolve())))
    with pytest.raises(UserError, match="no path within images/"):
        ds.load(data.root)


def test_an_ignored_box_may_be_empty(toy: Callable[..., ds.Dataset], change: Callable[[Path, Edit], None]) -> None:
    root = toy("a", 1).root
    change(root, lambda c: c["annotations"][0].update(bbox=[1, 2, 0, 0], ignore=1))
    assert ds.load(root).annotations[0]["ignore"] == 1


def test_what_is_asked_for_is_neither_ignored_nor_a_crowd() -> None:
    assert ds.asked({})
    assert ds.asked({"ignore": 0, "iscrowd": 0})
    assert not ds.asked({"ignore": 1})
    assert not ds.asked({"iscrowd": 1})


def test_folders_that_are_no_dataset_are_refused(tmp_path: Path, toy: Callable[..., ds.Dataset]) -> None:
    with pytest.raises(UserError, match="no such dataset folder"):
        ds.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no annotations.json"):
        ds.load(tmp_path / "empty")
    for name, text, message in (("text", "{", "cannot be read as JSON"), ("list", "[]", "expected a COCO object")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "annotations.json").write_text(text)
        with pytest.raises(UserError, match=message):
            ds.load(tmp_path / name)
    broken = toy("broken", 1)
    broken.path(broken.images[0]).write_bytes(b"not a picture")
    with pytest.raises(UserError, match="cannot be read as an image"):
        ds.load(broken.root)


def test_photos_come_from_a_dataset_or_a_plain_folder(tmp_path: Path, toy: Callable[..., ds.Dataset]) -> None:
    dataset = toy("a", 2)
    assert ds.list_photos(dataset.root) == [dataset.path(image) for image in dataset.images]
    assert [p.name for p in ds.list_photos(dataset.root / "images")] == ["000000.png", "000001.png"]
    with pytest.raises(UserError, match="no such folder"):
        ds.list_photos(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no photo"):
        ds.list_photos(tmp_path / "empty")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds.write_atomic(tmp_path / "a.json", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"a.json: cannot be written \(No space left on device\); what is th"):
        ds.write_atomic(tmp_path / "a.json", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"


def test_an_info_that_is_no_mapping_is_left_out(
    toy: Callable[..., ds.Dataset], change: Callable[[Path, Edit], None]
) -> None:
    root = toy("a", 1).root
    change(root, lambda c: c.update(info="my photos"))
    assert ds.load(root).info == {}
