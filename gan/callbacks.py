"""What happens beside the training: sample grids to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from coldstart.tracking import Run
from gan.data import Pair, Pictures, Pixels, Renders, from_tensor, to_pair
from gan.models import Model

__all__ = ["SampleGrids", "picture_grid", "sample_pairs"]

GAP = 4  # pixels between pictures of a grid


def sample_pairs(source: Renders, target: Pictures, count: int, stride: int) -> list[Pair]:
    """`count` pictures spread over each domain, each a batch of one.

    All are centre-cropped to the height and width that fit into every one of them (some lie, some stand), in whole
    `stride`s.
    """
    chosen = [
        [pictures[index] for index in np.linspace(0, len(pictures) - 1, count).round().astype(int)]
        for pictures in (source, target)
    ]
    height, width = (min(p.shape[side] for one in chosen for p in one) // stride * stride for side in (0, 1))

    def centre(pixels: Pixels) -> Pixels:
        y, x = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        return pixels[y : y + height, x : x + width]

    pairs = (to_pair(*map(centre, pair)) for pair in zip(*chosen, strict=True))
    return [Pair(*(part[None] for part in pair)) for pair in pairs]


def picture_grid(rows: Sequence[Sequence[Tensor]]) -> NDArray[np.uint8]:
    """Rows of 3×H×W pictures in [-1, 1], all of one size, as one H×W×3 picture with white between them."""
    pad = ((0, GAP), (0, GAP), (0, 0))
    lines = [np.hstack([np.pad(from_tensor(p), pad, constant_values=255) for p in row]) for row in rows]
    return np.vstack(lines)[:-GAP, :-GAP]


class SampleGrids(pl.Callback):
    """Every `every` steps, and at the last, writes the model's pictures of fixed `pairs` to `folder`, one row each."""

    def __init__(self, every: int, steps: int, pairs: list[Pair], *, folder: Path, run: Run) -> None:
        self.every, self.steps, self.pairs, self.folder, self.run = every, steps, pairs, folder, run

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Draw the grid if it is time."""
        assert isinstance(pl_module, Model)
        if (pl_module.step % self.every and pl_module.step != self.steps) or not trainer.is_global_zero:
            return
        pl_module.eval()  # as the generator will be used; and looking must not move batch norm's statistics
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            rows = [pl_module.pictures(Pair(*(part.to(pl_module.device) for part in pair))) for pair in self.pairs]
        pl_module.train()
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{pl_module.step:06d}.png"
        Image.fromarray(picture_grid([[column[0] for column in row] for row in rows])).save(file)
        self.run.images("samples", [file], [f"step {pl_module.step}: {pl_module.COLUMNS}"])
