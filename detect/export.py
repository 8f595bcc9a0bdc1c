"""Write a trained detector as ONNX, for programs without PyTorch.

    python -m detect.export checkpoint=outputs/detectors/a/detector.safetensors out=outputs/exported

Writes into `out`:
  detector.onnx   from a picture brought to the detector's own input size (which is fixed) to boxes, scores and labels;
                  how to bring it there, the class names and the rest are in the file's metadata
It is written only if onnxruntime finds the same boxes in it as PyTorch, to 1e-3 pixels, on `images` or on made-up
pictures. detect.predict takes it as its checkpoint.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from coldstart import cli, dataset, lineage, tracking
from coldstart.errors import UserError
from coldstart.progress import track
from detect import detectors, onnx_model
from detect.data import read_picture
from detect.detectors import Checkpoint
from detect.letterbox import letterbox

__all__ = ["ExportConfig", "difference", "export"]

TOLERANCE = 1e-3  # pixels of the frame, and of scores
MADE_UP = 8  # pictures


@dataclass(frozen=True)
class ExportConfig:
    """See conf/detect_export.yaml."""

    logger: tracking.LoggerConfig
    checkpoint: str
    out: str
    images: str | None = None
    count: int = 16

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UserError(f"count: {self.count} is below 1")


def export(config: ExportConfig) -> None:
    """Convert, compare, write.

    Raises:
        UserError: bad input, a detector that ONNX cannot express, or other boxes in onnxruntime; nothing is written.
    """
    checkpoint = detectors.load(config.checkpoint)
    if config.images is None:
        frames = _made_up(checkpoint.size)
    else:
        photos = dataset.list_photos(config.images)[: config.count]
        frames = [letterbox(read_picture(photo), checkpoint.size)[0] for photo in photos]
    content = onnx_model.to_bytes(checkpoint)
    compared, largest = difference(checkpoint, onnx_model.from_bytes(content, "the export"), frames)
    if largest == float("inf"):
        unsure = "; a detector that has learnt little is unsure of made-up pictures: give images=path/to/photos"
        unsure = "" if config.images else unsure
        raise UserError(f"{config.checkpoint}: onnxruntime finds another number of boxes than PyTorch{unsure}")
    if largest > TOLERANCE:
        raise UserError(f"{config.checkpoint}: onnxruntime's boxes are up to {largest:.2g} away from PyTorch's")
    out = Path(config.out)
    parents = {"checkpoint": config.checkpoint} | ({"images": config.images} if config.images else {})
    if lineage.claim(out, "detect.export", cli.plain(config), parents=parents):
        print(f"{out / 'detector.onnx'}: already there")
        return
    with tracking.start(config.logger, "detect.export", cli.plain(config), out) as run:
        dataset.write_atomic(out / "detector.onnx", content)
        run.summary({"compared": compared, "largest_difference": largest})
    lineage.complete(out, compared=compared, largest_difference=largest)
    width, height = checkpoint.size
    print(f"{out / 'detector.onnx'}: {len(content) / 1e6:.1f} MB, pictures of {width}×{height}")
    if compared:
        print(f"{compared} boxes on {len(frames)} pictures: onnxruntime at most {largest:.1e} from PyTorch")
    else:
        print("no box was found on the made-up pictures, so nothing was compared; give images=path/to/photos")


@torch.no_grad()
def difference(torch_detector: Checkpoint, onnx_detector: Checkpoint, frames: list[Tensor]) -> tuple[int, float]:
    """How many boxes PyTorch finds on 3×H×W uint8 frames, and how far onnxruntime's are at most.

    Far: the largest difference of a corner's coordinate in pixels, or of the score, to the nearest of the same label;
    infinite if their numbers differ. The order of equal scores does not matter.
    """
    ours, theirs = onnx_model.Framed(torch_detector).eval(), onnx_detector.model
    count, largest = 0, 0.0
    for frame in track(frames, "comparing", unit="image"):
        expected = [t.float() for t in ours(frame[None])]
        got = [t.float() for t in theirs([frame.float() / 255])[0].values()]
        if len(expected[0]) != len(got[0]):
            return count, float("inf")
        if not len(expected[0]):
            continue
        a, b = (
            torch.cat([boxes, scores[:, None], labels[:, None] * 1e6], dim=1)
            for boxes, scores, labels in (expected, got)
        )
        apart = torch.cdist(a, b, p=torch.inf)
        largest = max(largest, float(apart.amin(dim=0).max()), float(apart.amin(dim=1).max()))
        count += len(a)
    return count, largest


def _made_up(size: tuple[int, int]) -> list[Tensor]:
    """Frames of coloured blots from coarse to fine, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    frames = []
    for i in range(MADE_UP):
        cells = torch.rand(1, 3, 2 + 3 * i, 2 + 3 * i, generator=generator)
        frames.append((F.interpolate(cells, size[::-1], mode="nearest")[0] * 255).byte())
    return frames


if __name__ == "__main__":
    cli.run(export, ExportConfig, "detect_export", __doc__)
