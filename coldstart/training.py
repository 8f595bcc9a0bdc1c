"""What both training stages ask of Lightning: progress lines, checkpoints, the precision this machine is good at."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from coldstart.errors import UserError
from coldstart.mirror import Mirror
from coldstart.progress import Progress
from coldstart.tracking import Resumed, Run

__all__ = [
    "PRECISIONS",
    "KeepCheckpoint",
    "KeepRun",
    "NotFinite",
    "ProgressLines",
    "autocast",
    "averaged",
    "check_finite",
    "check_precision",
    "device",
    "ends_step",
    "fit",
    "load_weights",
    "precision",
    "quiet",
    "save",
    "saved_batches",
    "saved_run",
    "saved_steps",
    "seed_step",
    "trainer",
]

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


class NotFinite(UserError):
    """A loss or weight is NaN or infinite; the message names it and the step."""


class ProgressLines(pl.Callback):
    """Shows optimisation steps with rate, time left and what the module last logged for the progress bar."""

    def __init__(self, description: str, total: int) -> None:
        self.description, self.total = description, total
        self.progress: Progress | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin where a resumed run stands."""
        done = max(trainer.fit_loop.total_batch_idx + 1, 0) // trainer.accumulate_grad_batches
        self.progress = Progress(self.total, self.description, unit="step", initial=done)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """One step further, if the batch was its last."""
        if self.progress is not None and ends_step(trainer, batch_idx):
            values = trainer.progress_bar_metrics
            note = " ".join(f"{k}={v:.3f}" for k, v in values.items() if isinstance(v, float) and k != "v_num")
            self.progress.update(note=note)

    def on_train_end(self, *_: Any) -> None:
        """Leave the bar."""
        if self.progress is not None:
            self.progress.close()


class KeepCheckpoint(pl.Callback):
    """`save`s to `path` every `every` steps, at the last, where a callback before it stops the training, on SIGTERM.

    `per_step` is how many optimisers a training step moves, since Lightning counts those. What is saved is then copied
    to `mirror`, if there is one.
    """

    def __init__(self, path: Path, every: int, steps: int, per_step: int = 1, mirror: Mirror | None = None) -> None:
        self.path, self.every, self.steps, self.per_step, self.mirror = path, every, steps, per_step, mirror
        self._stopped = False

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save where it is due."""
        step = trainer.global_step // self.per_step
        # Several processes stop between two steps, each when it hears of the signal; they cannot save together then.
        stopping = trainer.should_stop or (trainer.received_sigterm and trainer.world_size == 1)
        due = ends_step(trainer, batch_idx) and (step % self.every == 0 or step == self.steps)
        if due or stopping:
            self._save(trainer)
        self._stopped = stopping

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Save if SIGTERM came after the end of the batch but before Lightning looked whether it had."""
        if isinstance(exception, SIGTERMException) and trainer.world_size == 1 and not self._stopped:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        step = trainer.global_step // self.per_step
        save(trainer, self.path, step)
        if self.mirror is not None and trainer.is_global_zero:
            self.mirror.push(self.path, step)


class KeepRun(pl.Callback):
    """Keeps in the checkpoint which run is logged to, and how far, for `saved_run` to go on with."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def state_dict(self) -> dict[str, Any]:
        """The run, if its logger knows of going on."""
        resumed = self.run.resumed()
        return resumed._asdict() if resumed else {}


def ends_step(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether a batch is the last of those whose gradients make one step."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def save(trainer: pl.Trainer, path: Path, step: int) -> None:
    """Replace `path` by the whole state of the training, which is after `step` steps.

    The file is at any time the one before or the one after, never half of it.

    Raises:
        NotFinite: a weight is not a finite number; `path` is left as it is.
    """
    for name, tensor in trainer.lightning_module.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise NotFinite(f"step {step}: a weight is not a finite number ({name})")
    partial = path.with_name(f".{path.name}.partial")
    trainer.save_checkpoint(partial)
    if trainer.is_global_zero:
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)


def saved_steps(path: Path, per_step: int = 1) -> int:
    """How many steps the checkpoint that `save` left at `path` has behind it; 0 if there is none.

    Raises:
        UserError: it cannot be read.
    """
    return int(_read(path)["global_step"]) // per_step if path.is_file() else 0


def saved_batches(path: Path) -> int:
    """How many batches a module that counts them in its checkpoints had seen when `save` wrote `path`; 0 without it.

    Raises:
        UserError: it cannot be read.
    """
    return int(_read(path)["batches"]) if path.is_file() else 0


def saved_run(path: Path) -> Resumed | None:
    """The run that `KeepRun` noted in the checkpoint at `path`, if there is one.

    Raises:
        UserError: it cannot be read.
    """
    noted = _read(path)["callbacks"].get("KeepRun") if path.is_file() else None
    return Resumed(**noted) if noted else None


def load_weights(path: Path, module: pl.LightningModule) -> None:
    """Give `module` the weights that it had when `save` wrote `path`.

    Raises:
        UserError: it cannot be read.
    """
    module.load_state_dict(_read(path)["state_dict"])


def _read(path: Path) -> dict[str, Any]:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        int(checkpoint["global_step"])
        return dict(checkpoint)
    except Exception as error:  # torch.load raises what the damaged bytes happen to lead to
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); remove it to train from the start") from None


def _check_fits(path: Path, module: pl.LightningModule) -> None:
    ours, theirs = (
        {name: tensor.shape for name, tensor in state.items()}
        for state in (module.state_dict(), _read(path)["state_dict"])
    )
    if ours != theirs:
        name = next(name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name))
        raise UserError(
            f"{path}: is of another revision of the code, whose networks differ (at {name}); "
            "remove it to train from the start, or go on with the revision that its card.json names"
        )


def check_finite(losses: Mapping[str, Tensor], step: int, remedy: str) -> None:
    """Stop before a broken number reaches the weights.

    Raises:
        NotFinite: a loss is NaN or infinite; names it and the `step`, and says the `remedy`.
    """
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    broken = [f"{name} {value:.3g}" for name, value in values.items() if not np.isfinite(value)]
    if broken:
        raise NotFinite(f"step {step}: a loss is not a finite number ({', '.join(broken)}); {remedy}")


def seed_step(seed: int, step: int, rank: int) -> None:
    """Give what torch draws in a step its own stream of chance: resuming needs no state of the generator."""
    sequence = np.random.SeedSequence([seed, step, rank])
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of `network` that becomes the exponential moving average of its weights by `update_parameters`.

    The average is `decay` · average + (1 − `decay`) · weights, and begins with the first weights it is given.
    """
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
    average.requires_grad_(False)
    return average


def precision(wanted: str = "auto", device: str | torch.device = "cpu") -> str:
    """Lightning's precision string: `auto` is bf16-mixed where `device` computes it natively, else 32-true.

    Raises:
        UserError: the device does not compute in what is wanted.
    """
    kind = torch.device(device).type
    if wanted == "16-mixed" and kind == "cpu":
        raise UserError("precision=16-mixed: needs a GPU; a CPU computes in bf16-mixed or 32-true")
    if wanted != "auto":
        return wanted
    if kind == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = kind == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if native else "32-true"


def check_precision(wanted: str) -> None:
    """Refuse what is no precision.

    Raises:
        UserError: it is none of `PRECISIONS`.
    """
    if wanted not in PRECISIONS:
        raise UserError(f"precision: {wanted!r} is none of {', '.join(PRECISIONS)}")


def autocast(wanted: str = "auto", device: str | torch.device = "cpu") -> torch.autocast:
    """The same choice as a context manager, for code that runs outside a Trainer."""
    name = precision(wanted, device)
    dtype = torch.float16 if name.startswith("16") else torch.bfloat16
    return torch.autocast(torch.device(device).type, dtype=dtype, enabled=name.endswith("mixed"))


def device(accelerator: str) -> torch.device:
    """The torch device of Lightning's names auto, cpu, gpu and mps.

    Raises:
        UserError: this machine has no such device.
    """
    there = {"cpu": True, "gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator == "auto":
        accelerator = next(name for name in ("gpu", "mps", "cpu") if there[name])
    if not there.get(accelerator):
        usable = ", ".join(name for name, yes in there.items() if yes)
        raise UserError(f"accelerator: {accelerator!r} is not one of auto, {usable}")
    return torch.device({"gpu": "cuda"}.get(accelerator, accelerator))


def trainer(accelerator: str, devices: int, wanted: str, max_steps: int, **options: Any) -> pl.Trainer:
    """A Trainer that leaves progress, checkpoints and logging to our callbacks; `wanted` is a precision.

    Raises:
        UserError: this machine has no such devices, or they cannot compute in that precision.
    """
    computed = precision(wanted, device(accelerator))
    try:
        return pl.Trainer(
            accelerator=accelerator,
            devices=devices,
            precision=computed,  # type: ignore[arg-type]
            max_steps=max_steps,
            max_epochs=1,
            logger=False,
            log_every_n_steps=10,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"accelerator={accelerator} devices={devices} precision={wanted}: {reason}") from None


def fit(trainer: pl.Trainer, module: pl.LightningModule, loader: Any, checkpoint: Any = None) -> None:
    """Train, from `checkpoint` on if there is one; Ctrl-C stays what it is, and nothing is unpickled.

    Raises:
        UserError: a number is not finite; names it, the step, and the last good checkpoint. Or `checkpoint` has not the
            weights of `module`.
    """
    if checkpoint is not None:
        _check_fits(Path(checkpoint), module)
    try:
        trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    except NotFinite as error:
        kept = [c for c in trainer.callbacks if isinstance(c, KeepCheckpoint)]  # type: ignore[attr-defined]
        good = [f"{c.path} of step {step}" for c in kept if (step := saved_steps(c.path, c.per_step))]
        raise UserError(f"{error}; the last good checkpoint: {good[0] if good else 'none was due yet'}") from None


def quiet() -> None:
    """Silence Lightning's banners and tips; errors and our own lines stay."""
    import logging
    import warnings

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", category=FutureWarning)
