"""COCO as others write it: one JSON, in the folder or in annotations/, and pictures in images/, beside it or anywhere.

A dataset folder of ours is read by `coldstart.dataset.load`, which refuses what is wrong in it. Here what is wrong can
be left out or repaired, record by record: ids that occur twice or are no numbers, categories that count from 0, sizes
that are not their picture's.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coldstart.dataset import KEYS, LARGEST, Annotation, Category, Dataset, Image, readable
from coldstart.errors import UserError
from coldstart.formats.files import Files, Reading, Tolerate, carried, inside, is_file, named, refuse, stored_size

__all__ = ["is_one", "read"]


def is_one(folder: Path) -> bool:
    """Whether `folder` holds COCO that is no dataset folder."""
    return not (folder / "annotations.json").is_file() and bool(_files(folder))


def read(folder: Path, tolerate: Tolerate = refuse) -> Reading:
    """The dataset in a folder with one COCO JSON. Turned pictures (EXIF) stay as they are if they are tolerated.

    Raises:
        UserError: the JSON cannot be read or has another shape; a record in it is wrong, or a picture missing, outside,
            unreadable or stored turned, and `tolerate` does not let it pass.
    """
    file = folder / "annotations.json"
    if not file.is_file():
        found = _files(folder)
        if len(found) != 1:
            raise UserError(f"{folder}: has {len(found)} COCO files, expected one; give each a folder of its own")
        file = found[0]
    content = _content(file)
    categories, number = _categories(content["categories"], file, tolerate)
    paths: dict[int, Path] = {}
    images: list[Image] = []
    for index, record in enumerate(content["images"]):
        try:
            image, path = _image(readable(record, "image"), f"{file}: images[{index}]", folder, file.parent, tolerate)
            if image["id"] in paths:
                raise UserError(f"{file}: images[{index}]: its id {image['id']} is another image's too")
        except UserError as error:
            tolerate("picture", error)
        else:
            paths[image["id"]] = path
            images.append(image)
    annotations: list[Annotation] = []
    listed = {r.get("id") for r in content["images"] if isinstance(r.get("id"), int)}
    taken = {r["id"] for r in content["annotations"] if isinstance(r.get("id"), int)}
    seen: set[int] = set()
    for index, record in enumerate(content["annotations"]):
        where = f"{file}: annotations[{index}]"
        try:
            annotation = _annotation(readable(record, "annotation"), where, listed, number)
        except UserError as error:
            tolerate("label", error)
            continue
        if not isinstance(annotation.get("id"), int) or annotation["id"] in seen:
            tolerate("id", UserError(f"{where}: its id {annotation.get('id')!r} is no number or another's too"))
            annotation["id"] = max(taken, default=0) + 1
            taken.add(annotation["id"])
        seen.add(annotation["id"])
        if annotation["image_id"] in paths:
            annotations.append(annotation)
        else:
            tolerate("label", UserError(f"{where}: its picture, image {annotation['image_id']}, cannot be used"))
    info = content["info"] if isinstance(content.get("info"), dict) else {}
    dataset = Dataset(folder, images, annotations, categories, info)
    return Reading(dataset, _pictures(dataset, paths))


def _files(folder: Path) -> list[Path]:
    candidates = [*folder.glob("*.json"), *(folder / "annotations").glob("*.json")]
    return sorted(f for f in candidates if f.name not in ("card.json", "dataset.json") and _is_coco(f))


def _is_coco(file: Path) -> bool:
    try:
        return set(KEYS) <= set(_content(file))
    except UserError:
        return False


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a COCO object with {', '.join(KEYS)}, got a {type(content).__name__}")
    for key in KEYS:
        if not isinstance(content.get(key), list) or not all(isinstance(x, dict) for x in content[key]):
            raise UserError(f"{file}: '{key}' must be a list of objects, as in COCO")
    return content


def _categories(records: list[dict[str, Any]], file: Path, tolerate: Tolerate) -> tuple[list[Category], dict[Any, int]]:
    """The categories, and the number of each id in the file: another one only where ids had to be given anew."""
    ids: list[Any] = [r.get("id") for r in records]
    names: list[Any] = [r.get("name") for r in records]
    if not all(isinstance(n, str) and n.strip() for n in names) or not all(type(i) is int for i in ids) or not ids:
        raise UserError(f"{file}: 'categories' must be a list of objects with a whole number as id and a name")
    if len(set(ids)) != len(ids):
        raise UserError(f"{file}: two categories share an id: {', '.join(map(str, ids))}")
    first: dict[Any, int] = {}
    for i, name in zip(ids, names, strict=True):
        if name in first:
            tolerate("id", UserError(f"{file}: category {i} has the name of category {first[name]}, {name!r}"))
        first.setdefault(name, i)
    new = {i: i for i in ids}
    if min(ids) < 1:
        tolerate("id", UserError(f"{file}: categories count from {min(ids)}, a dataset folder's from 1"))
        new = {i: k for k, i in enumerate(sorted(ids), start=1)}
    kept: list[Category] = [{**r, "id": new[r["id"]]} for r in records if first[r["name"]] == r["id"]]  # type: ignore[typeddict-item]
    return kept, {i: new[first[name]] for i, name in zip(ids, names, strict=True)}


def _image(record: dict[str, Any], where: str, folder: Path, beside: Path, tolerate: Tolerate) -> tuple[Image, Path]:
    name = record.get("file_name")
    if type(record.get("id")) is not int or not isinstance(name, str) or not name:
        raise UserError(f"{where}: needs a whole number as id and a file_name")
    candidates = (folder / "images" / name, beside / name, folder / name)
    for candidate in candidates:
        inside(folder / "images" if candidate is candidates[0] else folder, candidate)
    found = [p for p in candidates if is_file(p)]
    if not found:
        raise UserError(f"{where}: its picture is missing: {str(candidates[0])[:300]}")
    path = found[0]
    size, orientation = stored_size(path)
    said = record.get("width"), record.get("height")
    shown = size[::-1] if orientation >= 5 else size
    image: Image = {**record, "file_name": _name(path, candidates[0], folder / "images")}  # type: ignore[typeddict-item]
    if said not in (size, shown):
        tolerate("size", UserError(f"{where}: says {said[0]}×{said[1]}, but {path} has {size[0]}×{size[1]} pixels"))
        image["width"], image["height"] = size
    if orientation != 1:
        how = f"is stored turned or mirrored (EXIF orientation {orientation})"
        remedy = f"`python -m detect.doctor data={folder} fix=true out=…` stores it upright, its boxes turned along"
        tolerate("turned", UserError(f"{path}: {how}; {remedy}"))
    return image, path


def _name(path: Path, wanted: Path, images: Path) -> str:
    """The picture's path within `images`, where a dataset folder has it: where it lies, or where it should.

    Some exporters name it by its path in the folder, `images/a.jpg`, which would be images/images/a.jpg in a new one.
    """
    try:
        return named(images, path)
    except UserError:
        return named(images, wanted)


def _annotation(record: dict[str, Any], where: str, images: set[Any], number: dict[Any, int]) -> Annotation:
    box = record.get("bbox")
    if type(record.get("image_id")) is not int or record["image_id"] not in images:
        raise UserError(f"{where}: belongs to image {record.get('image_id')!r}, which is not listed")
    if type(record.get("category_id")) is not int or record["category_id"] not in number:
        raise UserError(f"{where}: has category {record.get('category_id')!r}, which is not listed")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise UserError(f"{where}: bbox must be four finite numbers [x, y, width, height], got {box}")
    return {"area": box[2] * box[3], **record, "category_id": number[record["category_id"]]}  # type: ignore[typeddict-item]


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST  # type: ignore[arg-type]


def _pictures(dataset: Dataset, paths: dict[int, Path]) -> Iterator[Files]:
    for image in dataset.images:
        name = f"images/{image['file_name']}"
        yield {name: paths[image["id"]].read_bytes(), **carried(dataset, image)}
