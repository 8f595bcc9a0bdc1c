"""YOLO (Ultralytics): data.yaml, images/ and labels/*.txt with lines `class x y width height` (centre and size).

Written are boxes. Ignored objects and crowds are left out, since YOLO knows neither: they stay in the side-car.
Read are boxes and polygons (`class x1 y1 x2 y2 …`, which give the box too). See docs.ultralytics.com/datasets/detect
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from coldstart.dataset import PHOTO_SUFFIXES, Annotation, Dataset, Image, asked
from coldstart.errors import UserError
from coldstart.formats import sidecar
from coldstart.formats.files import (
    Files,
    Output,
    Reading,
    Tolerate,
    carried,
    check_writable,
    clipped,
    inside,
    named,
    refuse,
    upright_size,
)
from coldstart.formats.sidecar import Found, Label

__all__ = ["is_one", "read", "write"]

BEYOND = 1e-3  # by which fractions may leave 0..1: six digits and a rounding
FEWEST = 5  # numbers in the line of an object
DIGITS = 3  # of a pixel, in boxes that are read


def is_one(folder: Path) -> bool:
    """Whether `folder` holds YOLO data."""
    return (folder / "data.yaml").is_file()


def write(dataset: Dataset, shard_bytes: int) -> Output:
    """The files of a YOLO folder: the same images train and validate (`coldstart.split` makes two folders).

    Raises:
        UserError: two images share a label file, a name cannot be written, a picture is stored turned.
    """
    check_writable(dataset, _label_file)
    names = dict(enumerate(dataset.class_names))
    content = {"train": "images", "val": "images", "names": names}
    head = {"data.yaml": yaml.safe_dump(content, allow_unicode=True, sort_keys=False).encode(), **sidecar.head(dataset)}
    return Output(head, _pictures(dataset))


def _pictures(dataset: Dataset) -> Iterator[Files]:
    order = {c["id"]: i for i, c in enumerate(sorted(dataset.categories, key=lambda c: c["id"]))}
    by_image = dataset.by_image()
    for image in dataset.images:
        lines = [_line(order[a["category_id"]], a, image) for a in by_image[image["id"]] if _written(a, image)]
        yield {
            f"images/{image['file_name']}": dataset.path(image).read_bytes(),
            _label_file(image): "".join(lines).encode(),
            **carried(dataset, image, f"{sidecar.FOLDER}/"),
        }


def _label_file(image: Image) -> str:
    return _labels_of(PurePosixPath(f"images/{image['file_name']}")).as_posix()


def _labels_of(picture: PurePosixPath) -> PurePosixPath:
    """Where YOLO looks for the labels of a picture: the last folder `images` on its path is `labels` there."""
    parts = list(picture.parts)
    parts[max(i for i, part in enumerate(parts[:-1]) if part == "images")] = "labels"
    return PurePosixPath(*parts).with_suffix(".txt")


def _written(annotation: Annotation, image: Image) -> bool:
    return asked(annotation)


def _line(index: int, annotation: Annotation, image: Image) -> str:
    left, top, right, bottom = clipped(annotation["bbox"], image)
    width, height = image["width"], image["height"]
    values = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)
    return f"{index} {' '.join(f'{v:.8f}' for v in values)}\n"


def read(folder: Path, tolerate: Tolerate = refuse) -> Reading:
    """The dataset in a YOLO folder; train, val and test become one, told apart by the folder in the file name.

    Raises:
        UserError: data.yaml is malformed; a label line is, a picture is missing, leaves the folder or cannot be read,
            and `tolerate` does not let it pass.
    """
    names, roots = _description(folder)
    claimed: set[PurePosixPath] = set()  # label files
    pictures: dict[Path, Found] = {}  # by path, since train and val may name the same folder
    for root in roots:
        files = sorted(p for p in root.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES and p.is_file())
        for path in files:
            place = PurePosixPath(path.relative_to(folder))
            claimed.add(_labels_of(place))
            try:
                size = upright_size(inside(folder, path))
            except UserError as error:
                tolerate("picture", error)
                continue
            at = place.parts.index("images")  # the one that `write` put before the name, which may hold others
            name = PurePosixPath(*place.parts[:at], *place.parts[at + 1 :]).as_posix()
            pictures[path] = Found(path, name, size, _labels(folder / _labels_of(place), names, size, tolerate))
    if not pictures:
        raise UserError(f"{folder}/data.yaml: its folders hold no image")
    for file in sorted({f for root in roots for f in _label_files(folder, root)} - claimed):
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        tolerate("picture", UserError(f"{folder / file}: has labels, but no picture of its name is there ({kinds})"))
    return sidecar.assemble(folder, list(pictures.values()), list(names.values()), _written)


def _label_files(folder: Path, root: Path) -> Iterator[PurePosixPath]:
    """The files with labels of pictures in `root`; a list of classes or a note beside them is none."""
    for file in (folder / _labels_of(PurePosixPath(root.relative_to(folder), "any"))).parent.rglob("*.txt"):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(len(line.split()) >= FEWEST and _numeric(line) for line in lines):
            yield PurePosixPath(file.relative_to(folder))


def _numeric(line: str) -> bool:
    try:
        return bool([float(word) for word in line.split()])
    except ValueError:
        return False


def _description(folder: Path) -> tuple[dict[int, str], list[Path]]:
    """Class names by number in order, and the folders of images. The key `path`, another machine's, is not used."""
    file = folder / "data.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{file}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    listed: Any = content.get("names") if isinstance(content, dict) else None
    names = dict(enumerate(listed)) if isinstance(listed, list) else listed
    if not isinstance(names, dict) or not names or not all(isinstance(k, int) and k >= 0 for k in names):
        raise UserError(f"{file}: names must list the classes, as [milk, orange] or {{0: milk, 1: orange}}")
    if wrong := [name for name in names.values() if type(name) not in (str, int)]:  # a number is one's own
        raise UserError(f"{file}: names: YAML reads {wrong[0]!r} as no text; put each name in quotes")
    names = {key: str(names[key]) for key in sorted(names)}
    if len(set(names.values())) != len(names):
        raise UserError(f"{file}: two classes share a name: {', '.join(names.values())}")
    roots = []
    for key in ("train", "val", "test"):
        for entry in content[key] if isinstance(content.get(key), list) else [content.get(key)]:
            if entry is None:
                continue
            root = folder / named(folder, inside(folder, folder / str(entry)))
            try:
                there = root.is_dir()
            except OSError:  # too long a name for one
                there = False
            if not there:
                raise UserError(f"{file}: {key}: {entry}: no such folder of images beside data.yaml")
            if "images" not in root.relative_to(folder).parts:
                raise UserError(f"{file}: {key}: {entry}: pictures must lie in a folder images, their labels in labels")
            roots.append(root)
    return names, roots


def _labels(file: Path, names: dict[int, str], size: tuple[int, int], tolerate: Tolerate) -> list[Label]:
    if not file.is_file():  # a picture of nothing
        return []
    labels = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.strip():
            try:
                labels.append(_label(line, names, size, f"{file}: line {number}"))
            except UserError as error:
                tolerate("label", error)
    return labels


def _label(line: str, names: dict[int, str], size: tuple[int, int], where: str) -> Label:
    try:
        index, *values = (float(word) for word in line.split())
    except ValueError:
        raise UserError(f"{where}: not numbers: {line!r}") from None
    if index not in names:
        raise UserError(f"{where}: class {index:g} is not in data.yaml, which has {min(names)} to {max(names)}")
    if not all(-BEYOND <= value <= 1 + BEYOND for value in values):
        raise UserError(f"{where}: expected fractions of the image from 0 to 1, got {line!r}")
    if len(values) == 4:
        label = Label(names[int(index)], _box(values, size))
    elif len(values) >= 6 and len(values) % 2 == 0:
        label = _polygon(names[int(index)], values, size)
    else:
        raise UserError(f"{where}: expected `class x y width height`, or a polygon of three points or more")
    if min(label.box[2:]) <= 0:
        raise UserError(f"{where}: the box has no area: {line!r}")
    return label


def _box(values: list[float], size: tuple[int, int]) -> list[float]:
    x, y, width, height = values
    box = ((x - width / 2) * size[0], (y - height / 2) * size[1], width * size[0], height * size[1])
    return [round(v, DIGITS) for v in box]


def _polygon(name: str, values: list[float], size: tuple[int, int]) -> Label:
    xs, ys = [round(v * size[0], DIGITS) for v in values[::2]], [round(v * size[1], DIGITS) for v in values[1::2]]
    box = [min(xs), min(ys), round(max(xs) - min(xs), DIGITS), round(max(ys) - min(ys), DIGITS)]
    outline = [v for point in zip(xs, ys, strict=True) for v in point]
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2  # the shoelace formula
    return Label(name, box, fields={"segmentation": [outline], "area": area})
