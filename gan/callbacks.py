"""What happens beside the training: sample grids to look at, and the checkpoint to go on from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor

from coldstart.tracking import Run
from gan.data import Pictures, from_tensor, to_tensor
from gan.models import Translator

__all__ = ["LastCheckpoint", "SampleGrids", "sample_batch"]


def sample_batch(pictures: Pictures, count: int, size: tuple[int, int]) -> Tensor:
    """`count` pictures spread over the domain, centre-cropped to `size` (height, width), N×3×H×W in [-1, 1]."""
    chosen = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int)
    height, width = size
    crops = []
    for index in chosen:
        pixels = pictures[index]
        y, x = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        crops.append(to_tensor(pixels[y : y + height, x : x + width]))
    while len(crops) < count:
        crops.append(crops[-1])
    return torch.stack(crops)


class SampleGrids(pl.Callback):
    """Every `every` steps, and at the last, writes the model's pictures of fixed samples to `folder`, one row each."""

    GAP = 4  # pixels between pictures

    def __init__(self, every: int, steps: int, domains: tuple[Pictures, Pictures], *, folder: Path, run: Run) -> None:
        source, target = domains
        self.every, self.steps, self.folder, self.run = every, steps, folder, run
        first, second = source[0].shape, target[0].shape
        # Both domains in one grid: the size they share, in whole steps of the generator's stride.
        size = (min(first[0], second[0]) // 4 * 4, min(first[1], second[1]) // 4 * 4)
        self.source, self.target = sample_batch(source, 3, size), sample_batch(target, 3, size)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Draw the grid if it is time."""
        assert isinstance(pl_module, Translator)
        if (pl_module.step % self.every and pl_module.step != self.steps) or not trainer.is_global_zero:
            return
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            rows = [
                pl_module.pictures(source[None].to(pl_module.device), target[None].to(pl_module.device))
                for source, target in zip(self.source, self.target, strict=True)
            ]
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{pl_module.step:06d}.png"
        Image.fromarray(self._grid(rows)).save(file)
        self.run.images("samples", [file], [f"step {pl_module.step}: {pl_module.COLUMNS}"])

    def _grid(self, rows: list[list[Tensor]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
        pad = ((0, self.GAP), (0, self.GAP), (0, 0))
        lines = [np.hstack([np.pad(from_tensor(p[0]), pad, constant_values=255) for p in row]) for row in rows]
        return np.vstack(lines)[: -self.GAP, : -self.GAP]


class LastCheckpoint(pl.Callback):
    """Every `every` steps, and at the last, replaces `path` by the whole state of the training."""

    def __init__(self, path: Path, every: int, steps: int) -> None:
        self.path, self.every, self.steps = path, every, steps

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Save if it is time."""
        assert isinstance(pl_module, Translator)
        if pl_module.step % self.every == 0 or pl_module.step == self.steps:
            partial = self.path.with_name(f".{self.path.name}.partial")
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                partial.replace(self.path)
