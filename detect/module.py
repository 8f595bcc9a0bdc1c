"""How a detector is trained: losses, optimiser, schedule and the checkpoint to go on from."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from coldstart.errors import UserError

__all__ = ["DetectorModule", "KeepCheckpoint", "load_checkpoint"]


class DetectorModule(pl.LightningModule):
    """A torchvision detector under AdamW (Loshchilov & Hutter, arXiv 1711.05101) and a one-cycle learning rate.

    The rate rises to `lr` over the first `warmup` (a fraction) of `steps` and then falls to nothing along half a cosine
    (Smith & Topin, arXiv 1708.07120).
    """

    def __init__(self, model: nn.Module, lr: float, weight_decay: float, warmup: float, steps: int) -> None:
        super().__init__()
        self.model = model
        self.lr, self.weight_decay, self.warmup, self.steps = lr, weight_decay, warmup, steps

    def training_step(self, batch: tuple[list[Tensor], list[dict[str, Tensor]]], batch_idx: int) -> Tensor:
        """Sum of the detector's losses on one batch.

        Raises:
            UserError: the loss is no longer a finite number.
        """
        pictures, targets = batch
        losses: dict[str, Tensor] = self.model(pictures, targets)
        loss = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss is {loss.item()} at step {self.global_step + 1}: the training has diverged; "
                f"use a smaller lr= (it is {self.lr:g}) or precision=32-true"
            )
        self.log("loss", loss, prog_bar=True, batch_size=len(pictures))
        self.log_dict({f"loss/{name}": value for name, value in losses.items()}, batch_size=len(pictures))
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW over what is not frozen, stepped with its schedule."""
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            # One more than the steps: Lightning asks for the rate once more after the last.
            optimizer,
            max_lr=self.lr,
            total_steps=self.steps + 1,
            pct_start=self.warmup,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class KeepCheckpoint(pl.Callback):
    """Writes `path` every `every` steps, atomically."""

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save where it is due."""
        if trainer.global_step % self.every == 0:
            temporary = self.path.with_name(f".{self.path.name}.tmp")
            trainer.save_checkpoint(temporary)
            temporary.replace(self.path)


def load_checkpoint(path: Path) -> int:
    """How many steps the checkpoint at `path` has behind it; 0 if there is none.

    Raises:
        UserError: it cannot be read.
    """
    if not path.is_file():
        return 0
    try:
        return int(torch.load(path, map_location="cpu", weights_only=True)["global_step"])
    except Exception as error:  # torch.load raises what the damaged bytes happen to lead to
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); remove it to train from the start") from None
