"""The photo classifier: the detectors' backbone with one linear layer on it, and its checkpoint."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from coldstart import training
from coldstart.backbone import efficientnet_lite0, fold_batch_norm, standardised
from coldstart.errors import UserError
from coldstart.progress import track
from detect.boxes import Floats
from detect.detectors import write_weights
from detect.letterbox import letterbox

__all__ = ["Checkpoint", "Classifier", "Seen", "load", "look", "save"]

CHANNELS = 1280  # of EfficientNet-Lite0's pooled features
DROPOUT = 0.2  # as EfficientNet-B0's (Tan & Le 2019, arXiv 1905.11946, section 5.2)
BATCH = 32


class Classifier(nn.Module):
    """EfficientNet-Lite0 without batch norm, its pooled features, and a linear layer.

    Its interface is the detectors' (see `detect.detectors`): in training mode it takes a list of 3×H×W pictures in 0..1
    and targets whose `labels` hold the one class, from 0, and returns its loss by name. `features` and `head` are the
    two halves of it.
    """

    def __init__(self, classes: int, *, pretrained: bool = True) -> None:
        super().__init__()
        self.backbone = efficientnet_lite0(pretrained, pooled=True)
        fold_batch_norm(self.backbone)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(CHANNELS, classes)

    def features(self, pictures: Sequence[Tensor]) -> Tensor:
        """3×H×W pictures in 0..1, all of one size -> N×1280."""
        features: Tensor = self.backbone(standardised(2 * torch.stack(list(pictures)) - 1))
        return features

    def forward(self, pictures: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Cross-entropy over the classes, mean over the pictures."""
        logits = self.head(self.dropout(self.features(pictures)))
        labels = torch.cat([target["labels"] for target in targets])
        return {"classification": nn.functional.cross_entropy(logits.float(), labels)}


@dataclass(frozen=True)
class Checkpoint:
    """A trained classifier and what one must know to use it: class names in label order, input [width, height]."""

    model: Classifier
    class_names: list[str]
    size: tuple[int, int]


class Seen(NamedTuple):
    """Of N pictures: `probabilities` N×K in 0..1, and `features` N×1280, on which they rest."""

    probabilities: Floats
    features: Floats


@torch.no_grad()
def look(
    checkpoint: Checkpoint, pictures: Sequence[Tensor], accelerator: str = "auto", precision: str = "auto"
) -> Seen:
    """What a classifier makes of 3×H×W uint8 pictures of any size."""
    where, model = training.device(accelerator), checkpoint.model
    model.to(where).eval()
    probabilities, features = [], []
    for start in track(range(0, len(pictures), BATCH), "classifying", unit="batch"):
        framed = [letterbox(p, checkpoint.size)[0].to(where).float() / 255 for p in pictures[start : start + BATCH]]
        with training.autocast(precision, where):
            seen = model.features(framed)
            logits = model.head(seen)
        probabilities.append(logits.double().softmax(dim=1).cpu())
        features.append(seen.double().cpu())
    return Seen(torch.cat(probabilities).numpy(), torch.cat(features).numpy())


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write weights and metadata as one safetensors file, atomically."""
    metadata = {
        "format": "coldstart classifier 1",
        "class_names": json.dumps(checkpoint.class_names, ensure_ascii=False),
        "size": json.dumps(checkpoint.size),
    }
    write_weights(path, checkpoint.model, metadata)


def load(path: str | Path) -> Checkpoint:
    """Read what `save` wrote; nothing is unpickled.

    Raises:
        UserError: the file is missing or none of ours, or its weights do not fit.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        if metadata.get("format") != "coldstart classifier 1":
            raise ValueError("another format")
        names, (width, height) = json.loads(metadata["class_names"]), json.loads(metadata["size"])
        model = Classifier(len(names), pretrained=False)
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: is no classifier ({reason}); give detect.classify's classifier.safetensors") from None
    return Checkpoint(model.eval(), names, (width, height))
