import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from PIL import Image as Picture

from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.formats import shards

Toy = Callable[..., Dataset]


def written(data: Dataset, root: Path, shard_bytes: int = 2**20) -> Path:
    output = shards.write(data, shard_bytes)
    root.mkdir()
    for files in [output.head, *output.pictures]:
        for name, content in files.items():
            (root / name).write_bytes(content)
    return root


def shard(root: Path, **parts: Any) -> Path:
    """A shard of one sample; parts that are not bytes become JSON."""
    root.mkdir(exist_ok=True)
    with tarfile.open(root / "000000.tar", "w") as tar:
        for part, content in parts.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(f"000000.{part}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return root


def png(size: tuple[int, int] = (4, 3)) -> bytes:
    buffer = io.BytesIO()
    Picture.new("RGB", size).save(buffer, "PNG")
    return buffer.getvalue()


IMAGE = {"id": 1, "file_name": "a.png", "width": 4, "height": 3}
OBJECT = {"id": 1, "image_id": 1, "category_id": 2, "category": "jam", "bbox": [0, 0, 2, 2]}


def test_the_webdataset_package_reads_it(renders: Toy, tmp_path: Path) -> None:
    data = renders("data", 5)
    root = written(data, tmp_path / "out")
    samples = list(webdataset.WebDataset(str(root / "000000.tar"), shardshuffle=False).decode("rgb8"))
    assert len(samples) == 5
    for sample, image in zip(samples, data.images, strict=True):
        with Picture.open(data.path(image)) as picture:
            assert np.array_equal(sample["png"], np.asarray(picture))
        assert sample["json"]["image"] == image
        assert [a["category"] for a in sample["json"]["annotations"]] == ["milk", "orange", "water"]
        assert sample["scenes.json"]["unplaced"] == json.loads((data.root / image["scene"]).read_text())["unplaced"]


def test_a_shard_closes_at_its_size_and_bytes_repeat(renders: Toy, tmp_path: Path) -> None:
    data = renders("data", 5)
    size = (written(data, tmp_path / "one") / "000000.tar").stat().st_size
    root = written(data, tmp_path / "out", shard_bytes=size // 2)
    names = sorted(p.name for p in root.glob("*.tar"))
    assert names == [f"{i:06d}.tar" for i in range(len(names))]
    assert 2 <= len(names) < 5
    assert len(list(shards.read(root).pictures)) == 5
    again = written(data, tmp_path / "again", shard_bytes=size // 2)
    assert all((root / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_shards_alone_are_enough(renders: Toy, tmp_path: Path) -> None:
    data = renders("data", 2)
    root = written(data, tmp_path / "out")
    (root / "dataset.json").unlink()
    read = shards.read(root).dataset
    assert (read.categories, read.annotations) == (data.categories, data.annotations)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"json": {"image": IMAGE, "annotations": []}}, "holds no picture"),
        ({"png": png()}, "its json is not one that convert writes"),
        ({"png": png(), "json": b"{"}, "its json is not one"),
        ({"png": png(), "json": {"image": [], "annotations": []}}, "its json is not one"),
        ({"png": png(), "json": {"image": {"id": 1, "file_name": "a.png"}, "annotations": []}}, "lacks height"),
        ({"png": png(), "json": {"image": IMAGE, "annotations": [{"id": 1, "image_id": 2}]}}, "another image"),
        ({"png": png((5, 3)), "json": {"image": IMAGE, "annotations": []}}, "is 5×3, but its json says 4×3"),
        ({"png": b"no", "json": {"image": IMAGE, "annotations": []}}, "its picture cannot be read"),
        ({"png": png(), "json": {"image": {**IMAGE, "file_name": "../card.json"}, "annotations": []}}, "leaves the"),
        ({"png": png(), "json": {"image": {**IMAGE, "file_name": "/a.png"}, "annotations": []}}, "leaves the"),
        ({"png": png(), "json": {"image": {**IMAGE, "scene": "scenes/../../x.json"}, "annotations": []}}, "leaves the"),
        (
            {"png": png(), "json": {"image": IMAGE, "annotations": [OBJECT, {**OBJECT, "category": "milk"}]}},
            "class 2 is 'milk' here",
        ),
    ],
)
def test_a_sample_that_means_nothing_is_refused(tmp_path: Path, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        shards.read(shard(tmp_path / "in", **parts))


def test_a_broken_shard_is_refused(renders: Toy, tmp_path: Path) -> None:
    root = written(renders("data", 2), tmp_path / "out")
    whole = (root / "000000.tar").read_bytes()
    for content in (b"not a tar" * 100, whole[: len(whole) // 2]):
        (root / "000000.tar").write_bytes(content)
        with pytest.raises(UserError, match="cannot be read as a shard"):
            shards.read(root)


def test_a_shard_that_went_missing_is_noticed(renders: Toy, tmp_path: Path) -> None:
    root = written(renders("data", 3), tmp_path / "out", shard_bytes=1)
    (root / "000001.tar").unlink()
    with pytest.raises(UserError, match="counts 3 images, the shards hold 2"):
        shards.read(root)


def test_classes_that_contradict_dataset_json_are_refused(tmp_path: Path) -> None:
    root = shard(tmp_path / "in", png=png(), json={"image": IMAGE, "annotations": [OBJECT]})
    (root / "dataset.json").write_text('{"images": 1, "info": {}, "categories": [{"id": 2, "name": "milk"}]}')
    with pytest.raises(UserError, match="lists class 2 as 'milk', the shards as 'jam'"):
        shards.read(root)
    (root / "dataset.json").write_text('{"info": {}}')
    with pytest.raises(UserError, match="must hold images, info and categories"):
        shards.read(root)
