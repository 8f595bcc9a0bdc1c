"""What YOLO and VOC cannot carry rides along in a folder `coldstart/` beside their files, and is put back on return.

The side-car holds annotations.json as it was, masks, passes and scene records. The format's own files stay the truth:
an object counts as the same if class and box are still those that were written, and gets all its fields back; what was
drawn, moved or deleted in the meantime by a labelling tool is new, moved or gone.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldstart.dataset import Annotation, Category, Dataset, Image, asked, check_records
from coldstart.errors import UserError
from coldstart.formats.files import Files, Reading, carried, clipped

__all__ = ["FOLDER", "Found", "Label", "assemble", "head"]

FOLDER = "coldstart"
SAME = 0.01  # pixels by which a side of a written box may differ after the way there and back


@dataclass(frozen=True)
class Label:
    """One object as a format states it: class name, COCO box in pixels, whether it is to be ignored, further fields."""

    category: str
    box: list[float]
    ignore: bool | None = None  # None: the format does not say
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """One picture of a folder in another format: where it lies, its name in the dataset folder, size, objects."""

    path: Path
    file_name: str
    size: tuple[int, int]
    labels: list[Label]


def head(dataset: Dataset) -> Files:
    """The side-car's annotations.json."""
    content = {
        "info": dataset.info,
        "images": dataset.images,
        "annotations": dataset.annotations,
        "categories": dataset.categories,
    }
    return {f"{FOLDER}/annotations.json": (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()}


def assemble(
    folder: Path, pictures: list[Found], names: list[str] | None, written: Callable[[Annotation, Image], bool]
) -> Reading:
    """The dataset that `pictures` are, with what the side-car of `folder` (if any) knows of them.

    `names` are the classes in order, None for a format that lists none: then the side-car's, new ones behind in
    alphabetical order. `written` says which annotations the format carries; the others come from the side-car alone.
    """
    if twice := [name for name, count in Counter(p.file_name for p in pictures).items() if count > 1]:
        raise UserError(f"{folder}: two pictures, or two label files, stand for {twice[0]}; remove or rename one")
    side = _load(folder / FOLDER)
    known = {c["name"]: c for c in sorted(side.categories, key=lambda c: c["id"])}
    if names is None:
        found = {label.category for picture in pictures for label in picture.labels}
        names = [*side.class_names, *sorted(found - known.keys())]
    categories = _numbered(names, known)
    ids = {c["name"]: c["id"] for c in categories}
    class_of = {c["id"]: c["name"] for c in side.categories}
    records = {image["file_name"]: image for image in side.images}
    before = side.by_image()
    images: list[Image] = []
    annotations: list[Annotation] = []
    next_image = max((i["id"] for i in side.images), default=0) + 1
    for picture in pictures:
        image: Image = {"id": next_image, **records.get(picture.file_name, {}), "file_name": picture.file_name}
        image["width"], image["height"] = picture.size
        next_image += image["id"] == next_image
        images.append(image)
        old = [a for a in before.get(image["id"], []) if class_of[a["category_id"]] in ids]
        annotations += _restored(picture.labels, [a for a in old if written(a, image)], image, ids, class_of)
        annotations += [{**a, "category_id": ids[class_of[a["category_id"]]]} for a in old if not written(a, image)]
    images.sort(key=lambda i: i["id"])
    fresh = max((a["id"] for a in side.annotations), default=0)
    for a in annotations:
        if "id" not in a:
            fresh += 1
            a["id"] = fresh
    annotations.sort(key=lambda a: a["id"])
    paths = {p.file_name: p.path for p in pictures}
    return Reading(Dataset(folder, images, annotations, categories, side.info), _files(side, images, paths))


def _restored(
    labels: list[Label], old: list[Annotation], image: Image, ids: dict[str, int], class_of: dict[int, str]
) -> list[Annotation]:
    """One annotation for each label: the old one where there is one, else a new one without an id."""
    left = list(old)
    result: list[Annotation] = []
    for label in labels:
        match = next((a for a in left if class_of[a["category_id"]] == label.category and _same(a, label, image)), None)
        if match is not None:
            left.remove(match)
            annotation: Annotation = {**match, "category_id": ids[label.category]}
            ignored = not asked(match)
        else:
            annotation = {
                "image_id": image["id"],
                "category_id": ids[label.category],
                "bbox": label.box,
                "area": label.box[2] * label.box[3],
                "iscrowd": 0,
                **label.fields,  # type: ignore[typeddict-item]
            }
            ignored = False
        if label.ignore is not None and label.ignore != ignored:
            annotation["ignore"] = int(label.ignore)
        result.append(annotation)
    return result


def _same(annotation: Annotation, label: Label, image: Image) -> bool:
    pairs = zip(clipped(annotation["bbox"], image), clipped(label.box, image), strict=True)
    return all(abs(old - new) <= SAME for old, new in pairs)


def _numbered(names: list[str], known: dict[str, Category]) -> list[Category]:
    """Categories for `names`; those in `known` keep their ids if they still come first, in their order."""
    kept = list(known.values()) if names[: len(known)] == list(known) else []
    start = max((c["id"] for c in kept), default=0) + 1
    new: list[Category] = [
        {"supercategory": "product", **known.get(name, {}), "id": start + i, "name": name}
        for i, name in enumerate(names[len(kept) :])
    ]
    return kept + new


def _load(folder: Path) -> Dataset:
    """The side-car in `folder`, an empty one if there is none."""
    file = folder / "annotations.json"
    if not file.is_file():
        return Dataset(folder, [], [], [])
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        side = Dataset(folder, content["images"], content["annotations"], content["categories"], content["info"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file}: is not the side-car that convert wrote ({error!r}); restore it or remove {folder}"
        ) from None
    check_records(side, file)
    return side


def _files(side: Dataset, images: list[Image], paths: dict[str, Path]) -> Iterator[Files]:
    for image in images:
        name = image["file_name"]
        yield {f"images/{name}": paths[name].read_bytes(), **carried(side, image)}
