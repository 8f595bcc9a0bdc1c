"""Pascal VOC: Annotations/*.xml, JPEGImages/ and ImageSets/Main/trainval.txt.

Ignored objects are VOC's `difficult`: both stay in the file and are not asked for. `truncated` and `occluded` follow
the annotation's fractions. Corners are 1-based and inclusive (the VOC development kit's readme), whole numbers where
ours are. XML is parsed by defusedxml: entities and external references are refused.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import defusedxml
import defusedxml.ElementTree

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
    is_file,
    named,
    refuse,
    upright_size,
)
from coldstart.formats.sidecar import Found, Label

__all__ = ["is_one", "read", "write"]

FLAGGED = 0.05  # fraction outside the frame, or hidden, from which `truncated` and `occluded` are 1
DIGITS = 3  # of a pixel


def is_one(folder: Path) -> bool:
    """Whether `folder` holds Pascal VOC data."""
    return any((folder / "Annotations").rglob("*.xml"))


def write(dataset: Dataset, shard_bytes: int) -> Output:
    """The files of a VOC folder.

    Raises:
        UserError: two images share a label file, a name cannot be written, a picture is stored turned.
    """
    check_writable(dataset, _label_file)
    stems = [Path(image["file_name"]).with_suffix("").as_posix() for image in dataset.images]
    head = {"ImageSets/Main/trainval.txt": "".join(f"{s}\n" for s in stems).encode(), **sidecar.head(dataset)}
    return Output(head, _pictures(dataset))


def _pictures(dataset: Dataset) -> Iterator[Files]:
    names = {c["id"]: c["name"] for c in dataset.categories}
    by_image = dataset.by_image()
    for image in dataset.images:
        root = ET.Element("annotation")
        _add(root, folder="JPEGImages", filename=image["file_name"])
        _add(ET.SubElement(root, "size"), width=image["width"], height=image["height"], depth=3)
        _add(root, segmented=0)
        for a in by_image[image["id"]]:
            if _written(a, image):
                _add_object(root, names[a["category_id"]], a, image)
        ET.indent(root)
        yield {
            f"JPEGImages/{image['file_name']}": dataset.path(image).read_bytes(),
            _label_file(image): ET.tostring(root, encoding="utf-8") + b"\n",
            **carried(dataset, image, f"{sidecar.FOLDER}/"),
        }


def _label_file(image: Image) -> str:
    return f"Annotations/{Path(image['file_name']).with_suffix('.xml').as_posix()}"


def _written(annotation: Annotation, image: Image) -> bool:
    left, top, right, bottom = clipped(annotation["bbox"], image)
    return right > left and bottom > top


def _add(parent: ET.Element, **values: object) -> None:
    for key, value in values.items():
        ET.SubElement(parent, key).text = str(value)


def _add_object(root: ET.Element, name: str, annotation: Annotation, image: Image) -> None:
    truncated = annotation.get("truncated", 0.0)
    hidden = 1 - truncated - annotation.get("visible_fraction", 1.0 - truncated)
    item = ET.SubElement(root, "object")
    _add(item, name=name, pose="Unspecified", truncated=int(truncated >= FLAGGED), occluded=int(hidden >= FLAGGED))
    _add(item, difficult=int(not asked(annotation)))
    left, top, right, bottom = (f"{round(v, DIGITS):.10g}" for v in _corners(clipped(annotation["bbox"], image)))
    _add(ET.SubElement(item, "bndbox"), xmin=left, ymin=top, xmax=right, ymax=bottom)


def _corners(sides: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = sides
    return left + 1, top + 1, right, bottom


def read(folder: Path, tolerate: Tolerate = refuse) -> Reading:
    """The dataset in a VOC folder.

    Raises:
        UserError: an XML is malformed, unsafe or says another size than its picture has; a picture is missing; and
            `tolerate` does not let it pass.
    """
    pictures = []
    for file in sorted((folder / "Annotations").rglob("*.xml")):
        try:
            pictures.append(_found(folder, file, tolerate))
        except UserError as error:
            tolerate("picture", error)
    return sidecar.assemble(folder, pictures, None, _written)


def _found(folder: Path, file: Path, tolerate: Tolerate) -> Found:
    try:
        root = defusedxml.ElementTree.parse(file, forbid_dtd=True).getroot()
    except defusedxml.DefusedXmlException:
        raise UserError(f"{file}: has a DOCTYPE or entities, which VOC does not need; remove them") from None
    except (OSError, ValueError, ET.ParseError) as error:
        raise UserError(f"{file}: cannot be read as XML ({error})") from None
    path = _picture(folder, file, (root.findtext("filename") or "").strip())
    size = upright_size(path)
    try:
        said = tuple(int(_number(root, f"size/{key}", file)) for key in ("width", "height"))
        if said != size:
            raise UserError(f"{file}: says {said[0]}×{said[1]}, but {path} has {size[0]}×{size[1]} pixels")
    except UserError as error:
        tolerate("size", error)
    labels = []
    for n, item in enumerate(root.iter("object"), start=1):
        try:
            labels.append(_label(item, f"{file}: object {n}"))
        except UserError as error:
            tolerate("label", error)
    return Found(path, named(folder / "JPEGImages", path), size, labels)


def _picture(folder: Path, file: Path, name: str) -> Path:
    """The picture an XML is about: what it names, or, where it names nothing that is there, the one of its own name."""
    images = folder / "JPEGImages"
    if name and is_file(inside(images, images / name)):
        return images / name
    stem = file.relative_to(folder / "Annotations")
    for suffix in sorted(PHOTO_SUFFIXES):
        for path in (images / stem.with_suffix(suffix), images / stem.with_suffix(suffix.upper())):
            if is_file(inside(images, path)):
                return path
    raise UserError(f"{file}: its picture {name or stem.with_suffix('.jpg').as_posix()!r} is not in {images}")


def _label(item: ET.Element, where: str) -> Label:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise UserError(f"{where}: has no name")
    corners = (_number(item, f"bndbox/{key}", where) for key in ("xmin", "ymin", "xmax", "ymax"))
    left, top, right, bottom = corners
    box = [round(v, DIGITS) for v in (left - 1, top - 1, right - left + 1, bottom - top + 1)]
    if min(box[2:]) <= 0:
        raise UserError(f"{where}: its box has no area")
    return Label(name, box, ignore=(item.findtext("difficult") or "0").strip() == "1")


def _number(item: ET.Element, tag: str, where: object) -> float:
    text = item.findtext(tag)
    try:
        value = float(text or "")
    except ValueError:
        raise UserError(f"{where}: {tag} must be a number, got {text!r}") from None
    if abs(value) < float("inf"):
        return value
    raise UserError(f"{where}: {tag} must be a finite number, got {text!r}")
