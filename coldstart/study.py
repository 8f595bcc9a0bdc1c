"""A study as data: its config, and the list of commands that make it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldstart import cli
from coldstart.dataset import Dataset, load
from coldstart.errors import UserError
from coldstart.runner import Step
from coldstart.split import check_share, choose
from coldstart.tracking import LoggerConfig

__all__ = ["ARMS", "Arm", "StudyConfig", "all_photos_arms", "check_commands", "check_photos", "steps"]

# Where each command's keys are: conf/<this>.yaml.
CONFIGS = {
    "blender_scenes.render": "render",
    "coldstart.split": "split",
    "gan.train": "gan_train",
    "gan.translate": "gan_translate",
    "detect.train": "detect_train",
    "detect.evaluate": "detect_evaluate",
}


@dataclass(frozen=True)
class Arm:
    """What one detector is trained on: a synthetic part (`source`, `translated` or none), the train photos, or both."""

    title: str
    synthetic: str | None
    photos: bool


ARMS = {
    "synthetic": Arm("renders", "source", False),
    "translated": Arm("translations", "translated", False),
    "real": Arm("labelled photos", None, True),
    "translated_real": Arm("translations + labelled photos", "translated", True),
}


@dataclass(frozen=True)
class SourceConfig:
    """The labelled renders; keys of `blender_scenes.render`."""

    scene: str = "fridge_a"
    look: str = "clean"
    count: int = 300
    samples: int = 2
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, "source", count=self.count, samples=self.samples)


@dataclass(frozen=True)
class TargetConfig:
    """The pictures of the place: rendered by a simulated camera, or labelled photos that are split by `seed`."""

    kind: str = "simulated_camera"
    data: str | None = None
    train: int | float = 24
    test: int = 16
    seed: int = 1000

    def __post_init__(self) -> None:
        _at_least(0, "target", seed=self.seed)
        check_share(self.train, "target.train")
        if self.kind == "simulated_camera":
            _at_least(1, "target", test=self.test)
            if self.train < 1:
                raise UserError(f"target.train: must be a number of images for a simulated camera, got {self.train}")
            if self.data is not None:
                raise UserError("target.data: only read with target.kind=photos; set that, or leave target.data out")
        elif self.kind == "photos":
            if self.data is None:
                raise UserError("target.data has no value; give target.data=… (a dataset folder of labelled photos)")
        else:
            raise UserError(f"target.kind: {self.kind!r} is neither simulated_camera nor photos")


@dataclass(frozen=True)
class GanConfig:
    """The translator; keys of `gan.train`."""

    model: str = "cyclegan_small"
    steps: int = 1000
    crop: int = 128
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, "gan", steps=self.steps, crop=self.crop)


@dataclass(frozen=True)
class DetectorConfig:
    """The detector, the same for every arm; keys of `detect.train`."""

    steps: int = 350
    batch: int = 8
    real_fraction: float = 0.25
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, "detector", steps=self.steps, batch=self.batch)


@dataclass(frozen=True)
class StudyConfig:
    """See conf/coldstart.yaml; every field is a key of the command line."""

    name: str
    out: str
    arms: list[str] = field(default_factory=lambda: list(ARMS))
    seed: int = 0
    size: tuple[int, int] = (312, 416)
    workers: int = 2
    evaluate_all: bool = False
    source: SourceConfig = field(default_factory=SourceConfig)
    target: TargetConfig = field(default_factory=TargetConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)

    def __post_init__(self) -> None:
        _at_least(0, "", seed=self.seed)
        _at_least(1, "", workers=self.workers)
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise UserError(f"name: {self.name!r} may hold letters, digits, '_', '-' and '.' only")
        if len(self.size) != 2 or min(self.size) < 32:
            raise UserError(f"size: must be [width, height] in pixels, each at least 32, got {list(self.size)}")
        unknown = [arm for arm in self.arms if arm not in ARMS]
        if unknown or not self.arms or len(set(self.arms)) < len(self.arms):
            raise UserError(f"arms: must be one or more of {', '.join(ARMS)}, each once, got {list(self.arms)}")
        mixed = any(ARMS[arm].synthetic and ARMS[arm].photos for arm in self.arms)
        if mixed and not 1 <= round(self.detector.real_fraction * self.detector.batch) < self.detector.batch:
            raise UserError(
                f"detector.real_fraction: {self.detector.real_fraction} of batch={self.detector.batch} leaves no room "
                "for photos or for synthetic images; choose a larger batch or another fraction"
            )
        if self.gan.crop > min(self.size):
            raise UserError(f"gan.crop: {self.gan.crop} is larger than the renders, size={list(self.size)}")
        simulated = self.target.kind == "simulated_camera"
        if simulated and self.seed in (self.target.seed, self.target.seed + 1):
            raise UserError(f"seed: {self.seed} would render the target's scenes as source; choose another target.seed")
        if self.evaluate_all and (simulated or not all_photos_arms(self.arms)):
            raise UserError("evaluate_all: needs target.kind=photos and the arm 'synthetic', which sees no photo")


def all_photos_arms(arms: Iterable[str]) -> list[str]:
    """Those arms for which no photo of the target is used, neither its labels nor its pixels."""
    return [arm for arm in arms if ARMS[arm].synthetic == "source" and not ARMS[arm].photos]


def check_photos(config: StudyConfig) -> None:
    """Check the target's photos, as far as they exist before the study.

    Raises:
        UserError: they cannot be loaded, carry no box, or cannot be split as asked.
    """
    if config.target.data is None:
        return
    try:
        photos: Dataset = load(config.target.data)
        choose(photos, config.target.train, config.target.seed)
    except UserError as error:
        raise UserError(f"target.data: {error}") from None
    if not any(not a.get("ignore") for a in photos.annotations):
        raise UserError(f"target.data: {photos.root} has no labelled box, so nothing can be scored on it")


def check_commands(planned: Iterable[Step]) -> None:
    """Compose the config of every command, so that a misspelt scene, model or key shows before the first step runs.

    Raises:
        UserError: a command does not know one of its keys.
    """
    for step in planned:
        try:
            cli.compose(CONFIGS[step.module], [key for key in step.overrides if not key.startswith("--")])
        except UserError as error:
            raise UserError(f"step '{step.name}' ({step.module}): {error}") from None


def steps(config: StudyConfig, config_dir: str | None = None) -> list[Step]:
    """The commands of a study, in the order they run in; `config_dir` is a conf folder of the user's own.

    The translator sees the renders and the train photos, never a test photo. All arms train for the same number of
    steps with the same batch size.
    """
    out = Path(config.out)
    flags, logger = [f"--config-dir={config_dir}"] if config_dir else [], _logger(config)
    source, target, gan, translated = out / "source", out / "target", out / "gan", out / "translated"
    train, test = target / "train", target / "test"
    render = {"scene": config.source.scene, "size": config.size, "samples": config.source.samples}
    listed: list[Step] = []

    def add(name: str, module: str, folder: Path, needs: list[str], keys: dict[str, Any], *extra: str) -> str:
        overrides = [_override(key, value) for key, value in {**keys, "out": folder}.items()]
        listed.append(Step(name, module, (*flags, *overrides, *extra), folder, tuple(needs)))
        return name

    def add_render(name: str, folder: Path, look: str, count: int, seed: int) -> str:
        chosen = {**render, "look": look, "count": count, "seed": seed, "workers": config.workers}
        return add(name, "blender_scenes.render", folder, [], chosen, *config.source.overrides, *logger)

    arms = [(name, ARMS[name]) for name in config.arms]
    made: dict[str, str] = {}
    keys: dict[str, Any]
    if any(arm.synthetic for _, arm in arms):
        made["source"] = add_render("render source", source, config.source.look, config.source.count, config.seed)
    if config.target.kind == "photos":
        keys = {"data": config.target.data, "train": config.target.train, "seed": config.target.seed}
        made["train"] = made["test"] = add("split photos", "coldstart.split", target, [], keys, *logger)
    else:
        count, seed = int(config.target.train), config.target.seed
        made["train"] = add_render("render target train", train, "simulated_camera", count, seed)
        made["test"] = add_render("render target test", test, "simulated_camera", config.target.test, seed + 1)
    if any(arm.synthetic == "translated" for _, arm in arms):
        keys = {"model": config.gan.model, "source": source, "target": train, "steps": config.gan.steps}
        keys |= {"crop": config.gan.crop, "seed": config.seed}
        needs = [made["source"], made["train"]]
        trained = add("train translator", "gan.train", gan, needs, keys, *config.gan.overrides, *logger)
        keys = {"checkpoint": gan / "generator.safetensors", "source": source}
        made["translated"] = add("translate", "gan.translate", translated, [trained, made["source"]], keys, *logger)
    for name, arm in arms:
        mix = "joint" if arm.synthetic and arm.photos else "real" if arm.photos else "synthetic"
        keys = {
            "synthetic": [out / arm.synthetic] if arm.synthetic else [],
            "real": [train] if arm.photos else [],
            "mix": mix,
            **({"real_fraction": config.detector.real_fraction} if mix == "joint" else {}),
            "steps": config.detector.steps,
            "batch": config.detector.batch,
            "size": config.size,
            "seed": config.seed,
        }
        needs = [made[part] for part in (arm.synthetic, "train" if arm.photos else None) if part]
        folder = out / "detectors" / name
        extra = [*config.detector.overrides, *logger]
        trained = add(f"train detector: {name}", "detect.train", folder, needs, keys, *extra)
        scored = {"test": test, **({"all photos": Path(str(config.target.data))} if config.evaluate_all else {})}
        for where, data in scored.items():
            if where == "test" or name in all_photos_arms(config.arms):
                keys = {"checkpoint": folder / "detector.safetensors", "data": data}
                folder_ = out / "results" / (name if where == "test" else f"{name}_all")
                add(f"score on {where}: {name}", "detect.evaluate", folder_, [trained, made["test"]], keys, *logger)
    return listed


def _logger(config: StudyConfig) -> list[str]:
    """The children's logger keys: the study's own, in one group."""
    chosen = {"logger": config.logger.kind, "logger.group": config.logger.group or config.name}
    if (config.logger.project, config.logger.mode) != (LoggerConfig.project, LoggerConfig.mode):
        chosen |= {"logger.project": config.logger.project, "logger.mode": config.logger.mode}
    return [_override(key, value) for key, value in chosen.items()]


def _override(key: str, value: object) -> str:
    """`key=value` in Hydra's override grammar; text is quoted where the grammar needs it."""
    return f"{key}={_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(_value(v) for v in value)}]"
    text = str(value)
    if isinstance(value, int | float) or re.fullmatch(r"[\w./~+-]+", text):
        return text
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "'"


def _at_least(least: int, where: str, **values: int) -> None:
    for key, value in values.items():
        if value < least:
            raise UserError(f"{where + '.' if where else ''}{key}: must be {least} or more, got {value}")
