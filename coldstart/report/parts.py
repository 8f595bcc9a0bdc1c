"""Finding one's way in results.json."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldstart.dataset import Dataset, load
from coldstart.errors import UserError
from coldstart.overrides import override

__all__ = ["SOURCE", "Results", "called", "command", "dataset", "titles", "translations"]

SOURCE = "source"  # the name of the renders as they are
Results = Mapping[str, Any]


def dataset(folder: str) -> Dataset | None:
    """The dataset folder, None if it is not there (any more)."""
    try:
        return load(Path(folder))
    except UserError:
        return None


def titles(results: Results) -> dict[str, str]:
    """Arm's name -> what it is called."""
    return {arm["name"]: arm["title"] for arm in results["arms"]}


def translations(results: Results) -> list[Mapping[str, Any]]:
    """One entry of `synthetic` for every translator: of the first fold, since folds look alike."""
    first: dict[str, Mapping[str, Any]] = {}
    for part in results["synthetic"]:
        if part["name"] != SOURCE:
            first.setdefault(part["name"], part)
    return list(first.values())


def command(results: Results, out: str) -> str | None:
    """The command that makes the folder `out`, None if no step of the study does."""
    return next((step["command"] for step in results["steps"] if step["out"] == out), None)


def called(module: str, **keys: str) -> str:
    """What to type into a shell to call one of our commands with these keys."""
    return shlex.join(["python", "-m", module, *(override(key, value) for key, value in keys.items())])
