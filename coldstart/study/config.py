"""The config of a study: see conf/coldstart.yaml and docs/study.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig

__all__ = ["SOURCE", "UNTRAINED", "Arm", "Budget", "RealConfig", "StudyConfig", "Translator"]

Budget = int | str  # a number of labelled photos, or "all"

SOURCE = "source"  # the renders as they are, in an arm's `synthetic`
UNTRAINED = ("none", "reinhard", "histogram", "fda")  # models of gan.translate that need no training
# Keys of the commands that overrides may not set: no arm's own, and those that are keys of the study.
HOLD_OUT = ("hold_out", "hold_out.fraction", "hold_out.every", "hold_out.patience")
ALIKE = ("steps", "batch", "accumulate", "size", "seed", "synthetic", "real", "out", "devices", *HOLD_OUT)
DETECTORS = ("steps", "batch", "real_fraction", "mix", "size", "seed", "synthetic", "real", "held_out", "out")
RENDERS = ("scene", "look", "count", "samples", "size", "seed", "out")


@dataclass  # not frozen: OmegaConf could not merge entries of a mapping into it
class Arm:
    """What a detector learns from: `synthetic` parts (SOURCE or translators), the labelled photos, or both.

    `teacher`: an arm whose detector labels the photos that need no label, which join in (self-training).
    """

    title: str
    synthetic: list[str] = field(default_factory=list)
    real: bool = False
    teacher: str | None = None
    mix: str = "auto"
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.synthetic and not self.real and not self.teacher:
            raise UserError("learns from nothing; give synthetic=[source], real=true or both")
        if key := _overridden(self.overrides, ALIKE):
            raise UserError(f"overrides: {key!r} must be the same for every arm; see detector")


@dataclass
class Translator:
    """Keys of `gan.train` (and in `translate` of `gan.translate`); a `model` of UNTRAINED is not trained."""

    model: str
    steps: int = 1000
    crop: int = 128
    overrides: list[str] = field(default_factory=list)
    translate: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, steps=self.steps, crop=self.crop)
        if self.overrides and not self.trained:
            raise UserError(f"overrides: are of gan.train, but {self.model} is not trained; see translate")

    @property
    def trained(self) -> bool:
        """Whether gan.train makes it."""
        return self.model not in UNTRAINED


@dataclass(frozen=True)
class SourceConfig:
    """The labelled renders; keys of `blender_scenes.render`."""

    scene: str = "fridge_a"
    look: str = "clean"
    count: int = 300
    samples: int = 8
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, "source", count=self.count, samples=self.samples)
        if key := _overridden(self.overrides, RENDERS):
            raise UserError(f"source.overrides: {key!r} is the study's own; see --help")


@dataclass(frozen=True)
class SimulatedConfig:
    """Renders of another look that stand in for photos."""

    train: int = 24
    test: int = 16
    seed: int = 1000
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, "real.simulated", train=self.train, test=self.test)
        _at_least(0, "real.simulated", seed=self.seed)
        if key := _overridden(self.overrides, (*RENDERS, "looks")):
            raise UserError(f"real.simulated.overrides: {key!r} is not the camera's own")


@dataclass(frozen=True)
class RealConfig:
    """The photos: a folder of labelled ones, perhaps others to score on or without labels; or simulated ones."""

    data: str | None = None
    test: str | None = None
    unlabelled: str | None = None
    seed: int = 0
    simulated: SimulatedConfig = field(default_factory=SimulatedConfig)

    def __post_init__(self) -> None:
        _at_least(0, "real", seed=self.seed)
        for key in ("test", "unlabelled"):
            if self.data is None and getattr(self, key) is not None:
                raise UserError(f"real.{key}: needs real.data=… (a dataset folder of labelled photos)")

    @property
    def kind(self) -> str:
        """`photos`, or `simulated_camera` where there are none."""
        return "simulated_camera" if self.data is None else "photos"


@dataclass(frozen=True)
class DetectorConfig:
    """The detector, the same for every arm; keys of `detect.train`."""

    steps: int = 700
    batch: int = 4
    real_fraction: float = 0.25
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _at_least(1, "detector", steps=self.steps, batch=self.batch)
        if key := _overridden(self.overrides, DETECTORS):
            raise UserError(f"detector.overrides: {key!r} is the study's own; see --help")


@dataclass(frozen=True)
class StudyConfig:
    """See conf/coldstart.yaml; every field is a key of the command line."""

    name: str
    out: str
    cache: str
    arms: dict[str, Arm] = field(default_factory=dict)
    only: list[str] = field(default_factory=list)
    translators: dict[str, Translator] = field(default_factory=dict)
    budgets: list[Any] = field(default_factory=lambda: [0, "all"])
    folds: int = 5
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    seed: int = 0
    size: tuple[int, int] = (312, 416)
    draws: int = 1000
    workers: int = 2
    parallel: int = 1
    launcher: str = "local"
    launcher_overrides: list[str] = field(default_factory=list)
    source: SourceConfig = field(default_factory=SourceConfig)
    real: RealConfig = field(default_factory=RealConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)

    def __post_init__(self) -> None:
        _at_least(0, seed=self.seed)
        _at_least(1, workers=self.workers, parallel=self.parallel, folds=self.folds, draws=self.draws)
        for name in (self.name, *self.arms, *self.translators):
            if not re.fullmatch(r"[\w.-]+", name):
                raise UserError(f"name: {name!r} may hold letters, digits, '_', '-' and '.' only")
        if len(self.size) != 2 or min(self.size) < 32:
            raise UserError(f"size: must be [width, height] in pixels, each at least 32, got {list(self.size)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise UserError(f"seeds: must be one or more whole numbers from 0, each once, got {list(self.seeds)}")
        self._check_budgets()
        self._check_arms()
        simulated = self.real.simulated.seed
        if self.real.data is None and self.seed in (simulated, simulated + 1):
            raise UserError(f"seed: {self.seed} would render the camera's scenes as source; choose another")

    @property
    def chosen(self) -> dict[str, Arm]:
        """The arms that are run, in the order of `only`."""
        return {name: self.arms[name] for name in self.only} if self.only else dict(self.arms)

    @property
    def used(self) -> dict[str, Translator]:
        """The translators that those arms need."""
        names = dict.fromkeys(part for arm in self.chosen.values() for part in arm.synthetic if part != SOURCE)
        return {name: self.translators[name] for name in names}

    def budgets_of(self, arm: Arm) -> list[Budget]:
        """The numbers of labelled photos that an arm is run with."""
        return [budget for budget in self.budgets if (budget != 0) == arm.real]

    def _check_budgets(self) -> None:
        wrong = [b for b in self.budgets if b != "all" and not (isinstance(b, int) and b >= 0)]
        if wrong or not self.budgets or len(set(self.budgets)) < len(self.budgets):
            raise UserError(f"budgets: must be numbers of photos from 0 and all, each once, got {list(self.budgets)}")

    def _check_arms(self) -> None:
        unknown = [name for name in self.only if name not in self.arms]
        if unknown or not self.arms or len(set(self.only)) < len(self.only):
            raise UserError(f"only: must be one or more of {', '.join(self.arms)}, each once, got {list(self.only)}")
        for name, arm in self.chosen.items():
            if lost := [part for part in arm.synthetic if part != SOURCE and part not in self.translators]:
                known = ", ".join([SOURCE, *self.translators])
                raise UserError(f"arms.{name}.synthetic: {lost[0]!r} is none of {known}")
            if not self.budgets_of(arm):
                kind = "a number of photos, or all" if arm.real else "0"
                raise UserError(f"budgets: {list(self.budgets)} leave nothing for the arm {name!r}; add {kind}")
            if arm.teacher is not None:
                teacher = self.chosen.get(arm.teacher)
                if teacher is None or teacher.teacher is not None or teacher.real != arm.real:
                    kind = "with" if arm.real else "without"
                    raise UserError(
                        f"arms.{name}.teacher: {arm.teacher!r} must be one of the arms that are run, {kind} labelled "
                        "photos as this one, and without a teacher"
                    )
                if "all" in self.budgets_of(arm) and not self.real.unlabelled:
                    raise UserError(
                        f"arms.{name}.teacher: at budget all no photo is left that it could label; give others, "
                        "real.unlabelled=DIR, or leave out all or real: true"
                    )
            joint = arm.synthetic and (arm.real or arm.teacher) and arm.mix in ("auto", "joint")
            if joint and not 1 <= round(self.detector.real_fraction * self.detector.batch) < self.detector.batch:
                raise UserError(
                    f"detector.real_fraction: {self.detector.real_fraction} of batch={self.detector.batch} leaves no "
                    "room for photos or for synthetic images; choose a larger batch or another fraction"
                )
        for name, translator in self.used.items():
            if translator.trained and translator.crop > min(self.size):
                size = list(self.size)
                raise UserError(f"translators.{name}.crop: {translator.crop} is larger than the renders, size={size}")


def _overridden(overrides: Sequence[str], keys: Sequence[str]) -> str | None:
    """The first of `keys` that `overrides` set."""
    named = (override.lstrip("+~").split("=")[0].split("@")[0] for override in overrides)
    return next((key for key in named if key in keys), None)


def _at_least(least: int, where: str = "", **values: int) -> None:
    for key, value in values.items():
        if value < least:
            raise UserError(f"{where + '.' if where else ''}{key}: must be {least} or more, got {value}")
