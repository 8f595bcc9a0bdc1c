from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image as Picture

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.formats import yolo

Toy = Callable[..., Dataset]


def folder(root: Path, label: str = "0 0.5 0.5 0.5 0.25\n", **keys: object) -> Path:
    """A YOLO folder from elsewhere: one picture of 100×80 in train, one in val."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        Picture.new("RGB", (100, 80)).save(root / "images" / split / "a.jpg")
    (root / "labels" / "train" / "a.txt").write_text(label)
    content = {"path": "/elsewhere", "train": "images/train", "val": "images/val", "nc": 2, "names": ["milk", "jam"]}
    (root / "data.yaml").write_text(yaml.safe_dump(content | keys))
    return root


def test_lines_are_centre_and_size_as_fractions(toy: Toy) -> None:
    data = toy("data", 1)
    data.annotations[0]["bbox"] = [-10.0, 32.0, 34.0, 64.0]  # 96×128; what is outside is cut off
    output = yolo.write(data, 0)
    (files,) = output.pictures
    assert files["labels/000000.txt"].decode().splitlines()[0] == "0 0.12500000 0.50000000 0.25000000 0.50000000"
    assert files["images/000000.png"] == data.path(data.images[0]).read_bytes()
    described = yaml.safe_load(output.head["data.yaml"])
    assert described == {"train": "images", "val": "images", "names": {0: "milk", 1: "orange", 2: "water"}}


def test_a_folder_from_elsewhere(tmp_path: Path) -> None:
    data = yolo.read(folder(tmp_path)).dataset
    assert [i["file_name"] for i in data.images] == ["train/a.jpg", "val/a.jpg"]
    assert data.class_names == ["milk", "jam"]
    (a,) = data.annotations
    assert a == {"id": 1, "image_id": 1, "category_id": 1, "bbox": [25, 30, 50, 20], "area": 1000, "iscrowd": 0}


def test_folders_with_images_inside_the_split(tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / "train" / kind).mkdir(parents=True)
    Picture.new("RGB", (100, 80)).save(tmp_path / "train" / "images" / "a.jpg")
    (tmp_path / "train" / "labels" / "a.txt").write_text("1 0.5 0.5 0.5 0.25")
    (tmp_path / "data.yaml").write_text("train: train/images\nval:\nnames: {0: milk, 1: jam}")
    data = yolo.read(tmp_path).dataset
    assert (data.images[0]["file_name"], data.annotations[0]["category_id"]) == ("train/a.jpg", 2)


def test_a_polygon_gives_box_outline_and_area(tmp_path: Path) -> None:
    (a,) = yolo.read(folder(tmp_path, "1 0.1 0.1 0.5 0.1 0.5 0.6\n")).dataset.annotations
    assert a["bbox"] == [10, 8, 40, 40]
    assert a["segmentation"] == [[10, 8, 50, 8, 50, 48]]
    assert a["area"] == 800


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", "line 1: class 2 is not in data.yaml, which has 0 to 1"),
        ("0 0.5 0.5 0.1 0.1\n0.5 0.5 0.5 0.1 0.1", "line 2: class 0.5 is not in"),
        ("nan 0.5 0.5 0.1 0.1", "class nan is not in"),
        ("milk 0.5 0.5 0.1 0.1", "line 1: not numbers"),
        ("0 50 50 10 10", "expected fractions"),
        ("0 0.5 nan 0.1 0.1", "expected fractions"),
        ("0 0.5 0.5 0.1", "or a polygon of three points"),
        ("0 0.5 0.5 0 0.1", "has no area"),
    ],
)
def test_a_line_that_means_nothing_is_refused(tmp_path: Path, label: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        yolo.read(folder(tmp_path, label))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"names": None}, "names must list the classes"),
        ({"names": {"a": "milk"}}, "names must list the classes"),
        ({"names": ["milk", "milk"]}, "two classes share a name"),
        ({"names": ["milk", False]}, "YAML reads False as no text; put each name in quotes"),
        ({"names": ["milk", 1.1]}, r"YAML reads 1\.1 as no text"),
        ({"train": "images/" + "a" * 300}, "no such folder of images"),
        ({"train": "../other/images"}, "leaves the folder"),
        ({"train": "/etc"}, "leaves the folder"),
        ({"train": "images/none"}, "no such folder of images"),
        ({"train": "labels"}, "must lie in a folder images"),
        ({"train": ["labels/../images/train", "data.yaml"]}, "no such folder of images"),
        ({"train": None, "val": None}, "hold no image"),
    ],
)
def test_a_description_that_means_nothing_is_refused(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        yolo.read(folder(tmp_path, **keys))


def test_yaml_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    (folder(tmp_path) / "data.yaml").write_text("names: " + "[" * 5000)
    with pytest.raises(UserError, match="cannot be read as YAML"):
        yolo.read(tmp_path)


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    (folder(tmp_path) / "data.yaml").write_text("names: !!python/object/apply:os.system ['true']")
    with pytest.raises(UserError, match="cannot be read as YAML"):
        yolo.read(tmp_path)


def test_a_picture_that_links_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "yolo")
    (root / "images" / "val" / "a.jpg").rename(tmp_path / "a.jpg")
    (root / "images" / "val" / "a.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="leaves the folder"):
        yolo.read(root)


def test_labels_without_a_picture_are_told(tmp_path: Path) -> None:
    root = folder(tmp_path)
    labels = root / "labels" / "train"
    (labels / "classes.txt").write_text("milk\norange\n")
    (labels / "empty.txt").write_text("")
    yolo.read(root)
    (labels / "gone.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(UserError, match=r"gone\.txt: has labels, but no picture of its name"):
        yolo.read(root)
    told: list[str] = []
    assert yolo.read(root, lambda kind, error: told.append(kind)).dataset.images
    assert told == ["picture"]
