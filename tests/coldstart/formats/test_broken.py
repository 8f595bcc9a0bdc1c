"""Broken folders in every format: one clear line each, whether the reader stops or goes on without what is broken."""

import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image as Picture

from coldstart import formats
from coldstart.convert import read
from coldstart.errors import UserError
from coldstart.formats.files import refuse

BOX = [10.0, 10.0, 30.0, 20.0]  # x, y, width, height in 100×80 pixels


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    Picture.fromarray(pixels).save(path)
    return path


def truncated(path: Path) -> None:
    path.write_bytes(picture(path).read_bytes()[:2000])


def huge(path: Path) -> None:
    """50,000×50,000 pixels in a few bytes."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"0"))]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


class Folder:
    """A folder in one format with the pictures a.jpg and b.jpg, one box each; what follows breaks those of a.jpg."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root, self.kind = root, kind
        self.images = root / ("JPEGImages" if kind == "voc" else "images")
        self.write()

    def write(self, box: list[Any] = BOX, name: str = "a.jpg", size: tuple[int, int] = (100, 80)) -> None:
        picture(self.images / "a.jpg")
        picture(self.images / "b.jpg", 1)
        getattr(self, self.kind)({name: box, "b.jpg": BOX}, size)

    def coco(self, boxes: dict[str, list[Any]], size: tuple[int, int]) -> None:
        images = [
            {"id": i, "file_name": name, "width": size[0] if i == 1 else 100, "height": size[1] if i == 1 else 80}
            for i, name in enumerate(boxes, start=1)
        ]
        annotations = [
            {"id": i, "image_id": i, "category_id": 1, "bbox": box} for i, box in enumerate(boxes.values(), start=1)
        ]
        self.json = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "milk"}]}
        self.save()

    def save(self) -> None:
        (self.root / "annotations.json").write_text(json.dumps(self.json))

    def voc(self, boxes: dict[str, list[Any]], size: tuple[int, int]) -> None:
        (self.root / "Annotations").mkdir(exist_ok=True)
        for stem, (name, (x, y, w, h)) in zip("ab", boxes.items(), strict=True):
            width, height = size if stem == "a" else (100, 80)
            (self.root / "Annotations" / f"{stem}.xml").write_text(
                f"<annotation><filename>{name}</filename><size><width>{width}</width><height>{height}</height></size>"
                f"<object><name>milk</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + w}</xmax>"
                f"<ymax>{y + h}</ymax></bndbox></object></annotation>"
            )

    def yolo(self, boxes: dict[str, list[Any]], size: tuple[int, int]) -> None:
        (self.root / "labels").mkdir(exist_ok=True)
        (self.root / "data.yaml").write_text(yaml.safe_dump({"train": "images", "names": ["milk"]}))
        for stem, (x, y, w, h) in zip("ab", boxes.values(), strict=True):
            line = f"0 {(x + w / 2) / 100} {(y + h / 2) / 80} {w / 100} {h / 80}\n"
            (self.root / "labels" / f"{stem}.txt").write_text(line)

    def tsv(self, boxes: dict[str, list[Any]], size: tuple[int, int]) -> None:
        lines = ["image\tclass\tx\ty\twidth\theight"]
        lines += ["\t".join([name, "milk", *map(str, box)]) for name, box in boxes.items()]
        (self.root / "boxes.tsv").write_text("\n".join(lines))


NAN, NEGATIVE = [10.0, float("nan"), 30.0, 20.0], [10.0, 10.0, -5.0, 20.0]
Break = Callable[[Folder], object]
FAULTS: dict[
    str, tuple[Break, str, dict[str, str]]
] = {  # how; what all say; for each format, which place the line names
    "missing image": (
        lambda f: (f.images / "a.jpg").unlink(),
        r"a\.jpg",
        {"coco": r"images\[0\].*missing", "voc": r"a\.xml: its picture", "tsv": r"boxes\.tsv: line 2: its picture"},
    ),
    "wrong size": (lambda f: f.write(size=(90, 80)), "says 90×80", {"coco": r"images\[0\]", "voc": r"a\.xml"}),
    "nan": (
        lambda f: f.write(box=NAN),
        "nan",
        {"coco": r"annotations\[0\].*finite", "voc": "object 1.*finite", "yolo": "line 1", "tsv": "line 2"},
    ),
    "negative size": (
        lambda f: f.write(box=NEGATIVE),
        "",
        {"voc": r"a\.xml: object 1.*no area", "yolo": r"a\.txt: line 1: expected fractions", "tsv": "line 2.*no area"},
    ),
    "leaves the folder": (
        lambda f: (picture(f.root.parent / "c.jpg"), f.write(name="../../c.jpg")),
        "leaves the folder",
        {"coco": r"c\.jpg", "voc": r"c\.jpg", "tsv": r"c\.jpg"},
    ),
    "truncated": (
        lambda f: truncated(f.images / "a.jpg"),
        r"a\.jpg: cannot be read as an image .*truncated",
        dict.fromkeys(["coco", "voc", "yolo", "tsv"], ""),
    ),
    "huge": (
        lambda f: huge(f.images / "a.jpg"),
        r"a\.jpg: cannot be read as an image .*2500000000 pixels",
        dict.fromkeys(["coco", "voc", "yolo", "tsv"], ""),
    ),
}
CASES = [(fault, kind) for fault, (_, _, kinds) in FAULTS.items() for kind in kinds]


@pytest.mark.parametrize(("fault", "kind"), CASES)
def test_one_line_names_file_and_place(tmp_path: Path, fault: str, kind: str) -> None:
    folder = Folder(tmp_path / "data", kind)
    assert len(read(folder.root, refuse).dataset.annotations) == 2
    breaks, says, places = FAULTS[fault]
    breaks(folder)
    with pytest.raises(UserError) as refused:
        read(folder.root, refuse)
    noted: list[tuple[str, str]] = []
    reading = read(folder.root, lambda kind, error: noted.append((kind, str(error))))
    assert noted[0][1] == str(refused.value)
    assert len([text for _, text in noted if "its picture, image" not in text]) == 1
    text = noted[0][1]
    assert "\n" not in text
    for pattern in (says, places[kind]):
        assert re.search(pattern, text), text
    kept = {"missing image": 1, "leaves the folder": 1, "truncated": 1, "huge": 1}.get(fault, 2)
    assert len(reading.dataset.images) == kept
    assert len(reading.dataset.annotations) == (2 if fault == "wrong size" else 1)
    assert sum(1 for _ in reading.pictures) == kept


def coco(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> tuple[Any, list[str]]:
    folder = Folder(tmp_path / "data", "coco")
    change(folder.json)
    folder.save()
    with pytest.raises(UserError):
        read(folder.root, refuse)
    noted: list[str] = []
    return read(folder.root, lambda kind, error: noted.append(f"{kind}: {error}")).dataset, noted


def test_categories_from_0_are_counted_from_1(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["categories"] = [{"id": 0, "name": "milk"}, {"id": 1, "name": "jam"}]
        content["annotations"][0]["category_id"] = 0

    data, noted = coco(tmp_path, change)
    assert data.class_names == ["milk", "jam"]
    assert [a["category_id"] for a in data.annotations] == [1, 2]
    assert [n for n in noted if "categories count from 0" in n] == noted


def test_duplicate_ids(tmp_path: Path) -> None:
    data, noted = coco(tmp_path / "1", lambda c: c["annotations"][1].update(id=1))
    assert [a["id"] for a in data.annotations] == [1, 2]
    assert len(noted) == 1 and "annotations[1]: its id 1" in noted[0]
    data, noted = coco(tmp_path / "2", lambda c: c["images"][1].update(id=1))
    assert [i["file_name"] for i in data.images] == ["a.jpg"]
    assert "images[1]: its id 1 is another image's too" in noted[0]
    assert "annotations[1]: belongs to image 2, which is not listed" in noted[1]


def test_boxes_of_a_lost_picture_are_listed(tmp_path: Path) -> None:
    data, noted = coco(tmp_path, lambda c: c["images"][0].update(file_name="gone.jpg"))
    assert len(data.images) == len(data.annotations) == 1
    assert noted[1].endswith("annotations[0]: its picture, image 1, cannot be used")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": []}, "belongs to image []"),
        ({"category_id": {}}, "has category {}"),
        ({"bbox": [10**400, 0, 1, 1]}, "four finite numbers"),
        ({"bbox": [True, 0, 1, 1]}, "four finite numbers"),
        ({"bbox": "1 2 3 4"}, "four finite numbers"),
    ],
)
def test_fields_of_any_type(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    data, noted = coco(tmp_path, lambda c: c["annotations"][0].update(area="large", **change))
    assert len(data.annotations) == len(noted) == 1
    assert noted[0].startswith("label: ")
    assert message in noted[0]


def test_a_name_too_long_for_the_disk_is_a_missing_picture(tmp_path: Path) -> None:
    _, noted = coco(tmp_path, lambda c: c["images"][0].update(file_name="a" * 5000))
    assert "images[0]: its picture is missing" in noted[0]


@pytest.mark.parametrize("text", ["[]", "{", '{"images": 3}', '{"images": [], "annotations": [], "categories": [0]}'])
def test_json_of_another_shape_is_refused_whatever_is_tolerated(tmp_path: Path, text: str) -> None:
    folder = Folder(tmp_path / "data", "coco")
    (folder.root / "annotations.json").write_text(text)
    with pytest.raises(UserError, match=r"annotations\.json: "):
        read(folder.root, lambda kind, error: None)


def test_coco_from_elsewhere(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data", "coco")
    (folder.root / "annotations").mkdir()
    (folder.root / "annotations.json").rename(folder.root / "annotations" / "instances_default.json")
    (folder.images / "a.jpg").rename(folder.root / "a.jpg")
    reading = read(folder.root, refuse)
    assert len(reading.dataset.annotations) == 2
    assert [set(files) for files in reading.pictures] == [{"images/a.jpg"}, {"images/b.jpg"}]


def test_tables_with_corners_and_cntk_pairs(tmp_path: Path) -> None:
    picture(tmp_path / "1" / "a.jpg")
    picture(tmp_path / "1" / "b.jpg", 1)
    (tmp_path / "1" / "t.tsv").write_text(
        "Label\tFile Name\txmin\tymin\txmax\tymax\nmilk\ta.jpg\t1\t2\t11\t22\n\tb.jpg"
    )
    data = read(tmp_path / "1", refuse).dataset
    assert [a["bbox"] for a in data.annotations] == [[1, 2, 10, 20]]
    assert [i["file_name"] for i in data.images] == ["a.jpg", "b.jpg"]
    picture(tmp_path / "2" / "a.jpg")
    (tmp_path / "2" / "a.bboxes.tsv").write_text("1\t2\t11\t22\n0\t0\t5\t5\n")
    (tmp_path / "2" / "a.bboxes.labels.tsv").write_text("milk\njam\n")
    data = read(tmp_path / "2", refuse).dataset
    assert [(data.class_names[a["category_id"] - 1], a["bbox"]) for a in data.annotations] == [
        ("milk", [1, 2, 10, 20]),
        ("jam", [0, 0, 5, 5]),
    ]
    (tmp_path / "2" / "a.bboxes.labels.tsv").write_text("milk\n")
    with pytest.raises(UserError, match=r"a\.bboxes\.labels\.tsv: has 1 names for the 2 boxes"):
        read(tmp_path / "2", refuse)
    (tmp_path / "1" / "t.tsv").write_text("image\tx\ty\n")
    with pytest.raises(UserError, match=r"t\.tsv: line 1: expected a header"):
        read(tmp_path / "1", refuse)


@pytest.mark.parametrize(
    ("file", "name", "place"),
    [
        ("result.json", "images/a.jpg", "images/a.jpg"),  # as Label Studio exports
        ("annotations/instances.json", "images/sub/a.jpg", "images/sub/a.jpg"),
        ("result.json", "./a.jpg", "images/a.jpg"),
        ("result.json", "photos/a.jpg", "photos/a.jpg"),
    ],
)
def test_names_in_images_are_without_it(tmp_path: Path, file: str, name: str, place: str) -> None:
    folder = Folder(tmp_path / "data", "coco")
    (folder.images / "a.jpg").unlink()
    picture(folder.root / place)
    (folder.root / "annotations.json").unlink()
    folder.json["images"][0]["file_name"] = name
    (folder.root / file).parent.mkdir(exist_ok=True)
    (folder.root / file).write_text(json.dumps(folder.json))
    reading = read(folder.root, refuse)
    kept = place.removeprefix("images/")
    assert [i["file_name"] for i in reading.dataset.images] == [kept, "b.jpg"]
    assert [set(files) for files in reading.pictures] == [{f"images/{kept}"}, {"images/b.jpg"}]


@pytest.mark.parametrize("size", [(100, 80), (80, 100)])
def test_photos_stored_turned_are_for_the_doctor(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = Folder(tmp_path / "data", "coco")
    folder.write(size=size)
    exif = Picture.Exif()
    exif[0x0112] = 6
    with Picture.open(folder.images / "a.jpg") as opened:
        opened.save(folder.images / "a.jpg", exif=exif)
    with pytest.raises(UserError, match=r"a\.jpg: is stored turned .*EXIF orientation 6.*detect\.doctor .*fix=true"):
        formats.coco.read(folder.root)
    noted: list[str] = []
    reading = formats.coco.read(folder.root, lambda kind, error: noted.append(kind))
    assert noted == ["turned"]
    assert (reading.dataset.images[0]["width"], reading.dataset.images[0]["height"]) == size
    assert len(read(folder.root, refuse).dataset.images) == 2  # the doctor says it itself


def test_an_orientation_that_means_nothing_is_none(tmp_path: Path) -> None:
    for orientation in (0, 1, 9):
        exif = Picture.Exif()
        exif[0x0112] = orientation
        Picture.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
        assert formats.files.stored_size(tmp_path / "a.jpg") == ((8, 4), 1)
