"""What tests of resuming share: a whole checkpoint, compared bit for bit."""

from pathlib import Path
from typing import Any

import torch


def state(out: Path, file: str = "last.ckpt") -> dict[str, Any]:
    """All of a checkpoint but Lightning's own counters."""
    checkpoint = torch.load(out / file, weights_only=True)
    keys = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "callbacks")
    return {k: checkpoint[k] for k in keys} | {"pools": checkpoint.get("pools")}


def same(a: Any, b: Any, where: str = "") -> None:
    """Fails at the first value that differs, tensors bit for bit."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for index, pair in enumerate(zip(a, b, strict=True)):
            same(*pair, f"{where}[{index}]")
    else:
        assert a == b, where
