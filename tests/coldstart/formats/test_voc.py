import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Picture
from torchvision.datasets import VOCDetection

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.formats import voc

Toy = Callable[..., Dataset]

OBJECT = "<object><name>jam</name><bndbox><xmin>1</xmin><ymin>11</ymin><xmax>50</xmax><ymax>30</ymax></bndbox></object>"
SIZE = "<size><width>100</width><height>80</height><depth>3</depth></size>"


def folder(root: Path, inner: str = SIZE + OBJECT, start: str = "", name: str = "a.jpg") -> Path:
    """A VOC folder from elsewhere with one picture of 100×80."""
    for kind in ("Annotations", "JPEGImages"):
        (root / kind).mkdir(parents=True, exist_ok=True)
    Picture.new("RGB", (100, 80)).save(root / "JPEGImages" / "a.jpg")
    xml = f"{start}<annotation><filename>{name}</filename>{inner}</annotation>"
    (root / "Annotations" / "a.xml").write_text(xml)
    return root


def test_corners_count_from_one_and_include_the_last_pixel(renders: Toy) -> None:
    data = renders("data", 2)
    first, second, third = data.annotations[:3]
    first |= {"bbox": [0.0, 2.0, 10.0, 20.0], "ignore": 0, "truncated": 0.3, "visible_fraction": 0.7}
    second |= {"bbox": [0.5, 0.0, 10.25, 200.0], "ignore": 1, "truncated": 0.0, "visible_fraction": 0.1}
    third |= {"bbox": [0.0, 0.0, 0.0, 0.0], "ignore": 1}
    output = voc.write(data, 0)
    assert output.head["ImageSets/Main/trainval.txt"] == b"000000\n000001\n"
    root = ET.fromstring(next(output.pictures)["Annotations/000000.xml"])
    items = root.findall("object")
    assert [[c.text for c in item.iter() if c.tag[0] in "xy"] for item in items] == [
        ["1", "3", "10", "22"],
        ["1.5", "1", "10.75", "128"],
    ]
    flags = [[item.findtext(key) for key in ("name", "truncated", "occluded", "difficult")] for item in items]
    assert flags == [["milk", "1", "0", "0"], ["orange", "0", "1", "1"]]


def test_torchvision_reads_it(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 2, photo=True)
    output = voc.write(data, 0)
    home = tmp_path / "VOCdevkit" / "VOC2012"
    for files in [output.head, *output.pictures]:
        for name, content in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content)
    pictures = VOCDetection(tmp_path, year="2012", image_set="trainval")
    assert len(pictures) == 2
    picture, target = pictures[1]
    assert picture.size == (96, 128)
    assert [o["name"] for o in target["annotation"]["object"]] == ["milk", "orange", "water"]


def test_a_folder_from_elsewhere(tmp_path: Path) -> None:
    for name in ("a.jpg", "C:\\photos\\a.png", ""):  # labelling tools write what they like
        data = voc.read(folder(tmp_path, name=name)).dataset
        assert data.images == [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}]
        assert data.class_names == ["jam"]
        (a,) = data.annotations
        assert a == {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 10, 50, 20], "area": 1000, "iscrowd": 0}


def test_difficult_is_ignored(tmp_path: Path) -> None:
    difficult = OBJECT.replace("</name>", "</name><difficult>1</difficult>")
    (a,) = voc.read(folder(tmp_path, SIZE + difficult)).dataset.annotations
    assert a["ignore"] == 1


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("<size>", "cannot be read as XML"),
        (OBJECT, "size/width must be a number, got None"),
        (SIZE.replace("100", "90") + OBJECT, "says 90×80, but .* has 100×80"),
        (SIZE + OBJECT.replace("50", "fifty"), "object 1: bndbox/xmax must be a number, got 'fifty'"),
        (SIZE + OBJECT.replace("50", "inf"), "must be a finite number"),
        (SIZE + OBJECT.replace(">50<", ">0<"), "object 1: its box has no area"),
        (SIZE + OBJECT.replace("jam", " "), "object 1: has no name"),
    ],
)
def test_an_xml_that_means_nothing_is_refused(tmp_path: Path, inner: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        voc.read(folder(tmp_path, inner))


@pytest.mark.parametrize(
    "start",
    [
        '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE a SYSTEM "http://example.invalid/a.dtd">',
    ],
)
def test_entities_are_refused(tmp_path: Path, start: str) -> None:
    with pytest.raises(UserError, match="has a DOCTYPE or entities"):
        voc.read(folder(tmp_path, start=start))


def test_a_picture_that_is_missing_or_outside_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "voc", name="../../b.jpg")
    Picture.new("RGB", (100, 80)).save(tmp_path / "b.jpg")
    with pytest.raises(UserError, match="leaves the folder"):
        voc.read(root)
    folder(root, name="c.jpg")
    (root / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(UserError, match=r"its picture 'c\.jpg' is not in"):
        voc.read(root)
