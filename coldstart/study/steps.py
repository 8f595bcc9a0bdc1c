"""One command of a study, and the hash of its inputs that names its folder."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from coldstart import cli
from coldstart.errors import UserError
from coldstart.lineage import INCIDENTAL, fingerprint, named_files
from coldstart.overrides import override

__all__ = ["CONFIGS", "Made", "Step", "Steps", "external"]

# Where each command's keys are: conf/<this>.yaml.
CONFIGS = {
    "blender_scenes.render": "render",
    "coldstart.split": "split",
    "coldstart.subset": "subset",
    "gan.train": "gan_train",
    "gan.translate": "gan_translate",
    "detect.label": "detect_label",
    "detect.train": "detect_train",
    "detect.evaluate": "detect_evaluate",
}


@dataclass(frozen=True)
class Step:
    """One command; `needs` are the ids of the steps whose output it reads. Its id is <module>/<hash of its inputs>."""

    id: str
    name: str
    module: str
    overrides: tuple[str, ...]
    out: Path
    needs: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What to type into a shell to run this step alone."""
        return shlex.join(["python", "-m", self.module, *self.overrides])

    @property
    def record(self) -> Path:
        """Where it is kept how the step went."""
        return self.out.with_name(f"{self.out.name}.json")

    @property
    def log(self) -> Path:
        """What the step said."""
        return self.out.with_name(f"{self.out.name}.log")


@dataclass(frozen=True)
class Made:
    """A file or folder that a step reads: where it is, what stands for its content, the step that makes it (if any)."""

    path: Path
    identity: str
    step: str | None = None

    def __truediv__(self, part: str) -> "Made":
        """A part of it."""
        return Made(self.path / part, f"{self.identity}/{part}", self.step)


def external(path: str) -> Made:
    """A folder of photos that is there before the study, by its content."""
    return Made(Path(path), fingerprint(path))


@dataclass
class Steps:
    """The steps of a study in an order in which they can run; equal ones are one.

    `cache`: where their folders are; `config_dir`: a conf folder of the user's own; `logger`: keys of every step.
    """

    cache: Path
    config_dir: str | None = None
    logger: Sequence[str] = ()
    listed: dict[str, Step] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id, without what makes no difference

    def add(
        self,
        name: str,
        module: str,
        settings: Mapping[str, Any],
        inputs: Mapping[str, Made | Sequence[Made]],
        *,
        overrides: Sequence[str] = (),
        seed: int | None = None,
        free: Mapping[str, Any] | None = None,
    ) -> Made:
        """Add a step, unless it is there, and return its folder.

        `settings` and `overrides` are keys of its config, `inputs` the keys that name what it reads. What `free` holds
        makes no difference to the result.

        Raises:
            UserError: the command does not know one of its keys.
        """
        keys = [override(key, value) for key, value in settings.items()] + list(overrides)
        read = {key: [value] if isinstance(value, Made) else list(value) for key, value in inputs.items()}
        identities = {key: [made.identity for made in value] for key, value in read.items()}
        try:
            settled = _resolved(module, tuple(keys), self.config_dir)
        except UserError as error:
            raise UserError(f"step '{name}' ({module}): {error}") from None
        # A product's mesh may change at the same path. Without such files nothing is added.
        named = {key: fingerprint(path) for key, path in named_files(json.loads(settled)).items()}
        digest = _digest([module, settled, seed, identities | named])[:16]
        out, step_id = self.cache / module / digest, f"{module}/{digest}"
        if step_id not in self.listed:
            paths = {key: _paths(value) for key, value in inputs.items()}
            last = {**({} if seed is None else {"seed": seed}), **paths, **(free or {}), "out": out}
            flags = [f"--config-dir={self.config_dir}"] if self.config_dir else []
            said = (*flags, *keys, *(override(key, value) for key, value in last.items()), *self.logger)
            needs = dict.fromkeys(made.step for value in read.values() for made in value if made.step)
            self.listed[step_id] = Step(step_id, name, module, said, out, tuple(needs))
            self.configs[step_id] = json.loads(settled)
        return Made(out, step_id, step_id)

    def __getitem__(self, made: Made) -> Step:
        """The step that makes something."""
        return self.listed[str(made.step)]


@cache
def _resolved(module: str, keys: tuple[str, ...], config_dir: str | None) -> str:
    """The config that `keys` give, without what makes no difference to the result, as JSON."""
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(cli.compose(CONFIGS[module], keys), resolve=True, throw_on_missing=False)
    assert isinstance(plain, dict)
    return json.dumps({key: value for key, value in plain.items() if key not in INCIDENTAL}, sort_keys=True)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _paths(value: Made | Sequence[Made]) -> Path | list[Path]:
    return value.path if isinstance(value, Made) else [made.path for made in value]
