"""What a folder was made with, all the way back to the renders and photos, as far as its ancestors are on this disk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.lineage import INCIDENTAL, read_card

__all__ = ["Setting", "differing", "settings"]

SHORT = 12  # characters of a hash


@dataclass(frozen=True, order=True)
class Setting:
    """A dotted `key` of a `stage`, which the folder was made by or descends from through parents named `via`."""

    via: tuple[str, ...]
    stage: str
    key: str


def settings(out: str | Path) -> dict[Setting, Any]:
    """Every setting that the content of a folder with a card depends on, its ancestors' included.

    A parent is a setting too: its hash stands for its content. Code revisions are settings named `git`.

    Raises:
        UserError: the folder has no card.
    """
    return dict(_settings(Path(out), ()))


def differing(runs: Sequence[Mapping[Setting, Any]]) -> list[Setting]:
    """The settings in which some run is not like the first, in order; one that a run lacks differs from any."""
    known = sorted({setting for run in runs for setting in run})
    return [s for s in known if any((s in run, run.get(s)) != (s in runs[0], runs[0].get(s)) for run in runs[1:])]


def _settings(folder: Path, via: tuple[str, ...]) -> Iterator[tuple[Setting, Any]]:
    card = read_card(folder)
    parents = card.get("parents", {})
    paths = {parent["path"] for parent in parents.values()}
    for key, value in _flat({k: v for k, v in card["config"].items() if k not in INCIDENTAL}, ""):
        # A path counts by what lies there, which the parents' hashes tell.
        if not (key in parents or (isinstance(value, str) and value in paths)):
            yield Setting(via, card["stage"], key), value
    yield Setting(via, card["stage"], "git"), card.get("git")
    for name, parent in parents.items():
        yield Setting(via, card["stage"], f"{name} (sha256)"), parent["sha256"][:SHORT]
        path = Path(parent["path"])
        above = path.parent if path.is_file() else path
        if (above / "card.json").is_file():
            yield from _settings(above, (*via, name))


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings; lists of folders are taken apart, since each may be a parent."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        for place, item in enumerate(value):
            yield f"{key}[{place}]", item
    else:
        yield key, value
