"""WebDataset: tar shards with one sample per image, and dataset.json with the classes beside them.

A sample holds the picture as it is, `json` with the image's record and its annotations (each with the name of its
class), and, where there are any, `masks.png`, `depth.png`, `normals.png`, `albedo.png` and `scenes.json`. Nothing is
lost, so there is no side-car. The `webdataset` package writes and reads the shards; parts are bytes and JSON.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import webdataset
from PIL import Image as Picture

from coldstart.dataset import PHOTO_SUFFIXES, Annotation, Category, Dataset, Image
from coldstart.errors import UserError
from coldstart.formats.files import Files, Output, Reading, Tolerate, companions, inside, named, places, refuse
from coldstart.pictures import UNREADABLE

__all__ = ["is_one", "read", "write"]


def is_one(folder: Path) -> bool:
    """Whether `folder` holds WebDataset shards."""
    return any(folder.glob("*.tar"))


def write(dataset: Dataset, shard_bytes: int) -> Output:
    """Shards 000000.tar, 000001.tar, …, each closed by the image with which it reaches `shard_bytes`."""
    content = {"images": len(dataset.images), "info": dataset.info, "categories": dataset.categories}
    return Output({"dataset.json": _json(content)}, _shards(dataset, shard_bytes))


def _shards(dataset: Dataset, shard_bytes: int) -> Iterator[Files]:
    """A shard with the image that fills it, nothing with the others."""
    names = {c["id"]: c["name"] for c in dataset.categories}
    by_image = dataset.by_image()
    shard, number = io.BytesIO(), 0
    tar = webdataset.TarWriter(shard, encoder=False, mtime=0)
    for index, image in enumerate(dataset.images):
        suffix = Path(image["file_name"]).suffix.lower().lstrip(".")
        annotations = [{**a, "category": names[a["category_id"]]} for a in by_image[image["id"]]]
        # Parts are told apart by what follows the first dot, so file names, which may have more, stay in the JSON.
        tar.write(
            {
                "__key__": f"{index:06d}",
                suffix: dataset.path(image).read_bytes(),
                "json": _json({"image": image, "annotations": annotations}),
                **{_part(name): path.read_bytes() for name, path in companions(dataset, image).items()},
            }
        )
        if shard.tell() < shard_bytes and index + 1 < len(dataset.images):
            yield {}
            continue
        tar.close()
        yield {f"{number:06d}.tar": shard.getvalue()}
        shard, number = io.BytesIO(), number + 1
        tar = webdataset.TarWriter(shard, encoder=False, mtime=0)


def _part(name: str) -> str:
    """`masks/000000.png` is the part `masks.png` of its sample."""
    return f"{name.partition('/')[0]}{Path(name).suffix}"


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def read(folder: Path, tolerate: Tolerate = refuse) -> Reading:
    """The dataset in a folder of shards that `write` made; without dataset.json, classes are those that occur.

    Shards come from a program, not from hands: nothing is tolerated.

    Raises:
        UserError: a shard or a record in it is malformed, or a name in it leaves the folder.
    """
    images: list[Image] = []
    annotations: list[Annotation] = []
    classes: dict[int, str] = {}
    for where, sample in _samples(folder):
        image, objects, picture = _record(where, sample, folder)
        try:
            with Picture.open(io.BytesIO(picture)) as opened:
                size = opened.size
        except UNREADABLE as error:
            raise UserError(f"{where}: its picture cannot be read ({error})") from None
        if size != (image["width"], image["height"]):
            raise UserError(f"{where}: is {size[0]}×{size[1]}, but its json says {image['width']}×{image['height']}")
        images.append(image)
        for a in objects:
            name = a.pop("category")
            if classes.setdefault(a["category_id"], name) != name:
                raise UserError(f"{where}: class {a['category_id']} is {name!r} here and has another name elsewhere")
            annotations.append(a)
    info, categories = _description(folder, classes, len(images))
    annotations.sort(key=lambda a: a["id"])
    return Reading(Dataset(folder, images, annotations, categories, info), _files(folder))


def _description(folder: Path, classes: dict[int, str], count: int) -> tuple[dict[str, Any], list[Category]]:
    file = folder / "dataset.json"
    if not file.is_file():
        return {}, [{"id": i, "name": classes[i], "supercategory": "product"} for i in sorted(classes)]
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        info, categories, expected = dict(content["info"]), list(content["categories"]), content["images"]
        listed = {c["id"]: c["name"] for c in categories}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: must hold images, info and categories ({error!r})") from None
    if count != expected:
        raise UserError(f"{file}: counts {expected} images, the shards hold {count}; bring back what is missing")
    for key, name in classes.items():
        if listed.get(key) != name:
            raise UserError(f"{file}: lists class {key} as {listed.get(key)!r}, the shards as {name!r}")
    return info, categories


def _samples(folder: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Where each sample lies, and its parts as bytes."""
    for file in sorted(folder.glob("*.tar")):
        try:
            with file.open("rb") as stream:
                members = webdataset.tariterators.tar_file_expander([{"url": file.name, "stream": stream}])
                for sample in webdataset.tariterators.group_by_keys(members):
                    yield f"{file}: sample {sample['__key__']}", sample
        except (OSError, ValueError, tarfile.TarError) as error:
            raise UserError(f"{file}: cannot be read as a shard ({error.args[0] if error.args else error})") from None


def _record(where: str, sample: dict[str, bytes], folder: Path) -> tuple[Image, list[Any], bytes]:
    """Image record, annotations with the name of their class, and the picture of one sample."""
    picture = next((sample[s.lstrip(".")] for s in PHOTO_SUFFIXES if s.lstrip(".") in sample), None)
    if picture is None:
        raise UserError(f"{where}: holds no picture ({', '.join(sorted(PHOTO_SUFFIXES))})")
    try:
        content = json.loads(sample["json"])
        image, objects = content["image"], content["annotations"]
        pictures = folder / "images"
        image["file_name"] = named(pictures, inside(pictures, pictures / image["file_name"]))
        places(Dataset(folder, [], [], []), image)
        if missing := {"width", "height"} - image.keys():
            raise ValueError(f"the image lacks {min(missing)}")
        if not all(a["image_id"] == image["id"] and {"id", "category_id", "category"} <= a.keys() for a in objects):
            raise ValueError("an annotation lacks a field or belongs to another image")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{where}: its json is not one that convert writes, see docs/formats.md ({error!r})") from None
    return image, objects, picture


def _files(folder: Path) -> Iterator[Files]:
    dataset = Dataset(folder, [], [], [])
    for where, sample in _samples(folder):
        image, _, picture = _record(where, sample, folder)
        beside = {name: sample[part] for name in places(dataset, image) if (part := _part(name)) in sample}
        yield {f"images/{image['file_name']}": picture, **beside}
