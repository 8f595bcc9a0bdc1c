"""Measuring while training, on a part of the training data that is held out: what is kept, and when to stop."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from torch import Tensor, nn

from coldstart import groups, training
from coldstart.dataset import Annotation, Dataset, asked, categories_from, write_json
from coldstart.errors import UserError
from coldstart.split import choose
from detect import inference, scoring
from detect.data import read_picture
from detect.detectors import Checkpoint
from detect.letterbox import letterbox

__all__ = ["EarlyStopping", "HoldOutConfig", "divide"]


@dataclass(frozen=True)
class HoldOutConfig:
    """See `hold_out` in conf/detect_train.yaml."""

    fraction: float = 0.0
    every: int = 50
    patience: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise UserError(f"hold_out.fraction: {self.fraction} is not in [0, 1); 0 is off")
        if self.every < 1 or self.patience < 0:
            raise UserError("hold_out.every must be at least 1, hold_out.patience not below 0; 0 never stops")


def divide(folders: Sequence[Dataset], fraction: float, seed: int) -> tuple[list[Dataset], list[Dataset]]:
    """The same folders, once with the pictures to train on and once with those held out, a `fraction` of all of them.

    Pictures that belong together (copies, a session, a scene) stay together, as in `coldstart.split`, also where they
    lie in several folders, as renders and their translations do.

    Raises:
        UserError: there are too few pictures, or none that is held out has a box.
    """
    names = sorted({name for folder in folders for name in folder.class_names})
    joined = _joined(folders, names)
    numbers: list[dict[int, int]] = []
    for folder in folders:
        first = sum(map(len, numbers)) + 1
        numbers.append({image["id"]: first + k for k, image in enumerate(folder.images)})
    try:
        ids = choose(joined, 1 - fraction, seed, grouped=_grouped(folders, numbers))["test"]
    except UserError as error:
        where = ", ".join(str(folder.root) for folder in folders)
        raise UserError(f"hold_out.fraction={fraction}: {where}: {str(error).removeprefix('.: ')}") from None
    held = [{i for i, number in own.items() if number in ids} for own in numbers]
    if not any(asked(a) for folder, some in zip(folders, held, strict=True) for a in _part(folder, some).annotations):
        raise UserError(f"hold_out.fraction={fraction}: no held-out picture has a box; hold out more, or another seed=")
    kept = [_part(folder, set(own) - some) for folder, own, some in zip(folders, numbers, held, strict=True)]
    return kept, [_part(folder, some) for folder, some in zip(folders, held, strict=True)]


def _grouped(folders: Sequence[Dataset], numbers: Sequence[Mapping[int, int]]) -> list[list[int]]:
    """Groups of the pictures' `numbers` that stay together, within a folder and across folders."""
    links: list[list[int]] = []
    shared: dict[Hashable, list[int]] = defaultdict(list)
    for folder, own in zip(folders, numbers, strict=True):
        taken = groups.sessions(folder)
        links += [[own[i] for i in session] for session in taken if len(taken) > 1]  # a single one tells nothing apart
        for image in folder.images:
            for key in groups.picture_keys(folder, image):
                shared[key].append(own[image["id"]])
    return groups.connected([n for own in numbers for n in own.values()], [*links, *shared.values()])


def _part(folder: Dataset, ids: set[int]) -> Dataset:
    return replace(
        folder,
        images=[i for i in folder.images if i["id"] in ids],
        annotations=[a for a in folder.annotations if a["image_id"] in ids],
    )


class Measurement(NamedTuple):
    """COCO AP on the held-out pictures after `step` steps."""

    step: int
    AP: float


class EarlyStopping(pl.Callback):
    """Every `every` steps and at the last, measures AP on `held`, keeps the best weights, and may stop the training.

    `checkpoint` says what else makes the detector. Up to `from_step` it only measures: what the training is for may
    begin there. History and best weights are the state, so that a resumed training decides as an uninterrupted one.
    Writes held_out.json into `out`. Must come before `KeepCheckpoint`.
    """

    def __init__(
        self,
        config: HoldOutConfig,
        steps: int,
        held: Sequence[Dataset],
        checkpoint: Checkpoint,
        out: Path,
        *,
        from_step: int = 0,
    ) -> None:
        self.config, self.steps, self.checkpoint, self.out, self.from_step = config, steps, checkpoint, out, from_step
        self.truth = _joined(held, checkpoint.class_names)
        photos = (folder.path(image) for folder in held for image in folder.images)
        self.pictures = [letterbox(read_picture(photo), checkpoint.size) for photo in photos]
        self.history: list[Measurement] = []
        self.weights: dict[str, Tensor] = {}

    @property
    def best(self) -> Measurement:
        """The first of the highest AP so far."""
        return max(self.history, key=lambda m: m.AP)

    @property
    def stopped(self) -> bool:
        """Whether so many measurements brought nothing better."""
        since = [m for m in self.history if m.step > max(self.best.step, self.from_step)]
        return 0 < self.config.patience <= len(since)

    def state_dict(self) -> dict[str, Any]:
        """History and weights, plain numbers and tensors."""
        return {"history": [list(m) for m in self.history], "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after that history."""
        self.history = [Measurement(*row) for row in state_dict["history"]]
        self.weights = state_dict["weights"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A training that was stopped stays so."""
        trainer.should_stop = self.stopped

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Measure if it is time."""
        step = trainer.global_step
        due = training.ends_step(trainer, batch_idx) and (step % self.config.every == 0 or step == self.steps)
        if not due:
            return
        # The first process measures; all must come to the same decisions.
        ap = self._measure(trainer, pl_module.final) if trainer.is_global_zero else 0.0
        self.history.append(Measurement(step, trainer.strategy.broadcast(ap)))
        if self.best.step == step:
            self.weights = {name: t.detach().cpu().clone() for name, t in pl_module.final.state_dict().items()}
        trainer.should_stop = self.stopped
        if trainer.is_global_zero:
            self._tell(trainer)

    def conclude(self, module: Any) -> None:
        """Give `module.final` the best weights, and say so."""
        module.final.load_state_dict(self.weights)
        last = self.history[-1].step
        ended = f"stopped at step {last} of {self.steps}: no better AP in {self.config.patience} measurements; "
        print(f"{ended if last < self.steps else ''}kept: step {self.best.step}, AP {self.best.AP:.3f} held out")

    def _measure(self, trainer: pl.Trainer, model: nn.Module) -> float:
        checkpoint = replace(self.checkpoint, model=model.eval())
        ids = {c["name"]: c["id"] for c in self.truth.categories}
        device = next(model.parameters()).device
        predictions: list[dict[str, Any]] = []
        with trainer.precision_plugin.forward_context():
            for image, (framed, place) in zip(self.truth.images, self.pictures, strict=True):
                (found,) = inference.look(checkpoint, [(framed.to(device), place)])
                predictions += inference.results(found, image["id"], ids)
        model.train()
        truth = self.truth
        score = scoring.score(predictions, truth.images, truth.annotations, truth.categories, draws=0)
        return score.metrics["AP"] or 0.0

    def _tell(self, trainer: pl.Trainer) -> None:
        now, best = self.history[-1], self.best
        note = "the best so far" if best == now else f"the best is {best.AP:.3f} of step {best.step}"
        print(f"step {now.step}: AP {now.AP:.3f} on {len(self.pictures)} held-out pictures; {note}", flush=True)
        if trainer.logger is not None:
            trainer.logger.log_metrics({"held_out/AP": now.AP}, step=now.step)
        history = [m._asdict() for m in self.history]
        content = {"pictures": len(self.pictures), "best": best._asdict(), "stopped": self.stopped, "history": history}
        write_json(self.out / "held_out.json", content)


def _joined(folders: Sequence[Dataset], names: Sequence[str]) -> Dataset:
    """One dataset in memory, its images numbered from 1 in the folders' order and its classes those of `names`."""
    joined = Dataset(Path(), [], [], categories_from(names))
    for folder in folders:
        name = {c["id"]: c["name"] for c in folder.categories}
        grouped = folder.by_image()
        for image in folder.images:
            number = len(joined.images) + 1
            joined.images.append({**image, "id": number})
            for annotation in grouped[image["id"]]:
                category = names.index(name[annotation["category_id"]]) + 1
                other: Annotation = {"id": len(joined.annotations) + 1, "image_id": number, "category_id": category}
                joined.annotations.append({**annotation, **other})
    return joined
