"""Run a trained detector on pictures of any size; boxes come back in the pictures' own pixels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import nms

from coldstart import training
from coldstart.formats.files import stored_size
from coldstart.progress import track
from detect.data import read_picture
from detect.detectors import Checkpoint
from detect.letterbox import Letterbox, letterbox

__all__ = ["Detection", "best", "check_picture", "detect", "detect_pixels", "look", "results"]


TOGETHER = 4  # pictures that go through the network at once: on a CPU an eighth faster than one by one


@dataclass(frozen=True)
class Detection:
    """One box `[x, y, width, height]` in pixels, its class name and score in 0..1."""

    box: list[float]
    name: str
    score: float


def check_picture(path: Path) -> None:
    """Check that a picture can be read to its end, and has 8 bits.

    Raises:
        UserError: it cannot, or has not.
    """
    stored_size(path)


def detect(
    checkpoint: Checkpoint, photos: Sequence[Path], accelerator: str = "auto", precision: str = "auto"
) -> Iterator[list[Detection]]:
    """The detections on each photo, best first."""
    pictures = (read_picture(photo) for photo in track(photos, "detecting", unit="image"))
    yield from detect_pixels(checkpoint, pictures, accelerator, precision)


def detect_pixels(
    checkpoint: Checkpoint, pictures: Iterable[Tensor], accelerator: str = "auto", precision: str = "auto"
) -> Iterator[list[Detection]]:
    """The same on 3×H×W uint8 pictures, of which a few are in memory at a time."""
    where = training.device(accelerator)
    checkpoint.model.to(where).eval()
    waiting = iter(pictures)
    while some := list(islice(waiting, TOGETHER)):
        framed = [letterbox(picture, checkpoint.size) for picture in some]
        with training.autocast(precision, where):
            found = look(checkpoint, [(frame.to(where), place) for frame, place in framed])
        yield from found


@torch.no_grad()
def look(checkpoint: Checkpoint, framed: Sequence[tuple[Tensor, Letterbox]]) -> list[list[Detection]]:
    """The detections, best first, on each 3×H×W picture brought to the input size; boxes as before that.

    The model is on the pictures' device and in evaluation mode.
    """
    outputs = checkpoint.model([frame.float() / 255 for frame, _ in framed])
    return [_found(checkpoint, output, place) for output, (_, place) in zip(outputs, framed, strict=True)]


def _found(checkpoint: Checkpoint, output: dict[str, Tensor], place: Letterbox) -> list[Detection]:
    kept = best(output, checkpoint.config.agnostic_nms)
    boxes = place.inverse(output["boxes"][kept]).cpu()
    boxes[:, 2:] -= boxes[:, :2]
    rows = zip(boxes.tolist(), output["labels"][kept].tolist(), output["scores"][kept].tolist(), strict=True)
    return [Detection(box, checkpoint.class_names[label], score) for box, label, score in rows]


def best(output: dict[str, Tensor], iou: float | None) -> Tensor:
    """Indices that stay, best first: of two boxes of different classes on one object, the weaker goes."""
    if iou is None:
        return output["scores"].argsort(descending=True)
    return nms(output["boxes"], output["scores"], iou)


def results(found: Sequence[Detection], image_id: int, category_ids: dict[str, int]) -> list[dict[str, Any]]:
    """COCO results of one image; classes without a category id are left out."""
    return [
        {"image_id": image_id, "category_id": category_ids[d.name], "bbox": d.box, "score": d.score}
        for d in found
        if d.name in category_ids
    ]
