"""Train a detector on synthetic images, real images, or both (docs/training.md).

    python -m detect.train synthetic=[outputs/renders/a] real=[photos] mix=joint out=outputs/detectors/a

Reads dataset folders (annotations.json and images/), writes into `out`:
  detector.safetensors   weights, class names and input size, for detect.evaluate and detect.predict
  batch.png              one training batch with its boxes, as the detector sees it: look at it first
  held_out.json          with hold_out.fraction, the AP measured while training
  last.ckpt              where an interrupted training goes on: give the same command again
Classes are matched by name over all folders. Which learning rate to take: python -m detect.lr.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.data import DataLoader

from coldstart import cli, dataset, leaks, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.mirror import Mirror
from coldstart.sweep.goal import Checked, Goal
from detect import data, detectors
from detect.augment import Augmentation, AugmentConfig
from detect.class_weights import class_weights, weigh
from detect.drawing import draw_batch
from detect.habit import Habit
from detect.held_out import EarlyStopping, HoldOutConfig, divide
from detect.letterbox import check_size
from detect.mix import Mix
from detect.module import DetectorModule
from detect.recipe import Recipe

__all__ = ["Material", "TrainConfig", "prepare", "train"]

DETECTOR = "detector.safetensors"


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Mix, Recipe):
    """See conf/detect_train.yaml."""

    detector: dict[str, Any]
    logger: tracking.LoggerConfig
    out: str
    size: list[int] = field(default_factory=lambda: [312, 416])
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    habit: Habit = field(default_factory=Habit)
    class_weights: Any = None
    hold_out: HoldOutConfig = field(default_factory=HoldOutConfig)
    checkpoint_every: int = 50
    mirror: str | None = None
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
    workers: int = 0

    def __post_init__(self) -> None:
        Mix.__post_init__(self)
        Recipe.__post_init__(self)
        if self.augment.copy_paste and self.mix in ("synthetic", "real"):
            raise UserError(f"augment.copy_paste: needs renders and photos, but mix={self.mix}")
        for name in ("checkpoint_every", "devices"):
            if getattr(self, name) < 1:
                raise UserError(f"{name}: {getattr(self, name)} is below 1")
        check_size(self.size)
        training.check_precision(self.precision)
        if self.workers < 0:
            raise UserError(f"workers: {self.workers} is below 0")


class Material(NamedTuple):
    """What is trained on, read and checked; the detector that learns is built by `model`."""

    config: TrainConfig
    detector: Any
    names: list[str]
    synthetic: list[dataset.Dataset]
    real: list[dataset.Dataset]
    held: list[dataset.Dataset]
    weights: list[float]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the detector's input."""
        return self.config.size[0], self.config.size[1]

    def parents(self) -> dict[str, Path]:
        """The folders, held-out parts included, by the names that a card gives them."""
        found = {f"synthetic_{i}": d.root for i, d in enumerate(self.synthetic)}
        return found | {f"real_{i}": d.root for i, d in enumerate(self.real)}

    def counts(self) -> dict[str, int]:
        """How much there is to learn from."""
        return {
            "classes": len(self.names),
            "images/synthetic": sum(len(d.images) for d in self.synthetic),
            "images/real": sum(len(d.images) for d in self.real),
        }

    def batches(self, rank: int, start: int) -> DataLoader[Any]:
        """Batches from number `start` on."""
        config, steps = self.config, self.config.steps * self.config.accumulate
        masks = config.augment.copy_paste > 0
        samples = [
            [sample for d in some for sample in data.read(d, self.names, self.size, masks=masks)]
            for some in (self.synthetic, self.real)
        ]
        phases = config.phases(steps)
        then = [f", from batch {first + 1} on {quota[0]} + {quota[1]}" for first, quota in phases]
        print(
            f"{len(samples[0])} synthetic and {len(samples[1])} real images, "
            f"{config.quota[0]} + {config.quota[1]} in each batch{''.join(then)}; "
            f"{len(self.names)} classes: {', '.join(self.names)}"
        )
        counts, seed = (len(samples[0]), len(samples[1])), [config.seed, rank]
        batches = data.Batches(counts, config.quota, steps, seed, start, weights=self.weights, phases=phases)
        return data.loader(samples[0] + samples[1], Augmentation(config.augment, self.size), batches, config.workers)

    def model(self) -> nn.Module:
        """The detector as its training begins.

        Raises:
            UserError: `class_weights` do not fit the classes or the detector.
        """
        torch.manual_seed(self.config.seed)
        model = detectors.build(self.detector, len(self.names))
        labels = [label for d in (*self.synthetic, *self.real) for label in data.labels(d, self.names)]
        weights = class_weights(self.config.class_weights, self.names, torch.tensor(labels))
        if weights is not None:
            weigh(model, weights)
        return model


def prepare(config: TrainConfig) -> Material:
    """Open what is to be trained on.

    Raises:
        UserError: bad input.
    """
    detector = detectors.check(config.detector)
    synthetic = [config.habit(dataset.load(folder)) for folder in config.synthetic if config.mix != "real"]
    real = [dataset.load(folder) for folder in config.real if config.mix != "synthetic"]
    names = data.class_names([*synthetic, *real])
    if config.leak_check:  # of all of them: what is held out here chooses the detector
        leaks.refuse_leaks([*synthetic, *real], config.out, config.held_out)
    held: list[dataset.Dataset] = []
    if config.hold_out.fraction:
        if real:
            real, held = divide(real, config.hold_out.fraction, config.seed)
        else:
            synthetic, held = divide(synthetic, config.hold_out.fraction, config.seed)
    if not any(data.targets(d.annotations) for d in (*synthetic, *real)):
        raise UserError(f"{', '.join(str(d.root) for d in (*synthetic, *real))}: no box to learn from")
    weights = config.weights(synthetic, real)
    training.device(config.accelerator)
    return Material(config, detector, names, synthetic, real, held, weights)


def train(config: TrainConfig) -> None:
    """Train, or go on training, into `config.out`.

    Raises:
        UserError: bad input, found before anything is written; or a training that diverges.
    """
    out = Path(config.out)
    material = prepare(config)
    module = DetectorModule(material.model(), config)
    mirror = Mirror(config.mirror) if config.mirror else None
    training.quiet()
    trainer = training.trainer(
        config.accelerator,
        config.devices,
        config.precision,
        config.steps,
        **config.per_step,
        use_distributed_sampler=False,  # the batches are seeded by rank
    )
    if lineage.claim(out, "detect.train", cli.plain(config), parents=material.parents()):
        print(f"{out / DETECTOR}: already trained")
        return
    last = out / "last.ckpt"
    results = [DETECTOR, *(["held_out.json"] if material.held else [])]
    if mirror and mirror.restore(out, last, training.saved_steps(last), results):
        lineage.complete(out)
        print(f"{out / DETECTOR}: already trained, fetched from {config.mirror}")
        return
    start = training.saved_batches(last)
    try:
        loader = material.batches(trainer.global_rank, start)
    except UserError:  # a picture that ends too early; without it the folder is free
        lineage.withdraw(out)
        raise
    result = detectors.Checkpoint(module.final, material.detector, material.names, material.size)
    stopping = []
    if material.held:
        last_phase = max((first for first, _ in config.phases(config.steps)), default=0)
        stopping = [EarlyStopping(config.hold_out, config.steps, material.held, result, out, from_step=last_phase)]
    with tracking.start(config.logger, "detect.train", cli.plain(config), out, training.saved_run(last)) as run:
        if not (out / "batch.png").is_file():
            draw_batch(next(iter(loader)), material.names, out / "batch.png")
            run.images("batch", [out / "batch.png"])
        trainer.logger = run.lightning() or None
        trainer.callbacks += [  # type: ignore[attr-defined]
            *stopping,
            training.KeepRun(run),
            training.KeepCheckpoint(last, config.checkpoint_every, config.steps, mirror=mirror),
            training.ProgressLines("training", config.steps),
        ]
        training.fit(trainer, module, loader, last if start else None)
        for callback in stopping:
            callback.conclude(module)
        detectors.save(out / DETECTOR, result)
        best = {"held_out/AP": stopping[0].best.AP} if stopping else {}
        run.summary({**material.counts(), "steps": trainer.global_step, **best})
    lineage.complete(out)
    if mirror and trainer.is_global_zero:
        mirror.finish(out, results)
    print(f"{out / DETECTOR}: trained for {trainer.global_step} steps")


def check_sweep(config: TrainConfig) -> Checked:
    """What trials of these settings learn from, and the pictures and boxes that they are compared on.

    Raises:
        UserError: bad input, or nothing is held out.
    """
    if not config.hold_out.fraction:
        raise UserError(
            "hold_out.fraction: trials are compared by AP on pictures that none of them learns from; "
            "give hold_out.fraction=0.3, say"
        )
    material = prepare(config)
    held: list[str] = []
    for folder in material.held:
        boxes = {i: [(a["category_id"], a["bbox"]) for a in some] for i, some in folder.by_image().items()}
        held += [f"{folder.path(image)} {boxes[image['id']]}" for image in folder.images]
    return Checked(material.parents(), frozenset(held))


GOAL = Goal(
    measure="AP",
    direction="maximize",
    file="held_out.json",
    on="pictures that hold_out keeps out of the training",
    then="python -m detect.evaluate checkpoint={out}/detector.safetensors data=path/to/test out=outputs/score",
    touches=("real", "synthetic", "mix", "habit", "hold_out", "seed"),
    check=check_sweep,
    value=lambda config, best: float(best["AP"]),
)

if __name__ == "__main__":
    cli.run(train, TrainConfig, "detect_train", __doc__, GOAL)
