"""What a study makes: its cells, and the commands that make them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart import leaks
from coldstart.dataset import Dataset, asked, load
from coldstart.errors import UserError
from coldstart.overrides import override
from coldstart.split import folds
from coldstart.study.classes import of_renders
from coldstart.study.config import SOURCE, Arm, Budget, StudyConfig, Translator
from coldstart.study.steps import Made, Step, Steps, external
from coldstart.tracking import LoggerConfig

__all__ = ["Cell", "Fold", "Plan", "check_photos", "plan"]


@dataclass(frozen=True)
class Fold:
    """One division of the photos: what may be learned from, and what is scored on."""

    name: str
    train: Made
    test: Made


@dataclass(frozen=True)
class Cell:
    """A detector of an arm, trained with a budget of labelled photos and scored on a fold's test photos.

    `data` are those labelled photos, None for an arm without.
    """

    arm: str
    budget: Budget
    fold: str
    seed: int
    data: Made | None
    train: Step
    score: Step


@dataclass(frozen=True)
class Synthetic:
    """A folder of labelled synthetic pictures: the renders (SOURCE), or a translator's work for a fold (None: all)."""

    name: str
    fold: str | None
    made: Made
    translator: Made | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that a study makes, in an order in which it can be made; `rendered` are the classes of its renders."""

    rendered: list[str]
    steps: list[Step]
    folds: list[Fold]
    synthetic: list[Synthetic]
    cells: list[Cell]
    budgets: list[Budget]


def check_photos(config: StudyConfig) -> None:
    """Check the photos before any work.

    Raises:
        UserError: they cannot be loaded, carry no box, or show what they will be scored on.
    """
    real = config.real
    if real.data is None:
        return
    folders: dict[str, Dataset] = {}
    for key, path in (("data", real.data), ("test", real.test)):
        if path is not None:
            try:
                folders[key] = load(path)
            except UserError as error:
                raise UserError(f"real.{key}: {error}") from None
            if not any(asked(a) for a in folders[key].annotations):
                raise UserError(f"real.{key}: {path} has no labelled box")
    count = len(folders["data"].images)
    if real.test is None and count < max(config.folds, 2):
        raise UserError(f"real.data: {real.data} has {count} photos, too few for folds={config.folds}")
    if real.test is None:
        try:  # as the split will, but for near duplicates, which take longer to find
            folds(folders["data"], max(config.folds, 2), real.seed)
        except UserError as error:
            raise UserError(f"real.data: {error}") from None
    unlabelled = {} if real.unlabelled is None else {Path(real.unlabelled): Path(real.unlabelled)}
    if real.test is not None or unlabelled:
        learned = [folders["data"]] if real.test is not None else []
        found = leaks.find_leaks(learned, unlabelled, [folders.get("test", folders["data"])])
        if found:
            raise UserError(f"real: {found[0]} show the same; nothing that is scored on may be learned from")


def plan(config: StudyConfig, config_dir: str | None = None) -> Plan:
    """The cells and steps of a study; `config_dir` is a conf folder of the user's own.

    Raises:
        UserError: a command does not know one of its keys.
    """
    return _Planner(config, config_dir).plan()


class _Planner:
    def __init__(self, config: StudyConfig, config_dir: str | None) -> None:
        self.config = config
        self.steps = Steps(Path(config.cache), config_dir, _logger(config))
        self.synthetic: dict[str, Synthetic] = {}
        self.folds: list[Fold] = []
        self.parts: dict[tuple[str, str], Made] = {}  # by fold, and by SOURCE or the translator

    def plan(self) -> Plan:
        config = self.config
        wanted = {part for arm in config.chosen.values() for part in arm.synthetic}
        render = config.source
        source = self._render("render", render.look, render.count, config.seed, render.overrides) if wanted else None
        self.folds, pool = self._folds()
        if source and SOURCE in wanted:
            self.synthetic[source.identity] = Synthetic(SOURCE, None, source)
        if source:
            for fold in self.folds:
                made = {name: self._translated(name, used, source, fold) for name, used in config.used.items()}
                self.parts |= {(fold.name, name): part for name, part in {SOURCE: source, **made}.items()}
        most = pool if "all" in config.budgets else pool + 1  # so many are all of them
        budgets = sorted((b for b in config.budgets if b == "all" or b < most), key=lambda b: pool if b == "all" else b)
        for name, arm in config.chosen.items():
            if not set(config.budgets_of(arm)) & set(budgets):
                raise UserError(
                    f"budgets: {list(config.budgets)} leave nothing for the arm {name!r}, since only {pool} photos are "
                    "there to learn from; add all"
                )
        cells = [
            self._cell(name, budget, fold, seed)
            for seed in config.seeds
            for fold in self.folds
            for name, arm in config.chosen.items()
            for budget in budgets
            if budget in config.budgets_of(arm)
        ]
        rendered = of_renders(self.steps.configs[str(source.step)]) if source else []
        steps, synthetic = list(self.steps.listed.values()), list(self.synthetic.values())
        return Plan(rendered, steps, self.folds, synthetic, cells, budgets)

    def _render(self, name: str, look: str, count: int, seed: int, overrides: Sequence[str]) -> Made:
        source = self.config.source
        settings = {"scene": source.scene, "size": self.config.size, "samples": source.samples}
        settings |= {"look": look, "count": count}
        free = {"workers": self.config.workers}
        return self.steps.add(name, "blender_scenes.render", settings, {}, overrides=overrides, seed=seed, free=free)

    def _folds(self) -> tuple[list[Fold], int]:
        """The folds, and how many photos there are to learn from (in some folds a few less)."""
        real, count = self.config.real, self.config.folds
        if real.data is None:
            camera = real.simulated
            # What stands before the camera is what is rendered; how that is rendered is not the camera's.
            own = [
                *(o for o in self.config.source.overrides if o.lstrip("+~").startswith("product")),
                *camera.overrides,
            ]
            train = self._render("render train photos", "simulated_camera", camera.train, camera.seed, own)
            test = self._render("render test photos", "simulated_camera", camera.test, camera.seed + 1, own)
            return [Fold("test", train, test)], camera.train
        data, total = external(real.data), len(load(real.data).images)
        if real.test is not None:
            return [Fold("test", data, external(real.test))], total
        settings: dict[str, Any] = {"folds": count} if count > 1 else {"train": 0.5}
        made = self.steps.add("split photos", "coldstart.split", settings, {"data": data}, seed=real.seed)
        names = {f"fold{k}": made / f"fold{k}" for k in range(count)} if count > 1 else {"test": made}
        folds = [Fold(name, part / "train", part / "test") for name, part in names.items()]
        return folds, total - total // max(count, 2)

    def _translated(self, name: str, translator: Translator, source: Made, fold: Fold) -> Made:
        """The renders as `translator` makes them, taught by the photos of `fold` that may be learned from."""
        config, where = self.config, f"{name}, {fold.name}"
        photos = self._unlabelled(fold)
        of = None if config.real.unlabelled or translator.model == "none" else fold.name
        learned: Made | None = None
        if translator.trained:
            settings: dict[str, Any] = {"model": translator.model, "steps": translator.steps, "crop": translator.crop}
            read = {"source": source, "target": photos}
            what, more = f"train translator: {where}", translator.overrides
            learned = self.steps.add(what, "gan.train", settings, read, overrides=more, seed=config.seed)
            settings, read = {}, {"checkpoint": learned / "generator.safetensors", "source": source}
        else:
            settings, read = {"model": translator.model}, {"target": photos, "source": source}
            if translator.model == "none":
                del read["target"]
        made = self.steps.add(
            f"translate: {where}", "gan.translate", settings, read, overrides=translator.translate, seed=config.seed
        )
        self.synthetic[made.identity] = Synthetic(name, of, made, learned)
        return made

    def _cell(self, name: str, budget: Budget, fold: Fold, seed: int) -> Cell:
        data = self._photos(fold, budget, seed) if self.config.chosen[name].real else None
        train = self._train(name, budget, fold, seed)
        score = self.steps.add(
            f"score: {name}, {_photo_count(budget)}, {fold.name}, seed {seed}",
            "detect.evaluate",
            {},
            {"checkpoint": train / "detector.safetensors", "data": fold.test},
        )
        return Cell(name, budget, fold.name, seed, data, self.steps[train], self.steps[score])

    def _train(self, name: str, budget: Budget, fold: Fold, seed: int) -> Made:
        """The detector of a cell."""
        config, arm = self.config, self.config.chosen[name]
        real = [self._photos(fold, budget, seed)] if arm.real else []
        if arm.teacher is not None:
            real.append(self._labelled(arm.teacher, budget, fold, seed))
        synthetic = [self.parts[fold.name, part] for part in arm.synthetic]
        settings, detector = self._detector(arm), config.detector
        own = bool(real) or any(self.synthetic[made.identity].fold for made in synthetic)
        what = f"{name}, {_photo_count(budget)}{f', {fold.name}' if own else ''}, seed {seed}"
        return self.steps.add(
            f"train detector: {what}",
            "detect.train",
            settings,
            {"synthetic": synthetic, "real": real},
            overrides=[*detector.overrides, *arm.overrides],
            seed=seed,
            # Of a detector that is the same for all folds, no test photo may be known.
            free={"held_out": [f.test.path for f in ([fold] if own else self.folds)]},
        )

    def _labelled(self, teacher: str, budget: Budget, fold: Fold, seed: int) -> Made:
        """The photos that need no label, with those that the detector of the arm `teacher` gives them."""
        checkpoint = self._train(teacher, budget, fold, seed) / "detector.safetensors"
        what = f"label photos: {teacher}, {_photo_count(budget)}, {fold.name}, seed {seed}"
        return self.steps.add(what, "detect.label", {}, {"checkpoint": checkpoint, "images": self._unlabelled(fold)})

    def _detector(self, arm: Arm) -> dict[str, Any]:
        detector = self.config.detector
        both = {"real_fraction": detector.real_fraction} if arm.synthetic and (arm.real or arm.teacher) else {}
        settings = {"mix": arm.mix, **both, "steps": detector.steps, "batch": detector.batch}
        return {**settings, "size": self.config.size}

    def _unlabelled(self, fold: Fold) -> Made:
        """The photos that may be learned from without their labels."""
        return external(self.config.real.unlabelled) if self.config.real.unlabelled else fold.train

    def _photos(self, fold: Fold, budget: Budget, seed: int) -> Made:
        """The labelled photos of a budget, others for each seed: what another choice changes is in the intervals."""
        if budget == "all":
            return fold.train
        what, drawn = f"choose {_photo_count(budget)}, {fold.name}, seed {seed}", self.config.real.seed + seed
        return self.steps.add(what, "coldstart.subset", {"count": budget}, {"data": fold.train}, seed=drawn)


def _photo_count(budget: Budget) -> str:
    return "all photos" if budget == "all" else f"{budget} photo{'' if budget == 1 else 's'}"


def _logger(config: StudyConfig) -> list[str]:
    """The children's logger keys: the study's own, in one group."""
    chosen = {"logger": config.logger.kind, "logger.group": config.logger.group or config.name}
    if (config.logger.project, config.logger.mode) != (LoggerConfig.project, LoggerConfig.mode):
        chosen |= {"logger.project": config.logger.project, "logger.mode": config.logger.mode}
    return [override(key, value) for key, value in chosen.items()]
