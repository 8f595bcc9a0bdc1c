"""Stage 2, training: learn to carry renders into the look of photos (docs/translators.md).

    python -m gan.train source=outputs/renders/a target=photos out=outputs/gan/a
    python -m gan.train model=cyclegan_small steps=3000 source=… target=… out=…      # a CPU's evening
    python -m gan.train model=pix2pix_small source=… target=… out=…                  # pairs of equal file names
    python -m gan.train model.generator.base=32 model.generator.blocks=4 crop=128 …  # any part of a model's config

`source` is a dataset folder, `target` a dataset folder or a plain folder of photos. Every so often the generator is
measured on renders that are kept out of the training (docs/measuring.md). Writes the best one so measured and the last,
generator.safetensors and generator_last.safetensors, for gan.translate; measures.json and .png; samples/ to look at;
best.ckpt, and last.ckpt: the same command after an interruption goes on from there.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from omegaconf import MISSING
from torch.utils.data import DataLoader

from coldstart import cli, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.holdout import refuse_test_photos
from gan.callbacks import SampleGrids, sample_pairs
from gan.checkpoint import GENERATOR_FILES, save_generator
from gan.crops import Crops, From
from gan.data import open_domains
from gan.held_out import divide
from gan.measuring import Measuring
from gan.models import MODELS, Translator
from gan.pairing import PAIRINGS
from gan.selection import MeasureConfig

__all__ = ["TrainConfig", "train"]

SAMPLES = 3  # rows of a sample grid


@dataclass(frozen=True)
class TrainConfig:
    """See conf/gan_train.yaml."""

    source: str = MISSING
    target: str = MISSING
    out: str = MISSING
    model: dict[str, Any] = field(default_factory=dict)
    steps: int = 20000
    batch: int = 1
    crop: int = 256
    pairing: str = "unpaired"
    epoch: int = 1
    seed: int = 0
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    sample_every: int = 500
    save_every: int = 500
    workers: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "auto"
    logger: tracking.LoggerConfig = field(default_factory=tracking.LoggerConfig)

    def __post_init__(self) -> None:
        for key in ("steps", "batch", "epoch", "sample_every", "save_every", "devices"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: must be at least 1, got {getattr(self, key)}")
        if self.crop < 32:
            raise UserError(f"crop: must be at least 32, got {self.crop}")
        if self.pairing not in PAIRINGS:
            raise UserError(f"pairing: {self.pairing!r} is none of {', '.join(PAIRINGS)}")
        if self.seed < 0 or self.workers < 0:
            raise UserError(f"seed and workers must not be negative, got {self.seed} and {self.workers}")
        if self.precision not in training.PRECISIONS:
            raise UserError(f"precision: {self.precision!r} is none of {', '.join(training.PRECISIONS)}")


def train(config: TrainConfig) -> None:
    """Train, or go on training, in `config.out`.

    Raises:
        UserError: bad config or input, `out` holding another config's data, or a loss that is not finite.
    """
    name = config.model.get("name")
    if name not in MODELS:
        raise UserError(f"model.name: {name!r} is none of {', '.join(MODELS)}")
    settings: Any = cli.typed(MODELS[name].Config, config.model, "model")
    out = Path(config.out)
    torch.manual_seed(config.seed)
    model: Translator = MODELS[name](settings, config.steps, config.seed, config.epoch)
    if config.crop % model.generator.stride:
        raise UserError(f"crop: must be a multiple of {model.generator.stride} for this generator, got {config.crop}")
    refuse_test_photos(config.target, out)
    aligned, guide = config.pairing == "aligned", model.generator.guide
    everything = open_domains(config.source, config.target, config.crop, aligned=aligned, guide=guide)
    wanted = config.measure.renders if config.measure.every else 0
    domains, held = divide(*everything, wanted=wanted, seed=config.seed, aligned=aligned)
    training.quiet()
    most = config.steps * model.OPTIMIZERS  # Lightning counts every optimiser's step
    # Each optimiser's losses reach its own networks, so that several devices must not wait for the others' gradients.
    several = {"strategy": "ddp_find_unused_parameters_true"} if config.devices > 1 else {}
    trainer = training.trainer(
        config.accelerator, config.devices, config.precision, most, use_distributed_sampler=False, **several
    )
    parents = {"source": config.source, "target": config.target}
    if lineage.claim(out, "gan.train", cli.plain(config), parents=parents):
        print(f"{out / GENERATOR_FILES['best']}: already trained")
        return

    last = out / "last.ckpt"
    done = training.saved_steps(last, model.OPTIMIZERS)
    step = config.batch * trainer.world_size  # pairs in a step, dealt to the devices in turn
    length = config.steps * step
    crops = Crops(domains, config.pairing, crop=config.crop, length=length, seed=config.seed)
    loader = DataLoader(
        crops,
        batch_size=config.batch,
        sampler=From(done * step + trainer.global_rank, length, trainer.world_size),
        num_workers=config.workers,
        pin_memory=torch.cuda.is_available(),
    )
    logger = config.logger if trainer.is_global_zero else tracking.LoggerConfig(kind="none")
    with tracking.start(logger, "gan.train", cli.plain(config), out) as run:
        trainer.logger = run.lightning() or None
        if trainer.is_global_zero:
            samples = sample_pairs(*(held or domains), SAMPLES, model.generator.stride)
            trainer.callbacks += [  # type: ignore[attr-defined]
                training.ProgressLines(f"training {name}", config.steps),
                SampleGrids(config.sample_every, config.steps, samples, folder=out / "samples", run=run),
            ]
        measuring = Measuring(config.measure, config.steps, held[0], domains[1], out) if held else None
        trainer.callbacks += [  # type: ignore[attr-defined]
            *([measuring] if measuring else []),
            training.KeepCheckpoint(last, config.save_every, config.steps, model.OPTIMIZERS),
        ]
        training.fit(trainer, model, loader, last if done else None)
        if not trainer.is_global_zero:
            return
        save_generator(out / GENERATOR_FILES["last"], model.final, name, settings.generator)
        if measuring:
            _conclude(measuring, model, run)
        save_generator(out / GENERATOR_FILES["best"], model.final, name, settings.generator)
    lineage.complete(out)
    print(f"{out / GENERATOR_FILES['best']}: trained for {model.step} steps")


def _conclude(measuring: Measuring, model: Translator, run: tracking.Run) -> None:
    """Say what was best and last, and why it ended; `model` becomes the best."""
    chosen, last = measuring.best, measuring.history[-1]
    if measuring.stopped:
        print(f"stopped at step {last.step} of {measuring.steps}: {measuring.stopped}")
    print(f"best: {chosen}\nlast: {last}")
    run.images("measures", [measuring.out / "measures.png"])
    both = {"best": chosen, "last": last}
    run.summary({f"{name}/{key}": value for name, m in both.items() for key, value in m._asdict().items()})
    measuring.restore_best(model)


if __name__ == "__main__":
    cli.run(train, TrainConfig, "gan_train", __doc__)
