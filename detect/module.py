"""How a detector is trained: losses, optimiser and schedule."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from coldstart import training
from detect import schedules
from detect.groups import Opening, groups
from detect.recipe import Recipe

__all__ = ["DetectorModule"]


class DetectorModule(pl.LightningModule):
    """A torchvision detector under AdamW (Loshchilov & Hutter, arXiv 1711.05101) or SGD, as a `Recipe` says.

    Rate and momentum of every group, and all that torch draws at random in a step, follow from the number of the step
    and the seed. So the weights, their average and the optimiser's moments are all that a checkpoint must hold; and,
    where it is written between two batches of one step, the gradients so far.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe
        self.averaged = training.averaged(model, recipe.ema) if recipe.ema else None
        self.opening = Opening(0, 0, 0)
        self.waiting: dict[str, Tensor] = {}  # gradients of a checkpoint; Lightning forgets them until the first batch

    @property
    def final(self) -> nn.Module:
        """The detector to use: the average over the training if there is one (`ema`)."""
        return self.model if self.averaged is None else self.averaged.module

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimiser over what is not frozen for good, grouped by depth."""
        recipe = self.recipe
        grouped = groups(self.model, recipe.lr, recipe.layer_decay)
        self.opening = Opening(recipe.unfreeze, recipe.steps, len(grouped))
        if recipe.optimizer == "sgd":
            return torch.optim.SGD(grouped, recipe.lr, momentum=recipe.momentum[1], weight_decay=recipe.weight_decay)
        return torch.optim.AdamW(grouped, recipe.lr, weight_decay=recipe.weight_decay)

    def rate(self, at: int) -> float:
        """What the groups' own rates are multiplied by at step `at`, from 0."""
        return schedules.SCHEDULES[self.recipe.schedule](at, self.recipe.steps, self.recipe.warmup)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set what follows from the step's number."""
        while self.waiting:
            name, gradient = self.waiting.popitem()
            self.model.get_parameter(name).grad = gradient.to(self.device)
        recipe, at = self.recipe, self.global_step
        training.seed_step(recipe.seed, batch_idx, self.global_rank)
        low, high = recipe.momentum if recipe.schedule == "onecycle" else recipe.momentum[1:] * 2
        momentum = schedules.momentum(at, recipe.steps, recipe.warmup, low, high)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = group["base"] * self.rate(at) * self.opening.factor(group["depth"], at)
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum

    def training_step(self, batch: tuple[list[Tensor], list[dict[str, Tensor]]], batch_idx: int) -> Tensor:
        """Sum of the detector's losses on one batch.

        Raises:
            NotFinite: a loss is no longer a finite number.
        """
        pictures, targets = batch
        losses: dict[str, Tensor] = self.model(pictures, targets)
        remedy = f"the training has diverged; use a smaller lr= (it is {self.recipe.lr:g}) or precision=32-true"
        training.check_finite(losses, self.global_step + 1, remedy)
        loss = torch.stack(list(losses.values())).sum()
        self.log("loss", loss, prog_bar=True, batch_size=len(pictures))
        self.log_dict({f"loss/{name}": value for name, value in losses.items()}, batch_size=len(pictures))
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"], batch_size=len(pictures))
        return loss

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """A step, then one of the average."""
        super().optimizer_step(*arguments, **options)
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add how many batches went by, and gradients that wait for further ones."""
        checkpoint["batches"] = self.trainer.fit_loop.total_batch_idx + 1
        if checkpoint["batches"] % self.recipe.accumulate:
            checkpoint["gradients"] = {n: p.grad for n, p in self.model.named_parameters() if p.grad is not None}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with those."""
        self.waiting = checkpoint.get("gradients", {})
