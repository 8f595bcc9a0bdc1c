"""How a detector is trained: losses, optimiser and schedule."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from coldstart.errors import UserError

__all__ = ["DetectorModule"]


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
