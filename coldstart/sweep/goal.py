"""What a command must say of itself so that its configs can be swept over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

__all__ = ["Checked", "Goal"]


class Checked(NamedTuple):
    """Input that was found good: folders by their names in a card, and what trials are compared on.

    `held`: an entry for each picture, which says all that makes the comparison: where it is, its boxes, its scale.
    """

    parents: Mapping[str, Path]
    held: frozenset[str]


@dataclass(frozen=True)
class Goal:
    """Trials are compared by `measure`, as it stands in the best entry of a JSON file that a training writes.

    `file` in the trial's folder holds `history`, a list of mappings with `step` and `measure`, and `best`, one of them.
    `on` says in words what it is measured on, `then` which command judges the best on what no trial saw; `{out}`
    stands for the best trial's folder. Only the config's keys in `touches` have a say in what is held out.

    `check(config)` raises UserError for what no trial could work with. `value(config, best)` is the number that counts;
    it raises UserError where that training does not count.
    """

    measure: str
    direction: Literal["maximize", "minimize"]
    file: str
    on: str
    then: str
    touches: tuple[str, ...]
    check: Callable[[Any], Checked]
    value: Callable[[Any, Mapping[str, Any]], float]
