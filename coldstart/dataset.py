"""The dataset folder: what every stage writes and every later stage reads.

    <dataset>/annotations.json   COCO: images, annotations, categories (ids from 1), info
              images/            one file per image record
              masks/             16-bit PNG, the instance value of every visible pixel, 0 = background (synthetic only)
              depth/, normals/, albedo/    dense labels on request, see `coldstart.passes` (synthetic only)
              scenes/            the SceneSpec of each render (synthetic only)
              card.json          lineage, see `coldstart.lineage`

Only numpy and the standard library are imported at the top, so that this module also runs inside Blender.
"""

import hashlib
import json
import os
import struct
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from coldstart.errors import UserError

__all__ = [
    "Annotation",
    "Category",
    "Dataset",
    "Image",
    "asked",
    "categories_from",
    "check_records",
    "decode_rle",
    "encode_rle",
    "list_photos",
    "load",
    "mask_box",
    "png_bytes",
    "readable",
    "save",
    "sha256",
    "write_atomic",
    "write_json",
]

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class Category(TypedDict, total=False):
    """COCO category; `id` counts from 1."""

    id: int
    name: str
    supercategory: str


class Image(TypedDict, total=False):
    """COCO image and what Coldstart adds: the scene it shows, its seed, the image it was translated from, its hash.

    `index` is the scene's number and `look` that of its look: images of equal seed and index show one scene.
    `audit` counts what `gan.audit` says of a translation's objects.
    """

    id: int
    file_name: str
    width: int
    height: int
    scene: str
    seed: int
    index: int
    look: int
    source: str
    sha256: str
    audit: dict[str, int]


class Annotation(TypedDict, total=False):
    """COCO annotation and what Coldstart adds. Boxes are `[x, y, width, height]` in pixels.

    `instance` is the object's value in the image's mask, `visible_fraction` its visible / amodal pixels (0..1),
    `truncated` the fraction of its amodal pixels outside the frame (0..1), `track` the product instance in the scene.
    `amodal_segmentation` is the whole object's mask within the frame, as if nothing stood in front of it (on request).
    `ignore: 1` marks what is too small or too hidden to be asked for. `audit` is what became of it in translation.
    """

    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    area: float
    iscrowd: int
    ignore: int
    instance: int
    visible_fraction: float
    truncated: float
    amodal_bbox: list[float]
    segmentation: dict[str, Any]
    amodal_segmentation: dict[str, Any]
    track: str
    audit: str


@dataclass(frozen=True)
class Dataset:
    """A dataset folder in memory; the pictures stay on disk."""

    root: Path
    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]
    info: dict[str, Any] = field(default_factory=dict)

    def path(self, image: Image) -> Path:
        """Where the picture of `image` lies."""
        return self.root / "images" / image["file_name"]

    def mask_path(self, image: Image) -> Path:
        """Where the instance mask of `image` lies, if it has one."""
        return self.pass_path(image, "masks")

    def pass_path(self, image: Image, name: str) -> Path:
        """Where the `depth`, `normals` or `albedo` of `image` lies, if it has one."""
        return (self.root / name / image["file_name"]).with_suffix(".png")

    @property
    def class_names(self) -> list[str]:
        """Category names in the order of their ids."""
        return [c["name"] for c in sorted(self.categories, key=lambda c: c["id"])]

    def scene_path(self, image: Image) -> Path | None:
        """Where the record of its scene is, in scenes/; None without one of ours."""
        scene = image.get("scene") or ""
        return self.root / scene if Path(scene).parts[:1] == ("scenes",) else None

    def by_image(self) -> dict[int, list[Annotation]]:
        """Annotations of every image id, images without any included."""
        grouped: dict[int, list[Annotation]] = {image["id"]: [] for image in self.images}
        for annotation in self.annotations:
            grouped[annotation["image_id"]].append(annotation)
        return grouped


def asked(annotation: Annotation) -> bool:
    """Whether a detector is asked for the object, and it counts: it is neither to be ignored nor a crowd."""
    return not (annotation.get("ignore") or annotation.get("iscrowd"))


def within(name: str) -> bool:
    """Whether a name is a path that stays in the folder it is read in, and in any other: relative, without `..`."""
    path = Path(name)
    return not path.is_absolute() and os.pardir not in path.parts


def load(root: str | Path) -> Dataset:
    """Read and check a dataset folder.

    Raises:
        UserError: the folder or its annotations.json is missing or malformed, an image is missing, unreadable or of
            another size than recorded, or an annotation points nowhere.
    """
    root = Path(root)
    file = root / "annotations.json"
    if not root.is_dir():
        raise UserError(f"{root}: no such dataset folder")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{root}: not a dataset folder, it has no annotations.json") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a COCO object with images, annotations and categories")
    for key in KEYS:
        if not isinstance(content.get(key), list) or not all(isinstance(x, dict) for x in content[key]):
            raise UserError(f"{file}: '{key}' must be a list of objects, as in COCO")
    info = content["info"] if isinstance(content.get("info"), dict) else {}
    # Some exporters write null for what a record does not have.
    images, annotations, categories = (
        [{k: v for k, v in record.items() if v is not None} for record in content[key]] for key in KEYS
    )
    dataset = Dataset(root, images, annotations, categories, info)  # type: ignore[arg-type]
    _check_fields(dataset, file)
    try:
        _check_images(dataset, file)
    except (OSError, ValueError) as error:  # a name that is too long, or has a null byte
        raise UserError(f"{file}: a picture cannot be looked for ({error})") from None
    _check_references(dataset, file)
    return dataset


def check_records(dataset: Dataset, file: Path) -> None:
    """Check the records without opening a picture; `file` is where they were read.

    Raises:
        UserError: a record lacks a field or has one of the wrong kind, an id occurs twice, or an annotation points
            nowhere.
    """
    _check_fields(dataset, file)
    _check_references(dataset, file)


def readable(record: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A `kind` of record of another tool's COCO, without what is not needed and is not as ours read it."""
    known, needed = FIELDS[kind], NEEDED[kind]
    return {k: v for k, v in record.items() if k in needed or k not in known or known[k].fits(v)}


class Field(NamedTuple):
    """What a field of a record must be."""

    said: str
    fits: Callable[[Any], bool]


LARGEST = 1e9  # pixels, or square pixels of an area: more is a mistake
NUMBER = Field("a number", lambda value: isinstance(value, int | float) and abs(value) < LARGEST)  # which NaN is not
WHOLE = Field("a whole number", lambda value: type(value) in (int, float) and abs(value) < 1e15 and value == int(value))
TEXT = Field("text", lambda value: isinstance(value, str))
INSIDE = Field("a path within the folder", lambda value: isinstance(value, str) and within(value))
BOX = Field(
    "four numbers [x, y, width, height], width and height not below 0",
    lambda value: (
        isinstance(value, list | tuple) and len(value) == 4 and all(map(NUMBER.fits, value)) and min(value[2:]) >= 0
    ),
)
KEYS = ("images", "annotations", "categories")
NEEDED = {
    "image": ("id", "file_name", "width", "height"),
    "annotation": ("id", "image_id", "category_id", "bbox"),
    "category": ("id", "name"),
}
FIELDS: dict[str, dict[str, Field]] = {  # of those that something reads
    "image": {
        **{"id": WHOLE, "file_name": TEXT, "width": NUMBER, "height": NUMBER},
        **{"source": TEXT, "scene": INSIDE, "seed": WHOLE, "index": WHOLE},
    },
    "annotation": {
        **{"id": WHOLE, "image_id": WHOLE, "category_id": WHOLE, "bbox": BOX},
        **{"area": NUMBER, "visible_fraction": NUMBER, "truncated": NUMBER},
    },
    "category": {"id": WHOLE, "name": TEXT},
}


def _check_fields(dataset: Dataset, file: Path) -> None:
    """Every field that something reads is of its kind; what else a record holds may be anything."""
    kinds = ("image", dataset.images), ("annotation", dataset.annotations), ("category", dataset.categories)
    for kind, records in kinds:
        known = FIELDS[kind]
        for record in records:
            if missing := [key for key in NEEDED[kind] if key not in record]:
                raise UserError(f"{file}: {kind} {record.get('id', '?')} has no {missing[0]}")
            for key, value in record.items():
                if key in known and not known[key].fits(value):
                    raise UserError(
                        f"{file}: {kind} {record['id']!r:.40}: {key} must be {known[key].said}, got {value!r:.80}; "
                        "`python -m detect.doctor data=… fix=true out=…` leaves out what is not"
                    )


def _check_references(dataset: Dataset, file: Path) -> None:
    """The records agree with one another."""
    _check_categories(dataset, file)
    _check_ids(dataset, file)
    _check_annotations(dataset, file)


def _check_categories(dataset: Dataset, file: Path) -> None:
    ids = [c["id"] for c in dataset.categories]
    if not ids or len(set(ids)) != len(ids) or not all(isinstance(i, int) and i >= 1 for i in ids):
        raise UserError(f"{file}: category ids must be different whole numbers from 1, got {ids}")
    if odd := [name for name in dataset.class_names if not name.strip() or any(map(_breaks_a_line, name))]:
        raise UserError(
            f"{file}: category name {odd[0]!r} is empty, or has line breaks or control characters; rename it"
        )
    if len(set(dataset.class_names)) != len(ids):
        raise UserError(f"{file}: two categories share a name: {dataset.class_names}")


def _breaks_a_line(character: str) -> bool:
    """Control characters, separators of lines and paragraphs, halves of characters."""
    return unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs")


def _check_ids(dataset: Dataset, file: Path) -> None:
    if not dataset.images:
        raise UserError(f"{file}: lists no image")
    if len({i["id"] for i in dataset.images}) != len(dataset.images):
        raise UserError(f"{file}: two images share an id")


def _check_images(dataset: Dataset, file: Path) -> None:
    from coldstart.pictures import opened  # Blender has no Pillow, and never reads

    folder = (dataset.root / "images").resolve()
    for image in dataset.images:
        path = dataset.path(image)
        if not within(image["file_name"]) or not path.resolve().is_relative_to(folder):
            raise UserError(
                f"{file}: image {image['id']} leaves the folder: {image['file_name']!r} is no path within images/; "
                f"`python -m detect.doctor data={dataset.root} fix=true out=…` names pictures anew that lie there"
            )
        if not path.is_file():
            raise UserError(f"{file}: image {image['id']} is missing: {path}")
        with opened(path) as picture:
            size = picture.size
        if size != (image["width"], image["height"]):
            raise UserError(
                f"{path}: is {size[0]}×{size[1]}, but annotations.json says {image['width']}×{image['height']}"
            )


def _check_annotations(dataset: Dataset, file: Path) -> None:
    images = {i["id"]: i for i in dataset.images}
    categories = {c["id"] for c in dataset.categories}
    if len({a["id"] for a in dataset.annotations}) != len(dataset.annotations):
        raise UserError(f"{file}: two annotations share an id")
    for a in dataset.annotations:
        where = f"{file}: annotation {a['id']}"
        if a["image_id"] not in images:
            raise UserError(f"{where} belongs to image {a['image_id']}, which is not listed")
        if a["category_id"] not in categories:
            raise UserError(f"{where} has category {a['category_id']}, which is not listed")
        box = a["bbox"]
        x, y, width, height = box
        image = images[a["image_id"]]
        inside = x < image["width"] and y < image["height"] and x + width > 0 and y + height > 0
        if asked(a) and (width <= 0 or height <= 0 or not inside):
            raise UserError(f"{where}: bbox {box} is empty or outside its {image['width']}×{image['height']} image")


def save(dataset: Dataset) -> None:
    """Write annotations.json of `dataset` atomically; pictures must already be there."""
    write_json(
        dataset.root / "annotations.json",
        {
            "info": dataset.info,
            "images": dataset.images,
            "annotations": dataset.annotations,
            "categories": dataset.categories,
        },
    )


def list_photos(root: str | Path) -> list[Path]:
    """Pictures of a dataset folder or of a plain folder of photos, sorted by name.

    Raises:
        UserError: there is no such folder, or it holds no picture.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of photos")
    if (root / "annotations.json").is_file():
        dataset = load(root)
        return [dataset.path(image) for image in dataset.images]
    photos = sorted(p for p in root.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES and p.is_file())
    if not photos:
        raise UserError(f"{root}: holds no photo ({', '.join(sorted(PHOTO_SUFFIXES))})")
    return photos


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that a reader, or a machine that loses power, finds all of it or none.

    Raises:
        UserError: the disk is full, or the folder cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); what is there is kept: make room or choose another out=, "
            "then the same command goes on"
        ) from None


def write_json(path: Path, content: object) -> None:
    """Write JSON atomically; the same content gives the same bytes."""
    write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def sha256(data: bytes | Path) -> str:
    """Hex digest of bytes or of a file."""
    return hashlib.sha256(data.read_bytes() if isinstance(data, Path) else data).hexdigest()


def png_bytes(pixels: NDArray[Any]) -> bytes:
    """Encode H×W or H×W×3 uint8 or uint16 as PNG (RFC 2083), for Python builds without Pillow."""
    kinds = {("uint8", 2): (8, 0), ("uint16", 2): (16, 0), ("uint8", 3): (8, 2), ("uint16", 3): (16, 2)}
    bits, colour = kinds[(pixels.dtype.name, pixels.ndim)]
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).tobytes()
    stride = len(rows) // height
    raw = b"".join(b"\0" + rows[y * stride : (y + 1) * stride] for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b"")


def encode_rle(mask: NDArray[Any]) -> dict[str, Any]:
    """COCO's uncompressed run-length code of an H×W boolean mask: column by column, runs of 0 first."""
    flat = np.concatenate([[0], mask.astype(np.uint8).ravel(order="F"), [0]])
    edges = np.flatnonzero(np.diff(flat))
    runs = np.diff(np.concatenate([[0], edges, [mask.size]]))
    counts = runs if mask.size != (edges[-1] if len(edges) else 0) else runs[:-1]
    return {"counts": counts.tolist(), "size": list(mask.shape)}


def decode_rle(rle: dict[str, Any]) -> NDArray[Any]:
    """The H×W boolean mask of an uncompressed run-length code."""
    values = np.arange(len(rle["counts"])) % 2 == 1
    return np.repeat(values, rle["counts"]).reshape(rle["size"], order="F")


def mask_box(mask: NDArray[Any]) -> list[int]:
    """Tight box `[x, y, width, height]` of an H×W boolean mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]


def categories_from(names: Iterable[str]) -> list[Category]:
    """COCO categories for `names`, ids from 1 in the given order."""
    return [{"id": i, "name": name, "supercategory": "product"} for i, name in enumerate(names, start=1)]
