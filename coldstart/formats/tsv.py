"""Tables of boxes: one line a box, tab-separated, pictures beside them.

Either one or more tables with a header (`image`, `class`, and `x y width height` or `x1 y1 x2 y2`, in pixels; a line
with an image alone is a picture of nothing), or, as Microsoft's CNTK tools label, beside each picture `a.jpg` its
`a.bboxes.tsv` (left, top, right, bottom) and `a.bboxes.labels.tsv` (one name a line). Read only.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from coldstart.dataset import PHOTO_SUFFIXES, Annotation, Image
from coldstart.errors import UserError
from coldstart.formats import sidecar
from coldstart.formats.files import Reading, Tolerate, inside, is_file, named, refuse, upright_size
from coldstart.formats.sidecar import Found, Label

__all__ = ["is_one", "read"]

BOXES, LABELS = ".bboxes.tsv", ".bboxes.labels.tsv"
IMAGE = ("image", "file", "file_name", "filename", "path")
CLASS = ("class", "label", "category", "name")
CORNER = (("x", "y"), ("left", "top"), ("x1", "y1"), ("xmin", "ymin"))
EXTENT = (("width", "height"), ("w", "h"))
OPPOSITE = (("x2", "y2"), ("xmax", "ymax"), ("right", "bottom"))

Row = tuple[str, str, list[str], str]  # where it stands; name of its class; left, top, right, bottom; its picture


def is_one(folder: Path) -> bool:
    """Whether `folder` holds tables of boxes (a dataset folder's are about it, not its labels)."""
    return not (folder / "annotations.json").is_file() and any(folder.rglob("*.tsv"))


def read(folder: Path, tolerate: Tolerate = refuse) -> Reading:
    """The dataset in a folder of tables.

    Raises:
        UserError: a table lacks a column; a line means nothing, a picture is missing, outside or unreadable, and
            `tolerate` does not let it pass.
    """
    by_picture: dict[str, list[Row]] = {}
    for file in sorted(folder.rglob("*.tsv")):
        if not file.name.endswith(LABELS):
            for row in _pair(folder, file) if file.name.endswith(BOXES) else _table(file):
                by_picture.setdefault(row[3], []).append(row)
    pictures = []
    for name, rows in by_picture.items():
        try:
            path = _picture(folder, name, rows[0][0])
            size, place = upright_size(path), Path(named(folder, path))
        except UserError as error:
            tolerate("picture", error)
            continue
        labels = []
        for row in rows:
            try:
                labels += _label(row)
            except UserError as error:
                tolerate("label", error)
        shown = place.relative_to("images") if place.parts[0] == "images" else place
        pictures.append(Found(path, shown.as_posix(), size, labels))
    return sidecar.assemble(folder, pictures, None, _written)


def _written(annotation: Annotation, image: Image) -> bool:
    return True


def _lines(file: Path) -> list[list[str]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter="\t")]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{file}: cannot be read as a table of UTF-8 text ({error})") from None


def _table(file: Path) -> Iterator[Row]:
    header, *lines = _lines(file) or [[]]
    at = {name.casefold().replace(" ", "_"): i for i, name in enumerate(header)}
    image, kind = (next((at[n] for n in names if n in at), None) for names in (IMAGE, CLASS))
    corner, extent, opposite = (
        next(([at[a], at[b]] for a, b in pairs if a in at and b in at), None) for pairs in (CORNER, EXTENT, OPPOSITE)
    )
    if image is None or kind is None or corner is None or (extent or opposite) is None:
        raise UserError(
            f"{file}: line 1: expected a header with image, class, and x, y, width, height or x1, y1, x2, y2, "
            f"got {', '.join(header) or 'nothing'}"
        )
    columns = [*corner, *(extent or opposite or [])]
    for number, line in enumerate(lines, start=2):
        cells = line + [""] * (len(header) - len(line))
        if any(cells):
            values = [cells[i] for i in columns]
            yield f"{file}: line {number}", cells[kind], ["size", *values] if extent else values, cells[image]


def _pair(folder: Path, file: Path) -> Iterator[Row]:
    stem = file.name.removesuffix(BOXES)
    suffixes = [s for suffix in sorted(PHOTO_SUFFIXES) for s in (suffix, suffix.upper())]
    path = next((p for s in suffixes if (p := file.with_name(stem + s)).is_file()), file.with_name(f"{stem}.jpg"))
    names = file.with_name(stem + LABELS)
    boxes, labels = ([line for line in _lines(f) if any(line)] if f.is_file() else [] for f in (file, names))
    if len(boxes) != len(labels):
        raise UserError(f"{names}: has {len(labels)} names for the {len(boxes)} boxes of {file.name}")
    picture = path.relative_to(folder).as_posix()
    if not boxes:
        yield str(file), "", [], picture
    for number, (box, label) in enumerate(zip(boxes, labels, strict=True), start=1):
        yield f"{file}: line {number}", label[0], box, picture


def _picture(folder: Path, name: str, where: str) -> Path:
    if not name:
        raise UserError(f"{where}: names no image")
    for path in (folder / "images" / name, folder / name):
        if is_file(inside(folder, path)):
            return path
    raise UserError(f"{where}: its picture {name!r} is neither in {folder / 'images'} nor in {folder}")


def _label(row: Row) -> list[Label]:
    where, name, cells, _ = row
    sized = cells[:1] == ["size"]
    if not name and not any(cells[sized:]):
        return []
    if not name:
        raise UserError(f"{where}: has no class")
    try:
        left, top, right, bottom = (float(cell) for cell in cells[sized:])
    except ValueError:
        raise UserError(f"{where}: expected four numbers, got {' '.join(cells[sized:])!r}") from None
    box = [left, top, right, bottom] if sized else [left, top, right - left, bottom - top]
    if not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise UserError(f"{where}: the box has no area: {' '.join(cells[sized:])}")
    return [Label(name, box)]
