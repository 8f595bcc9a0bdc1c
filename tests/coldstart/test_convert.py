import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torchvision
from pycocotools.coco import COCO

from coldstart import lineage
from coldstart.convert import FORMATS, ConvertConfig, convert
from coldstart.dataset import Dataset, decode_rle, load, save, sha256
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig

QUIET = LoggerConfig(kind="none")
Toy = Callable[..., Dataset]


def converted(source: Path, to: str, out: Path, **keys: int) -> Path:
    convert(ConvertConfig(str(source), to, str(out), logger=QUIET, **keys))
    return out


def files(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): sha256(p) for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("to", FORMATS)
def test_everything_comes_back(renders: Toy, tmp_path: Path, to: str) -> None:
    data = renders("data", 5)
    assert {a["ignore"] for a in data.annotations} == {0, 1}
    back = load(converted(converted(data.root, to, tmp_path / to), "coco", tmp_path / "back"))
    assert back.annotations == load(data.root).annotations
    assert back.categories == data.categories
    assert back.info == data.info
    assert [{k: v for k, v in i.items() if k != "sha256"} for i in back.images] == data.images
    assert all(i["sha256"] == sha256(data.path(i)) for i in back.images)
    for folder in ("images", "masks", "scenes"):
        assert files(back.root / folder) == files(data.root / folder)
    card = lineage.read_card(back.root)
    assert card["complete"]
    assert card["parents"]["source"]["path"] == str(tmp_path / to)


@pytest.mark.parametrize("to", FORMATS)
def test_photos_come_back(toy: Toy, tmp_path: Path, to: str) -> None:
    data = toy("data", 3, photo=True)
    back = load(converted(converted(data.root, to, tmp_path / to), "coco", tmp_path / "back"))
    assert back.annotations == load(data.root).annotations
    assert files(back.root / "images") == files(data.root / "images")


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_boxes_and_classes_come_back_without_the_side_car(renders: Toy, tmp_path: Path, to: str) -> None:
    data = renders("data", 5)
    converted(data.root, to, tmp_path / to)
    shutil.rmtree(tmp_path / to / "coldstart")
    back = load(converted(tmp_path / to, "coco", tmp_path / "back"))

    def facts(dataset: Dataset, asked: bool) -> list[tuple[str, str, list[float]]]:
        names = {i["id"]: i["file_name"] for i in dataset.images}
        kept = [a for a in dataset.annotations if a["bbox"][2] and not (asked and a.get("ignore"))]
        return sorted((names[a["image_id"]], dataset.class_names[a["category_id"] - 1], a["bbox"]) for a in kept)

    assert facts(back, asked=False) == facts(data, asked=to == "yolo")
    if to == "voc":
        assert facts(back, asked=True) == facts(data, asked=True)


def test_a_second_call_rests_and_a_stopped_one_goes_on(
    renders: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = renders("data", 3)
    out = converted(data.root, "yolo", tmp_path / "out")
    before = files(out)
    converted(data.root, "yolo", out)
    assert "already complete" in capsys.readouterr().out
    lineage.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    shutil.rmtree(out / "labels")
    converted(data.root, "yolo", out)
    assert files(out) == before


def test_our_folder_is_coco_to_pycocotools_and_torchvision(renders: Toy) -> None:
    data = renders("data", 3)
    coco = COCO(str(data.root / "annotations.json"))
    assert sorted(coco.getCatIds()) == [1, 2, 3]
    for a in data.annotations:
        assert np.array_equal(coco.annToMask(coco.anns[a["id"]]).astype(bool), decode_rle(a["segmentation"]))
        assert coco.anns[a["id"]]["ignore"] == a["ignore"]
    pictures = torchvision.datasets.CocoDetection(data.root / "images", data.root / "annotations.json")
    assert len(pictures) == 3
    picture, objects = pictures[1]
    assert picture.size == (96, 128)
    assert objects == [a for a in data.annotations if a["image_id"] == 2]


def test_what_cannot_be_converted_is_one_line(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 2)
    with pytest.raises(UserError, match="to: 'kitti' is none of coco, yolo, voc, webdataset"):
        ConvertConfig("data", "kitti", "out")
    with pytest.raises(UserError, match="shard_mb: must be 1 or more"):
        ConvertConfig("data", "webdataset", "out", shard_mb=0)
    with pytest.raises(UserError, match="no such folder"):
        converted(tmp_path / "nowhere", "yolo", tmp_path / "out")
    with pytest.raises(UserError, match="has none of annotations"):
        converted(data.root / "images", "yolo", tmp_path / "out")
    with pytest.raises(UserError, match="is in the format coco already"):
        converted(data.root, "coco", tmp_path / "out")
    voc = converted(data.root, "voc", tmp_path / "voc")
    with pytest.raises(UserError, match="convert it to=coco first"):
        converted(voc, "yolo", tmp_path / "out")
    shutil.copyfile(data.root / "annotations.json", voc / "annotations.json")
    with pytest.raises(UserError, match="looks like voc and coco at once"):
        converted(voc, "yolo", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="is not empty and has no card"):
        converted(data.root, "yolo", data.root / "images")


@pytest.mark.parametrize("name", [" milk", "milk "])
@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_a_name_that_text_cannot_hold_is_refused(
    toy: Toy, change: Callable[..., None], tmp_path: Path, name: str, to: str
) -> None:
    data = toy("data", 1)
    change(data.root, lambda content: content["categories"][1].update(name=name))
    with pytest.raises(UserError, match=r"class .* has blanks at its ends"):
        converted(data.root, to, tmp_path / "out")


@pytest.mark.parametrize("to", FORMATS)
def test_awkward_names_come_back(toy: Toy, change: Callable[..., None], tmp_path: Path, to: str) -> None:
    data = toy("data", 2)
    names = {"<b>&\"Käse' #1: [x]": "000000.png", "{0: null}": "sub dir/a.b & <c>.png"}

    def rename(content: dict) -> None:  # type: ignore[type-arg]
        for record, image, (name, file) in zip(content["categories"], content["images"], names.items(), strict=False):
            (data.root / "images" / file).parent.mkdir(exist_ok=True)
            data.path(image).rename(data.root / "images" / file)
            record["name"], image["file_name"] = name, file

    change(data.root, rename)
    back = load(converted(converted(data.root, to, tmp_path / to), "coco", tmp_path / "back"))
    assert back.categories == load(data.root).categories
    assert back.annotations == load(data.root).annotations
    assert files(back.root / "images") == files(data.root / "images")


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_images_that_would_share_a_label_file_are_refused(
    toy: Toy, change: Callable[..., None], tmp_path: Path, to: str
) -> None:
    data = toy("data", 2)
    data.path(data.images[1]).rename(data.root / "images" / "000000.PNG")
    change(data.root, lambda content: content["images"][1].update(file_name="000000.PNG"))
    with pytest.raises(UserError, match="would share"):
        converted(data.root, to, tmp_path / "out")


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_a_photo_that_is_stored_turned_is_refused(toy: Toy, tmp_path: Path, to: str) -> None:
    from PIL import Image as Picture

    data = toy("data", 1, photo=True)
    with Picture.open(data.path(data.images[0])) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(data.path(data.images[0]), exif=exif)
    with pytest.raises(UserError, match="EXIF orientation 6"):
        converted(data.root, to, tmp_path / "out")


def test_a_scene_outside_the_folder_is_not_carried(renders: Toy, change: Callable[..., None], tmp_path: Path) -> None:
    data = renders("data", 1)
    (tmp_path / "secret.json").write_text("{}")
    for name in ("../secret.json", "scenes/../../secret.json", str(tmp_path / "secret.json")):
        change(data.root, lambda content, name=name: content["images"][0].update(scene=name))
        for to in FORMATS:
            with pytest.raises(UserError, match="scene must be a path within the folder"):
                converted(data.root, to, tmp_path / f"out_{to}")
    for number, name in enumerate(("card.json", "a\0b", "kitchen")):  # no record of ours
        change(data.root, lambda content, name=name: content["images"][0].update(scene=name))
        assert not list(converted(data.root, "yolo", tmp_path / f"{number}").rglob("scenes"))


def test_label_studios_coco_keeps_its_labels_in_yolo(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 2)
    (data.root / "annotations.json").rename(data.root / "result.json")
    text = (data.root / "result.json").read_text()
    (data.root / "result.json").write_text(text.replace('"0000', '"images/0000'))
    ours = load(converted(data.root, "coco", tmp_path / "ours"))
    assert [i["file_name"] for i in ours.images] == ["000000.png", "000001.png"]
    shutil.rmtree(converted(ours.root, "yolo", tmp_path / "yolo") / "coldstart")
    assert len(load(converted(tmp_path / "yolo", "coco", tmp_path / "back")).annotations) == len(data.annotations) == 6


@pytest.mark.parametrize("folder", ["images", "new/images", "images/images", "labels"])
def test_labels_are_where_yolo_looks_for_them(
    toy: Toy, change: Callable[..., None], tmp_path: Path, folder: str
) -> None:
    data = toy("data", 1)
    name = f"{folder}/000000.png"
    (data.root / "images" / folder).mkdir(parents=True)
    data.path(data.images[0]).rename(data.root / "images" / name)
    change(data.root, lambda content: content["images"][0].update(file_name=name))
    out = converted(data.root, "yolo", tmp_path / "yolo")
    before, after = str(out / "images" / name).rsplit("/images/", 1)  # as Ultralytics' img2label_paths
    assert len(Path(f"{before}/labels/{after}").with_suffix(".txt").read_text().splitlines()) == 3
    back = load(converted(out, "coco", tmp_path / "back"))
    assert back.images[0]["file_name"] == name
    assert back.annotations == load(data.root).annotations


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_a_picture_that_is_listed_twice_is_refused(
    toy: Toy, change: Callable[..., None], tmp_path: Path, to: str
) -> None:
    data = toy("data", 2)
    change(data.root, lambda content: content["images"][1].update(file_name="000000.png"))
    with pytest.raises(UserError, match="would share"):
        converted(data.root, to, tmp_path / "out")


def test_coco_with_photos_stored_turned_is_refused_before_anything_is_written(toy: Toy, tmp_path: Path) -> None:
    from PIL import Image as Picture

    data = toy("data", 1, photo=True)
    with Picture.open(data.path(data.images[0])) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(data.path(data.images[0]), exif=exif)
    (data.root / "annotations.json").rename(data.root / "result.json")
    with pytest.raises(UserError, match=r"EXIF orientation 6.*detect\.doctor"):
        converted(data.root, "coco", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_are_named_by_where_they_lie_however_tables_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image as Picture

    monkeypatch.chdir(tmp_path)
    images = Path("tables/images")
    images.mkdir(parents=True)
    written = {"a.jpg": "a.jpg", "b.jpg": "../images/b.jpg", "c.jpg": str((images / "c.jpg").resolve())}
    for name in written:
        Picture.new("RGB", (40, 30), "white").save(images / name)
    lines = [f"{name}\tmilk\t1\t2\t10\t11" for name in written.values()]
    Path("tables/all.tsv").write_text("\n".join(["image\tclass\tx1\ty1\tx2\ty2", *lines]))
    back = load(converted(Path("tables"), "coco", Path("back")))
    assert [image["file_name"] for image in back.images] == list(written)
    assert sorted(files(Path("back") / "images")) == sorted(written)


@pytest.mark.parametrize("to", FORMATS)
def test_translations_keep_their_renders_wherever_they_go(renders: Toy, tmp_path: Path, to: str) -> None:
    data = renders("data", 1)
    data.images[0]["source"] = "../before/images/0.png"
    save(data)
    there = converted(data.root, to, tmp_path / "deep" / "er" / to)
    back = load(converted(there, "coco", tmp_path / "other" / "back"))
    assert (back.root / back.images[0]["source"]).resolve() == tmp_path / "before" / "images" / "0.png"
