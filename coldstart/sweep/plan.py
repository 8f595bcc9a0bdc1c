"""What a sweep is going to do, read from the command line and found good before anything is written."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf, open_dict

from coldstart import cli
from coldstart.errors import UserError
from coldstart.overrides import override, user_conf
from coldstart.sweep import space
from coldstart.sweep.goal import Checked, Goal

if TYPE_CHECKING:
    from coldstart.cli import Job

__all__ = ["Plan", "SweepConfig"]


@dataclass(frozen=True)
class SweepConfig:
    """See conf/hydra/sweeper/optuna.yaml."""

    n_trials: int = 20
    n_jobs: int = 1
    seed: int = 0
    params: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for key, least in (("n_trials", 1), ("n_jobs", 1), ("seed", 0)):
            if getattr(self, key) < least:
                raise UserError(f"{key}: must be at least {least}, got {getattr(self, key)}")


class Plan:
    """A sweep over `space`, the other overrides being `fixed`.

    Attributes:
        base: the typed config with the first value of each dimension.
        first: configs to begin with: all of them where there are no more than `n_trials`, else the one that the
            command has without a sweep, if it lies in the space.
        total: number of trials, failed ones included.

    Raises:
        UserError: a value of the space is no value of its key, or changes the pictures that trials are compared on; or
            there is input that no trial could work with.
    """

    def __init__(self, command: "Job[Any]", config: DictConfig, loader: ConfigLoader, arguments: Sequence[str]) -> None:
        self.goal = _goal(command, config)
        self.schema, self.loader, self.master = command.schema, loader, config
        self.module = _module()
        given = {key: value for key, value in config.hydra.sweeper.items() if key != "_target_"}
        self.settings = cli.typed(SweepConfig, given, "hydra.sweeper")
        # The command line's word counts.
        latest = {a.split("=")[0]: a for a in [*space.overrides(self.settings.params or {}), *arguments]}
        self.overrides, self.space = space.divide(list(latest.values()), loader)
        self.fixed = [a for a in self.overrides if not a.startswith("out=")]
        self.base = self._config({d.key: d.values[0] for d in self.space})
        self.out = Path(self.base.out)
        self.checked = self._check()
        count = space.combinations(self.space)
        listed = count is not None and count <= self.settings.n_trials
        self.first = list(space.grid(self.space)) if listed else self._usual()
        self.usual = None if listed or not self.first else 0
        self.total = len(self.first) if listed else self.settings.n_trials

    def card(self) -> dict[str, Any]:
        """What makes this sweep another than the next: its folder belongs to it."""
        sweep = {"seed": self.settings.seed, "space": {d.key: d.text for d in self.space}}
        return {**cli.plain(self.base), "sweep": sweep, "n_trials": self.total}

    def folder(self, number: int) -> Path:
        """Where a trial's training goes."""
        return self.out / "trials" / f"{number:03d}"

    def command(self, number: int, params: Mapping[str, Any]) -> list[str]:
        """What to type for a trial alone, without `python`."""
        conf = user_conf(self.master.hydra)
        flags = [f"--config-dir={conf}"] if conf else []
        logger = getattr(self.base, "logger", None)
        group = [override("++logger.group", self.out.name)] if logger is not None and logger.group is None else []
        keys = [*self.fixed, *space.overrides(params), *group, override("out", self.folder(number))]
        return ["-m", self.module, *flags, *keys]

    def typed_command(self, number: int, params: Mapping[str, Any]) -> str:
        """The same for a shell."""
        return shlex.join(["python", *self.command(number, params)])

    def _config(self, params: Mapping[str, Any]) -> Any:
        config = self.loader.load_sweep_config(self.master, [*self.overrides, *space.overrides(params)])
        with open_dict(config):
            del config["hydra"]
        OmegaConf.resolve(config)
        return cli.typed(self.schema, config)

    def _check(self) -> Checked:
        """Every dimension's extremes, each with the first values of the others."""
        if any(d.key == "out" for d in self.space):
            raise UserError("out: one folder for the whole sweep; each trial gets one of its own in it")
        if getattr(self.base, "mirror", None) is not None:
            raise UserError("mirror: a sweep's study is kept in out alone; leave mirror out")
        checked = self.goal.check(self.base)
        first = {d.key: d.values[0] for d in self.space}
        for d in self.space:
            for value in d.extremes[1:]:
                config = self._config({**first, d.key: value})
                if all(getattr(config, key) == getattr(self.base, key) for key in self.goal.touches):
                    continue
                if self.goal.check(config).held != checked.held:
                    raise UserError(
                        f"{d.key}: with {value}, {self.goal.measure} would be measured on other pictures or boxes "
                        f"than with {d.values[0]}, so that they cannot be compared; hydra/sweeper=basic runs them all "
                        "the same"
                    )
        return checked

    def _usual(self) -> list[dict[str, Any]]:
        plain = self.loader.load_sweep_config(self.master, self.fixed)
        values: dict[str, Any] = {}
        for d in self.space:
            key = d.key.lstrip("+")
            value = plain.hydra.runtime.choices.get(key, OmegaConf.select(plain, key, throw_on_missing=False))
            found = d.find(value)
            if found is None:
                return []
            values[d.key] = found
        return [values]


def _goal(command: "Job[Any]", config: DictConfig) -> Goal:
    if command.goal is None:
        raise UserError("hydra/sweeper=optuna: this command measures nothing to compare trials by; leave it out")
    if not str(config.hydra.launcher._target_).endswith(".BasicLauncher"):
        raise UserError(
            "hydra/launcher: the trials of Optuna's sweeper are processes of this machine; add hydra/sweeper=basic "
            "to give every combination to a launcher"
        )
    return command.goal


def _module() -> str:
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise UserError(f"{sys.argv[0]}: start a sweep as python -m MODULE --multirun …")
    return spec.name
