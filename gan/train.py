"""Stage 2, training: learn to carry renders into the look of photos (docs/translators.md).

    python -m gan.train source=outputs/renders/a target=photos out=outputs/gan/a
    python -m gan.train model=cyclegan_small steps=3000 source=… target=… out=…      # a CPU's evening
    python -m gan.train model=pix2pix_small source=… target=… out=…                  # pairs of equal file names
    python -m gan.train model.generator.base=32 model.generator.blocks=4 crop=128 …  # any part of a model's config
    python -m gan.train model=stylegan2_small batch=16 target=… out=…                # photos alone, for gan.sample

`source` is a dataset folder, `target` a dataset folder or a plain folder of photos. Every so often the generator is
measured on renders that are kept out of the training (docs/measuring.md). Writes the best one so measured and the last,
generator.safetensors and generator_last.safetensors, for gan.translate; measures.json and .png; samples/ to look at;
best.ckpt, and last.ckpt: the same command after an interruption goes on from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import MISSING
from torch.utils.data import DataLoader, Dataset

from coldstart import cli, lineage, tracking, training
from coldstart.errors import UserError
from coldstart.holdout import refuse_test_photos
from coldstart.sweep.goal import Checked, Goal
from gan.callbacks import SampleGrids, sample_pairs
from gan.checkpoint import GENERATOR_FILES, save_generator
from gan.crops import Crops, From, PhotoCrops
from gan.data import SMALLEST_CROP, Pair, open_domains, open_photos
from gan.guide import check_mask
from gan.held_out import HeldOut, Samples, divide
from gan.measuring import Measuring
from gan.metrics.distances import FEWEST
from gan.models import MODELS, Model, StyleGAN2, Translator
from gan.networks import PatchConfig
from gan.pairing import PAIRINGS
from gan.selection import MeasureConfig

__all__ = ["TrainConfig", "train"]

SAMPLES = 3  # rows of a sample grid


@dataclass(frozen=True)
class TrainConfig:
    """See conf/gan_train.yaml."""

    source: str | None = None
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
        if self.crop < SMALLEST_CROP:
            raise UserError(f"crop: must be at least {SMALLEST_CROP}, got {self.crop}")
        if self.pairing not in PAIRINGS:
            raise UserError(f"pairing: {self.pairing!r} is none of {', '.join(PAIRINGS)}")
        if self.seed < 0 or self.workers < 0:
            raise UserError(f"seed and workers must not be negative, got {self.seed} and {self.workers}")
        training.check_precision(self.precision)


def train(config: TrainConfig) -> None:
    """Train, or go on training, in `config.out`.

    Raises:
        UserError: bad config or input, `out` holding another config's data, or a loss that is not finite.
    """
    name, settings, model, material = _prepare(config)
    out = Path(config.out)
    training.quiet()
    most = config.steps * model.OPTIMIZERS  # Lightning counts every optimiser's step
    # Each optimiser's losses reach its own networks, so that several devices must not wait for the others' gradients.
    several = {"strategy": "ddp_find_unused_parameters_true"} if config.devices > 1 else {}
    trainer = training.trainer(
        config.accelerator, config.devices, config.precision, most, use_distributed_sampler=False, **several
    )
    if lineage.claim(out, "gan.train", cli.plain(config), parents=_parents(config)):
        print(f"{out / GENERATOR_FILES['best']}: already trained")
        return

    last = out / "last.ckpt"
    done = training.saved_steps(last, model.OPTIMIZERS)
    step = config.batch * trainer.world_size  # pairs in a step, dealt to the devices in turn
    length = config.steps * step
    loader = DataLoader(
        material.crops(length),
        batch_size=config.batch,
        sampler=From(done * step + trainer.global_rank, length, trainer.world_size),
        num_workers=config.workers,
        pin_memory=torch.cuda.is_available(),
    )
    logger = config.logger if trainer.is_global_zero else tracking.LoggerConfig(kind="none")
    with tracking.start(logger, "gan.train", cli.plain(config), out, training.saved_run(last)) as run:
        trainer.logger = run.lightning() or None
        measuring = material.measuring
        trainer.callbacks += [  # type: ignore[attr-defined]
            *([training.ProgressLines(f"training {name}", config.steps)] if trainer.is_global_zero else []),
            *([measuring] if measuring else []),
            training.KeepRun(run),
            training.KeepCheckpoint(last, config.save_every, config.steps, model.OPTIMIZERS),
        ]
        if trainer.is_global_zero:
            # Pictures come last: what goes wrong with them costs no step.
            grids = SampleGrids(config.sample_every, config.steps, material.samples(), folder=out / "samples", run=run)
            trainer.callbacks.append(grids)  # type: ignore[attr-defined]
        training.fit(trainer, model, loader, last if done else None)
        if not trainer.is_global_zero:
            return
        save_generator(out / GENERATOR_FILES["last"], model.final, name, settings.generator)
        if measuring:
            _conclude(measuring, model, run)
        save_generator(out / GENERATOR_FILES["best"], model.final, name, settings.generator)
    lineage.complete(out)
    print(f"{out / GENERATOR_FILES['best']}: trained for {model.step} steps")


class _Material(NamedTuple):
    """What is trained on, so many items of it; what the sample grids show; what is measured on what, if anything."""

    crops: Callable[[int], Dataset[Pair]]
    samples: Callable[[], list[Pair]]
    measuring: Measuring | None
    measured: list[str]


def _parents(config: TrainConfig) -> dict[str, Path]:
    return {"target": Path(config.target), **({} if config.source is None else {"source": Path(config.source)})}


def _prepare(config: TrainConfig) -> tuple[str, Any, Translator | StyleGAN2, _Material]:
    """The model's name and settings, the model as its training begins, and its material."""
    name = config.model.get("name")
    if name not in MODELS:
        raise UserError(f"model.name: {name!r} is none of {', '.join(MODELS)}")
    settings: Any = cli.typed(MODELS[name].Config, config.model, "model")
    critic = settings.discriminator
    if isinstance(critic, PatchConfig) and config.crop < critic.smallest:
        raise UserError(
            f"crop: must be at least {critic.smallest} for model.discriminator.layers={critic.layers}, "
            f"got {config.crop}"
        )
    torch.manual_seed(config.seed)
    model: Translator | StyleGAN2 = MODELS[name](settings, config.steps, config.seed, config.epoch)
    return name, settings, model, _pairs(config, model) if isinstance(model, Translator) else _photos(config, model)


def _pairs(config: TrainConfig, model: Translator) -> _Material:
    """Renders and photos, some renders held out."""
    stride, guide, aligned = model.generator.stride, model.generator.guide, config.pairing == "aligned"
    if config.source is None:
        raise UserError("source has no value; give source=…")
    if config.crop % stride:
        raise UserError(f"crop: must be a multiple of {stride} for this generator, got {config.crop}")
    refuse_test_photos(config.target, config.out)
    everything = open_domains(config.source, config.target, config.crop, aligned=aligned, guide=guide)
    for term in ("edges", "art"):
        if getattr(model.safety.config, term):
            for image in everything[0].folder.images:
                check_mask(everything[0].folder, image, f"model.safety.{term}")
    wanted = config.measure.renders if config.measure.every else 0
    domains, held = divide(*everything, wanted=wanted, seed=config.seed, aligned=aligned)
    measuring, measured = None, []
    if held:
        renders, photos = held[0], domains[1]
        measuring = Measuring(
            config.measure,
            config.steps,
            lambda device: HeldOut(renders, photos, device),
            {"renders": len(renders), "photos": len(photos)},
            Path(config.out),
        )
        measured = list(map(str, [*renders.paths, *photos.paths]))
    return _Material(
        lambda length: Crops(domains, config.pairing, crop=config.crop, length=length, seed=config.seed),
        lambda: sample_pairs(*(held or domains), SAMPLES, stride),
        measuring,
        measured,
    )


def _photos(config: TrainConfig, model: StyleGAN2) -> _Material:
    """Photos alone."""
    size = model.generator.size
    if config.source is not None:
        raise UserError(f"source: model.name={model.config.name} learns from photos alone; leave source out")
    if config.pairing != "unpaired" or config.epoch != 1:
        raise UserError(
            f"pairing and epoch: model.name={model.config.name} pairs nothing, and its learning rate stays as it is; "
            "leave them out"
        )
    if config.crop != min(size):
        raise UserError(f"crop: must be the shorter side of model.generator.size={size}, got {config.crop}")
    refuse_test_photos(config.target, config.out)
    photos = open_photos(config.target, size, round(model.config.zoom * config.crop))

    def crops(length: int) -> PhotoCrops:
        return PhotoCrops(photos, size, length=length, seed=config.seed)

    def scorer(device: torch.device) -> Samples:
        return Samples([pair.target for pair in map(crops(count).__getitem__, range(count))], device)

    count = config.measure.renders if config.measure.every else 0
    if 0 < count < FEWEST:
        print(f"not measured while training: measure.renders={count} samples are fewer than {FEWEST}")
    counts = {"samples": count, "photos": len(photos)}
    measured = count >= FEWEST
    measuring = Measuring(config.measure, config.steps, scorer, counts, Path(config.out)) if measured else None
    shown = [f"{path} by {count} crops at {config.crop} pixels times {model.config.zoom}" for path in photos.paths]
    return _Material(crops, lambda: [Pair(*(part[None] for part in crops(1)[0]))], measuring, shown)


def _conclude(measuring: Measuring, model: Model, run: tracking.Run) -> None:
    """Say what was best and last, and why it ended; `model` becomes the best."""
    chosen, last = measuring.best, measuring.history[-1]
    if measuring.stopped:
        print(f"stopped at step {last.step} of {measuring.steps}: {measuring.stopped}")
    print(f"best: {chosen}\nlast: {last}")
    run.images("measures", [measuring.out / "measures.png"])
    both = {"best": chosen, "last": last}
    run.summary({f"{name}/{key}": value for name, m in both.items() for key, value in m._asdict().items()})
    measuring.restore_best(model)


def check_sweep(config: TrainConfig) -> Checked:
    """What trials of these settings learn from, and the pictures that they are compared on.

    Raises:
        UserError: bad input, or nothing is measured.
    """
    *_, material = _prepare(config)
    if material.measuring is None:
        raise UserError("measure: trials are compared by swd; it needs measure.every and more renders, see above")
    return Checked(_parents(config), frozenset(material.measured))


def judge(config: Mapping[str, Any], best: Mapping[str, Any]) -> float:
    """A trial's swd.

    Raises:
        UserError: the best generator loses more objects than `measure.retained` allows.
    """
    retained, floor = best["retained"], config["measure"]["retained"]
    if retained is not None and retained < floor:
        raise UserError(f"the best generator retains {100 * retained:.1f} % of the objects, less than measure.retained")
    return float(best["swd"])


GOAL = Goal(
    measure="swd",
    direction="minimize",
    file="measures.json",
    on="held-out renders and photos of target",
    then="python -m gan.translate checkpoint={out}/generator.safetensors source=path/to/renders out=outputs/translated",
    touches=("source", "target", "seed", "measure", "pairing", "crop", "model"),  # the last two: stylegan2's zoom
    check=check_sweep,
    value=judge,
)

if __name__ == "__main__":
    cli.run(train, TrainConfig, "gan_train", __doc__, GOAL)
