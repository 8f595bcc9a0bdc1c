"""Weights of detectors from files on this machine: nothing is downloaded, nothing unpickled but tensors."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from coldstart.errors import UserError

__all__ = ["load_local"]


def load_local(path: Path, module: nn.Module, heads: Sequence[str], name: str) -> None:
    """Give `module` the tensors of a .pth file, but for those whose names contain one of `heads`, which stay.

    Raises:
        UserError: the file is missing, unreadable, or of another network than `name`.
    """
    if not path.is_file():
        raise UserError(f"detector.weights: {path}: no such file")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # RF-DETR's files carry their settings
            content = torch.load(path, map_location="cpu", weights_only=True)
        theirs: dict[str, Tensor] = content.get("model", content)
        ours = module.state_dict()
        kept = {key: ours[key] if any(head in key for head in heads) else theirs[key] for key in ours}
        module.load_state_dict(kept)
    except Exception as error:  # torch.load raises what the damaged bytes happen to lead to
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: holds no weights of {name} ({type(error).__name__}: {reason})") from None
    print(f"{name}: starts from {path}")
