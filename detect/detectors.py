"""The detectors, by name, and their checkpoints.

All are torch modules of one interface, torchvision's. They take a list of 3×H×W images in 0..1, already brought to the
training size. In training mode they also take targets (`boxes` N×4 as x1 y1 x2 y2 in pixels, `labels` from 0) and
return their losses by name; in evaluation mode they return the `boxes`, `scores` and `labels` of each image.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from coldstart import cli
from coldstart.dataset import write_atomic
from coldstart.errors import UserError
from detect.fcos import FcosLite0Config, fcos_lite0
from detect.resnet50 import ResNet50Config, fasterrcnn_r50_v2, retinanet_r50
from detect.rf_detr import RfDetrConfig, rf_detr
from detect.ssdlite import SsdLiteConfig, ssdlite

__all__ = ["DETECTORS", "Checkpoint", "build", "check", "load", "save", "write_weights"]


# name -> its config's dataclass, and what builds it for a number of classes
DETECTORS: dict[str, tuple[type[Any], Callable[[Any, int], nn.Module]]] = {
    "fcos_lite0": (FcosLite0Config, fcos_lite0),
    "ssdlite": (SsdLiteConfig, ssdlite),
    "retinanet_r50": (ResNet50Config, retinanet_r50),
    "fasterrcnn_r50_v2": (ResNet50Config, fasterrcnn_r50_v2),
    "rfdetr": (RfDetrConfig, rf_detr),
}


def check(config: Mapping[str, Any]) -> Any:
    """The typed config of a `detector=` group.

    Raises:
        UserError: the name is unknown, or a key is unknown or out of range.
    """
    name = config.get("name")
    if name not in DETECTORS:
        raise UserError(f"detector.name: no detector {name!r}; available: {', '.join(DETECTORS)}")
    return cli.typed(DETECTORS[name][0], dict(config), "detector")


def build(config: Any, classes: int) -> nn.Module:
    """The detector of a checked config for `classes` classes."""
    return DETECTORS[config.name][1](config, classes)


@dataclass(frozen=True)
class Checkpoint:
    """A trained detector and what one must know to use it: class names in label order, input [width, height]."""

    model: nn.Module
    config: Any
    class_names: list[str]
    size: tuple[int, int]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write weights and metadata as one safetensors file, atomically."""
    metadata = {
        "format": "coldstart detector 2",
        "detector": json.dumps(cli.plain(checkpoint.config)),
        "class_names": json.dumps(checkpoint.class_names, ensure_ascii=False),
        "size": json.dumps(checkpoint.size),
    }
    write_weights(path, checkpoint.model, metadata)


def write_weights(path: Path, model: nn.Module, metadata: dict[str, str]) -> None:
    """Write a module's tensors and `metadata` as one safetensors file, atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomic(path, to_bytes(tensors, metadata))


def load(path: str | Path) -> Checkpoint:
    """Read what `save` wrote; nothing is unpickled.

    Raises:
        UserError: the file is missing, is no safetensors file or none of ours, or its weights do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; give the detector.safetensors that detect.train wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: is not a safetensors file ({error}); give detect.train's detector.safetensors"
        ) from None
    if metadata.get("format") != "coldstart detector 2":
        raise UserError(f"{path}: was not written by detect.train; give its detector.safetensors")
    try:
        config = check({**json.loads(metadata["detector"]), "pretrained": False})
        class_names, (width, height) = json.loads(metadata["class_names"]), json.loads(metadata["size"])
        model = build(config, len(class_names))
        model.load_state_dict(tensors)
    except (KeyError, ValueError, TypeError, RuntimeError, UserError):
        raise UserError(f"{path}: its weights and its description do not fit each other; train it again") from None
    return Checkpoint(model.eval(), config, class_names, (width, height))
