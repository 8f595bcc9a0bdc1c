import csv
import io
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from markupsafe import escape
from PIL import Image as Picture

from coldstart.dataset import Dataset, categories_from, load, save, sha256
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.doctor import DoctorConfig, doctor
from detect.findings import KINDS, balance, boxes, spellings
from detect.suspects import probabilities
from detect.upright import turned_box, upright_bytes

SIZE = (100, 80)
MARK = (30, 10, 20, 16)  # x, y, width, height of a red patch in every picture


def pixels(seed: int) -> Any:
    small = np.random.default_rng(seed).integers(0, 200, (8, 10, 3), dtype=np.uint8)
    picture = Picture.fromarray(small).resize(SIZE, Picture.Resampling.BICUBIC)
    picture.paste((255, 0, 0), (MARK[0], MARK[1], MARK[0] + MARK[2], MARK[1] + MARK[3]))
    return picture


def folder(root: Path, *boxes_of: list[list[float]], names: tuple[str, ...] = ("milk", "jam")) -> Dataset:
    """A dataset folder with a picture for each list of boxes, all of the first class."""
    (root / "images").mkdir(parents=True)
    images, annotations = [], []
    for i, own in enumerate(boxes_of, start=1):
        pixels(i).save(root / "images" / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": SIZE[0], "height": SIZE[1]})
        for box in own:
            n = len(annotations) + 1
            annotations.append({"id": n, "image_id": i, "category_id": 1, "bbox": box, "area": box[2] * box[3]})
    dataset = Dataset(root, images, annotations, categories_from(names))  # type: ignore[arg-type]
    save(dataset)
    return dataset


def run(data: Path, out: Path, **keys: Any) -> dict[str, Any]:
    doctor(DoctorConfig(str(data), str(out), logger=LoggerConfig(kind="none"), **keys))
    return json.loads((out / "doctor.json").read_text())


def everything(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): sha256(p) for p in sorted(root.rglob("*")) if p.is_file()}


def test_boxes_are_left_out_cut_or_kept(tmp_path: Path) -> None:
    good = [10.0, 10.0, 20.0, 20.0]
    bad = [[5.0, 5.0, 0.0, 9.0], [120.0, 5.0, 9.0, 9.0], [90.0, 70.0, 20.0, 20.0], good, [5.0, 5.0, -3.0, 9.0]]
    dataset = folder(tmp_path / "d", [good, *bad], [[-0.5, 0.0, 30.0, 30.0]])
    dataset.annotations.append({**dataset.annotations[0], "id": 9, "category_id": 2})
    dataset.annotations.append({**dataset.annotations[1], "id": 10, "ignore": 1})
    findings, after = boxes(dataset)
    assert [(f.kind, f.annotations) for f in findings] == [
        ("degenerate", (2,)),
        ("outside", (3,)),
        ("frame", (4,)),
        ("degenerate", (6,)),
        ("twice", (1, 5)),
        ("two classes", (1, 9)),
    ]
    assert [a["id"] for a in after.annotations] == [1, 4, 7, 9, 10]  # half a pixel beyond is rounding
    assert after.annotations[1]["bbox"] == [90, 70, 10, 10]
    assert after.annotations[1]["area"] == 100
    assert "1.png: annotation 2 (milk): bbox [5.0, 5.0, 0.0, 9.0] in 100×80" in findings[0].text


def test_spellings_and_balance(tmp_path: Path) -> None:
    assert [f.text for f in spellings(["Milk", "milk ", "jam", "Käse", "kaese"])] == [
        "classes 'Milk' and 'milk '",
        "classes 'Käse' and 'kaese'",
    ]
    dataset = folder(tmp_path / "d", [[float(i), 1.0, 9.0, 9.0] for i in range(12)], [[1.0, 1.0, 9.0, 9.0]])
    dataset.annotations[3]["ignore"] = 1
    findings, rows = balance(dataset)
    assert rows == [{"name": "milk", "boxes": 12, "pictures": 2}, {"name": "jam", "boxes": 0, "pictures": 0}]
    assert [f.text for f in findings] == ["jam: 0 boxes in 0 pictures; the commonest class has 12"]


def test_a_broken_folder_becomes_a_whole_one_and_stays_as_it_is(tmp_path: Path) -> None:
    mark = [float(v) for v in MARK]
    dataset = folder(tmp_path / "d", [mark], [mark, [5.0, 5.0, 0.0, 9.0]], [mark], [mark], [mark])
    images = tmp_path / "d" / "images"
    shutil.copy(images / "1.png", images / "3.png")
    (images / "4.png").write_bytes((images / "4.png").read_bytes()[:900])
    exif = Picture.Exif()
    exif[0x0112] = 6
    pixels(5).save(images / "5.png", exif=exif)
    dataset.annotations[0]["bbox"] = [float("nan"), 1.0, 2.0, 3.0]
    dataset.images[1]["width"] = 99
    save(replace(dataset, info={"description": "<script>alert(1)</script>"}))
    (tmp_path / "d" / "images" / "6<i>.png").write_bytes((images / "2.png").read_bytes())
    dataset.images.append({"id": 6, "file_name": "6<i>.png", "width": 100, "height": 80})
    save(dataset)
    before = everything(tmp_path / "d")
    report = run(tmp_path / "d", tmp_path / "out", fix=True)
    assert everything(tmp_path / "d") == before
    counts = {"picture": 1, "label": 2, "size": 1, "turned": 1, "degenerate": 1, "copy": 2, "imbalance": 2}
    assert report["counts"] == counts
    assert len(report["findings"]) == sum(counts.values())
    fixed = load(tmp_path / "out")
    assert [i["file_name"] for i in fixed.images] == ["1.png", "2.png", "5.png"]
    assert report["after"] == {"images": 3, "boxes": len(fixed.annotations)} == {"images": 3, "boxes": 2}
    x, y, w, h = (int(v) for v in fixed.annotations[-1]["bbox"])
    turned = np.asarray(Picture.open(fixed.path(fixed.images[2])))
    assert turned.shape[:2] == (100, 80)
    red = (turned == (255, 0, 0)).all(axis=2)
    assert red[y : y + h, x : x + w].all()
    assert red.sum() == w * h
    assert Picture.open(fixed.path(fixed.images[2])).getexif().get(0x0112, 1) == 1
    page = (tmp_path / "out" / "doctor.html").read_text()
    assert "6&lt;i&gt;.png" in page
    assert "6<i>" not in page
    assert all(escape(KINDS[kind][1]) in page for kind in counts)
    second = run(tmp_path / "out", tmp_path / "again")
    assert set(second["counts"]) == {"imbalance"}
    assert not (tmp_path / "again" / "images").exists()


def test_a_phones_picture_within_a_picture_keeps_its_quality(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    exif = Picture.Exif()
    exif[0x0112] = 6
    shown = Picture.fromarray(noise)
    shown.save(tmp_path / "a.jpg", quality=95, exif=exif)
    shown.save(tmp_path / "b.jpg", "MPO", quality=95, exif=exif, save_all=True, append_images=[shown])
    assert Picture.open(tmp_path / "b.jpg").format == "MPO"
    plain, within = (Picture.open(io.BytesIO(upright_bytes(tmp_path / name))) for name in ("a.jpg", "b.jpg"))
    assert within.format == "JPEG"
    assert np.array_equal(np.asarray(within), np.asarray(plain))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_with_their_pictures(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    picture = Picture.new("RGB", SIZE)
    picture.paste((255, 0, 0), (MARK[0], MARK[1], MARK[0] + MARK[2], MARK[1] + MARK[3]))
    exif = Picture.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    red = np.asarray(ImageOps.exif_transpose(Picture.open(tmp_path / "a.png")))[..., 0] > 0
    x, y, w, h = (int(v) for v in turned_box(MARK, orientation, *SIZE))
    assert red[y : y + h, x : x + w].all()
    assert red.sum() == w * h


def test_names_become_canonical_and_are_reviewed(tmp_path: Path) -> None:
    box = [[10.0, 10.0, 20.0, 20.0]]
    dataset = folder(tmp_path / "d", box, box, box, names=("Tej", "MILK", "Yoghourts", "ketschup"))
    for a in dataset.annotations:
        a["category_id"] = a["id"]
    save(dataset)
    run(tmp_path / "d", tmp_path / "out", fix=True, names=["groceries"])
    fixed = load(tmp_path / "out")
    assert fixed.class_names == ["milk", "joghurt", "ketchup"]
    assert [a["category_id"] for a in fixed.annotations] == [1, 1, 2]
    with (tmp_path / "out" / "names.tsv").open() as file:
        rows = [(r["name"], r["class"], r["how"], r["boxes"]) for r in csv.DictReader(file, delimiter="\t")]
    assert rows == [
        ("Tej", "milk", "synonym", "1"),
        ("MILK", "milk", "spelling", "1"),
        ("Yoghourts", "joghurt", "singular", "1"),
        ("ketschup", "ketchup", "fuzzy", "0"),
    ]
    with pytest.raises(UserError, match=r"no class for 'ketschup' \(nearest: ketchup"):
        run(tmp_path / "d", tmp_path / "no", names=["groceries"], fuzzy=101)
    assert not (tmp_path / "no").exists()


def test_other_formats_are_examined_and_become_dataset_folders(tmp_path: Path) -> None:
    for i in (1, 2):
        (tmp_path / "t").mkdir(exist_ok=True)
        pixels(i).save(tmp_path / "t" / f"{i}.png")
    (tmp_path / "t" / "b.tsv").write_text(
        "image\tclass\tx\ty\tw\th\n1.png\tmilk\t1\t2\t9\t9\n2.png\tmilk\t99\t2\t9\t9\n"
    )
    report = run(tmp_path / "t", tmp_path / "out", fix=True)
    assert report["counts"] == {"frame": 1, "imbalance": 1}
    assert [a["bbox"] for a in load(tmp_path / "out").annotations] == [[1, 2, 9, 9], [99, 2, 1, 9]]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    dataset = folder(tmp_path / "d", [[1.0, 1.0, 9.0, 9.0]])
    with pytest.raises(UserError, match="lies in the data"):
        run(dataset.root, dataset.root / "out", fix=True)
    with pytest.raises(UserError, match="fuzzy: must be above 0"):
        run(dataset.root, tmp_path / "out", fuzzy=0.0)
    (dataset.root / "images" / "1.png").unlink()
    with pytest.raises(UserError, match=r"no picture in it can be used \(.*1\.png"):
        run(dataset.root, tmp_path / "out")


def test_planted_wrong_labels_stand_out() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.nn.functional.normalize(torch.randn(3, 40, generator=generator))
    labels = torch.arange(60) % 3
    rows = torch.nn.functional.normalize(centres[labels] + 0.05 * torch.randn(60, 40, generator=generator))
    given = labels.clone()
    given[[4, 20]] = (given[[4, 20]] + 1) % 3
    found = probabilities(rows, given, [i // 4 for i in range(60)])
    assert torch.allclose(found.sum(dim=1), torch.ones(60, dtype=torch.float64))
    assert (found.argmax(dim=1) == labels).all()


def test_no_picture_is_judged_by_itself() -> None:
    rows = torch.eye(8)
    labels = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    one, other = (probabilities(rows, torch.cat([labels[:-1], torch.tensor([k])]), list(range(8)))[-1] for k in (0, 1))
    assert torch.allclose(one, other)  # what it is called changes nothing of what is said about it


def test_an_odd_tag_is_no_reason_to_leave_a_picture_turned(tmp_path: Path) -> None:
    """Orientation 6, and text where a number belongs: the block cannot be written anew, and is left out."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHI4s", 0x011A, 2, 4, b"R98")
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    Picture.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=block)
    with Picture.open(io.BytesIO(upright_bytes(tmp_path / "a.jpg"))) as upright:
        assert upright.size == (20, 40)
        assert upright.getexif().get(0x0112, 1) == 1
