"""Pictures that are stored turned or mirrored, with an EXIF tag that says how to show them, and their boxes."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import ExifTags
from PIL import Image as Picture

from coldstart.dataset import Annotation, Image
from coldstart.pictures import turned

__all__ = ["turned_box", "upright_annotations", "upright_bytes"]

QUALITY = 95  # of a JPEG that is stored anew
PLACED = ("segmentation", "amodal_segmentation", "amodal_bbox", "keypoints")  # what else refers to pixels


def upright_bytes(path: Path) -> bytes:
    """The picture as it is shown, in its own file format, the tag gone."""
    with Picture.open(path) as picture:
        # MPO: what phones store for HDR, a JPEG with a second picture inside that few programs show.
        kind = "JPEG" if picture.format == "MPO" else picture.format
        upright, exif = turned(picture), picture.getexif()
    exif.pop(ExifTags.Base.Orientation, None)
    try:
        told = exif.tobytes()
    except (TypeError, ValueError, struct.error):  # a tag in it is of another type than it should
        told = b""
    buffer = io.BytesIO()
    upright.save(buffer, kind, exif=told, **({"quality": QUALITY} if kind == "JPEG" else {}))
    return buffer.getvalue()


def turned_box(box: Sequence[float], orientation: int, width: int, height: int) -> list[float]:
    """A box `[x, y, width, height]` in `width`×`height` stored pixels, in those EXIF `orientation` (1 to 8) shows."""
    x, y, w, h = box
    right, bottom = width - x - w, height - y - h  # what is left of the picture beyond the box
    return {
        1: [x, y, w, h],
        2: [right, y, w, h],
        3: [right, bottom, w, h],
        4: [x, bottom, w, h],
        5: [y, x, h, w],
        6: [bottom, x, h, w],
        7: [bottom, right, h, w],
        8: [y, right, h, w],
    }[orientation]


def upright_annotations(
    annotations: Sequence[Annotation], image: Image, stored: tuple[int, int], orientation: int
) -> list[Annotation]:
    """The annotations of a turned picture in the pixels that are shown.

    Boxes are meant for the pixels whose size the record states; where both sizes are equal, for the stored ones.
    Outlines and masks are dropped if boxes turn.
    """
    if (image["width"], image["height"]) != stored:
        return list(annotations)
    return [
        {**{k: v for k, v in a.items() if k not in PLACED}, "bbox": turned_box(a["bbox"], orientation, *stored)}  # type: ignore[typeddict-item]
        for a in annotations
    ]
