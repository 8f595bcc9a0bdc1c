"""Detectors as ONNX: one graph from a framed picture to boxes, and the same graph run by onnxruntime.

The input `picture` is 1×3×height×width uint8 RGB, of one fixed size, as `detect.letterbox` brings it there. The outputs
are `boxes` N×4 (x1 y1 x2 y2 in pixels of that frame), `scores` N in 0..1, best first, and `labels` N, from 0; N varies.
Normalisation and all suppression of overlapping boxes are inside. The file's metadata say the rest.
"""

import io
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from coldstart import cli
from coldstart.errors import UserError
from detect import detectors, inference
from detect.detectors import Checkpoint
from detect.letterbox import GREY

__all__ = ["Framed", "OnnxModel", "from_bytes", "load", "load_either", "to_bytes"]

FORMAT = "coldstart detector onnx 1"
OPSET = 17
OUTPUTS = ("boxes", "scores", "labels")


class Framed(nn.Module):
    """A detector from uint8 pixels to what stays of its boxes, as `detect.inference.look` takes it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.model, self.iou = checkpoint.model, checkpoint.config.agnostic_nms

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the top of this file."""
        output: dict[str, Tensor] = self.model([picture[0].float() / 255])[0]
        kept = inference.best(output, self.iou)
        return output["boxes"][kept], output["scores"][kept], output["labels"][kept]


class OnnxModel(nn.Module):
    """The graph, run by onnxruntime on the CPU, with the interface of `detect.detectors` for one picture at a time."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        """3×H×W images in 0..1 whose values are whole 255ths -> their detections."""
        pixels = [(image * 255).round().to(torch.uint8)[None].cpu().numpy() for image in images]
        found = [self.session.run(list(OUTPUTS), {"picture": p}) for p in pixels]
        return [{name: torch.from_numpy(array) for name, array in zip(OUTPUTS, one, strict=True)} for one in found]


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The ONNX file of a detector, which is in float32 on the CPU.

    Raises:
        UserError: the package `onnx` is missing, or the detector is `rfdetr`.
    """
    if checkpoint.config.name == "rfdetr":  # it scales position codes by an antialiased bicubic, which ONNX has not
        raise UserError(
            "detector rfdetr cannot be exported to ONNX; fcos_lite0, ssdlite, retinanet_r50 and fasterrcnn_r50_v2 can"
        )
    onnx = _package("onnx")
    width, height = checkpoint.size
    buffer = io.BytesIO()
    torch.manual_seed(0)
    sample = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on values that tracing fixes: sizes, which are fixed
        torch.onnx.export(
            Framed(checkpoint).eval(),
            (sample,),
            buffer,  # type: ignore[arg-type]
            dynamo=False,  # torch.export does not take torchvision's detectors (pytorch/vision issue 9306)
            opset_version=OPSET,
            input_names=["picture"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "detections"} for name in OUTPUTS},
        )
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(graph, _metadata(checkpoint))
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString()
    return content


def _metadata(checkpoint: Checkpoint) -> dict[str, str]:
    width, height = checkpoint.size
    return {
        "format": FORMAT,
        "detector": json.dumps(cli.plain(checkpoint.config)),
        "class_names": json.dumps(checkpoint.class_names, ensure_ascii=False),
        "size": json.dumps([width, height]),
        "preprocessing": (
            f"RGB uint8; scale by min({width} / width, {height} / height), both sides rounded, bilinear with "
            f"antialiasing; put it in the middle of {width}×{height} filled with {GREY}, borders floor(rest / 2) left "
            "and top; 1×3×height×width. Nothing else: normalisation is in the graph."
        ),
        "postprocessing": (
            "boxes are x1 y1 x2 y2 in pixels of that frame: subtract the borders, divide by the scale, clip to the "
            "picture; drop scores below your threshold. labels count class_names from 0. No NMS: it is in the graph."
        ),
    }


def from_bytes(content: bytes, where: str) -> Checkpoint:
    """A detector that onnxruntime runs; `where` names it in errors.

    Raises:
        UserError: the package `onnxruntime` is missing, or this is no file that `to_bytes` made.
    """
    runtime = _package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # its own choice knows nothing of OMP_NUM_THREADS
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common base
        reason = " ".join(str(error).split())
        raise UserError(f"{where}: cannot be read as ONNX ({reason})") from None
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("format") != FORMAT:
        raise UserError(f"{where}: was not written by detect.export; give its detector.onnx")
    try:
        config = detectors.check(json.loads(metadata["detector"]))
        class_names, (width, height) = json.loads(metadata["class_names"]), json.loads(metadata["size"])
    except (KeyError, ValueError, TypeError):
        raise UserError(f"{where}: its metadata are damaged; export it again") from None
    return Checkpoint(OnnxModel(session), config, class_names, (width, height))


def load(path: str | Path) -> Checkpoint:
    """Read what `detect.export` wrote; as `from_bytes`."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give detect.export's detector.onnx") from None
    return from_bytes(content, str(path))


def load_either(path: str | Path) -> Checkpoint:
    """Read what detect.export wrote if it ends with .onnx, else what detect.train wrote."""
    return load(path) if Path(path).suffix == ".onnx" else detectors.load(path)


def _package(name: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"ONNX needs the package {name} ({error}); pip install 'coldstart-vision[onnx]'") from None
