"""Train a detector on synthetic images, real images, or both.

    python -m detect.train synthetic=[outputs/renders/a] real=[photos] mix=joint out=outputs/detectors/a

Reads dataset folders (annotations.json and images/), writes into `out`:
  detector.safetensors   weights, class names and input size, for detect.evaluate and detect.predict
  batch.png              one training batch with its boxes, as the detector sees it: look at it first
  last.ckpt              where an interrupted training goes on: give the same command again
Classes are matched by name over all folders.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from coldstart import cli, dataset, lineage, tracking, training
from coldstart.errors import UserError
from detect import data, detectors
from detect.augment import Augmentation, AugmentConfig
from detect.drawing import draw_batch
from detect.module import DetectorModule

__all__ = ["TrainConfig", "train"]


@dataclass(frozen=True)
class TrainConfig:
    """See conf/detect_train.yaml."""

    detector: dict[str, Any]
    logger: tracking.LoggerConfig
    out: str
    synthetic: Any = ()
    real: Any = ()
    mix: str = "auto"
    real_fraction: float = 0.25
    size: list[int] = field(default_factory=lambda: [312, 416])
    batch: int = 8
    steps: int = 350
    lr: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    gradient_clip: float = 5.0
    seed: int = 0
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    checkpoint_every: int = 50
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
    workers: int = 0

    def __post_init__(self) -> None:
        for key in ("synthetic", "real"):
            value = getattr(self, key)
            folders = [value] if isinstance(value, str) else value or []
            if not isinstance(folders, list | tuple) or not all(isinstance(folder, str) for folder in folders):
                raise UserError(f"{key}: {value!r} is not a list of folders; give {key}=[DIR,...]")
            object.__setattr__(self, key, list(folders))
        mixes = {(True, True): "joint", (True, False): "synthetic", (False, True): "real"}
        given = (bool(self.synthetic), bool(self.real))
        if given not in mixes:
            raise UserError("no training data; give synthetic=[DIR,...], real=[DIR,...] or both")
        if self.mix == "auto":
            object.__setattr__(self, "mix", mixes[given])
        if self.mix not in mixes.values():
            raise UserError(f"mix: {self.mix!r} is none of auto, joint, synthetic, real")
        for key in ("synthetic", "real"):
            if self.mix in ("joint", key) and not getattr(self, key):
                raise UserError(f"mix={self.mix} needs {key}=[DIR,...]")
        for name in ("batch", "steps", "checkpoint_every", "devices"):
            if getattr(self, name) < 1:
                raise UserError(f"{name}: {getattr(self, name)} is below 1")
        if len(self.size) != 2 or min(self.size) < 32:
            raise UserError(f"size: {self.size} is not [width, height] of at least 32 pixels each")
        if not self.lr > 0 or not self.gradient_clip > 0 or self.weight_decay < 0:
            raise UserError("lr and gradient_clip must be above 0, weight_decay not below")
        if not 0 < self.warmup < 1:
            raise UserError(f"warmup: {self.warmup} is not between 0 and 1")
        if self.precision not in training.PRECISIONS:
            raise UserError(f"precision: {self.precision!r} is none of {', '.join(training.PRECISIONS)}")
        if self.workers < 0 or self.seed < 0:
            raise UserError("workers and seed must not be below 0")
        if self.mix == "joint" and not 1 <= self.real_per_batch < self.batch:
            raise UserError(
                f"real_fraction: {self.real_fraction} of batch={self.batch} is {self.real_per_batch} real images; "
                f"mix=joint needs between 1 and {self.batch - 1}"
            )

    @property
    def real_per_batch(self) -> int:
        """How many images of each batch are real."""
        return {"joint": round(self.real_fraction * self.batch), "real": self.batch}.get(self.mix, 0)


def train(config: TrainConfig) -> None:
    """Train, or go on training, into `config.out`.

    Raises:
        UserError: bad input, found before anything is written; or a training that diverges.
    """
    detector = detectors.check(config.detector)
    out, size = Path(config.out), (config.size[0], config.size[1])
    synthetic = [dataset.load(folder) for folder in config.synthetic if config.mix != "real"]
    real = [dataset.load(folder) for folder in config.real if config.mix != "synthetic"]
    names = data.class_names([*synthetic, *real])
    if not any(data.targets(d.annotations) for d in (*synthetic, *real)):
        raise UserError(f"{', '.join(str(d.root) for d in (*synthetic, *real))}: no box to learn from")
    start = training.saved_steps(out / "last.ckpt")
    training.device(config.accelerator)
    training.quiet()
    trainer = training.trainer(
        config.accelerator,
        config.devices,
        config.precision,
        config.steps,
        gradient_clip_val=config.gradient_clip,
        use_distributed_sampler=False,  # the batches are seeded by rank
    )
    parents = {f"synthetic_{i}": d.root for i, d in enumerate(synthetic)}
    parents |= {f"real_{i}": d.root for i, d in enumerate(real)}
    if lineage.claim(out, "detect.train", cli.plain(config), parents=parents):
        print(f"{out / 'detector.safetensors'}: already trained")
        return
    samples = [[sample for d in some for sample in data.read(d, names, size)] for some in (synthetic, real)]
    quota = (config.batch - config.real_per_batch, config.real_per_batch)
    print(
        f"{len(samples[0])} synthetic and {len(samples[1])} real images, {quota[0]} + {quota[1]} in each batch; "
        f"{len(names)} classes: {', '.join(names)}"
    )
    counts, seed = (len(samples[0]), len(samples[1])), [config.seed, trainer.global_rank]
    batches = data.Batches(counts, quota, config.steps, seed, start)
    loader = data.loader(samples[0] + samples[1], Augmentation(config.augment, size), batches, config.workers)
    torch.manual_seed(config.seed)
    model = detectors.build(detector, len(names))
    module = DetectorModule(model, config.lr, config.weight_decay, config.warmup, config.steps)
    with tracking.start(config.logger, "detect.train", cli.plain(config), out) as run:
        if not start:
            draw_batch(next(iter(loader)), names, out / "batch.png")
            run.images("batch", [out / "batch.png"])
        trainer.logger = run.lightning() or None
        trainer.callbacks += [  # type: ignore[attr-defined]
            training.KeepCheckpoint(out / "last.ckpt", config.checkpoint_every, config.steps),
            training.ProgressLines("training", config.steps),
        ]
        training.fit(trainer, module, loader, out / "last.ckpt" if start else None)
        detectors.save(out / "detector.safetensors", detectors.Checkpoint(model, detector, names, size))
    lineage.complete(out)
    print(f"{out / 'detector.safetensors'}: trained for {config.steps} steps")


if __name__ == "__main__":
    cli.run(train, TrainConfig, "detect_train", __doc__)
