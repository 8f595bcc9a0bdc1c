"""What one detector scores more than another on the same labelled photos.

    python -m detect.compare runs=[outputs/scores/a,outputs/scores/b]

`runs` are out folders of detect.evaluate, scored on the same data. Prints AP and AP50 of each, class by class, and the
differences to the first run with 95 % intervals over images, drawn for both alike (paired).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart import cli
from coldstart.errors import UserError
from coldstart.tables import aligned
from detect.matching import Matches
from detect.scoring import paired

__all__ = ["CompareConfig", "compare", "table"]


@dataclass(frozen=True)
class CompareConfig:
    """See conf/detect_compare.yaml."""

    runs: list[str]
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.runs) < 2:
            raise UserError(f"runs: needs two folders or more, got {len(self.runs)}")
        if self.draws < 1 or self.seed < 0:
            raise UserError("draws must be at least 1 and seed not below 0")


def compare(config: CompareConfig) -> None:
    """Print a table for each run after the first.

    Raises:
        UserError: a run has no scores, or was scored on other data.
    """
    first, *others = config.runs
    matches = [Matches.load(Path(run) / "matches.npz") for run in config.runs]
    for run, other in zip(others, matches[1:], strict=True):
        try:
            result = paired(matches[0], other, draws=config.draws, seed=config.seed)
        except UserError as error:
            raise UserError(f"{first}, {run}: {error}") from None
        print(f"A = {first}\nB = {run}\n\n{table(result)}\n")


def table(result: Mapping[str, Any]) -> str:
    """`paired`'s differences as lines of text, one per class and one for the mean."""
    lines = [["", "AP: A", "B", "B − A", "95 %", "AP50: A", "B", "B − A", "95 %"]]
    for name, values in [*result["per_class"].items(), ("mean of classes", result)]:
        lines.append([name, *(cell for key in ("AP", "AP50") for cell in _cells(values[key]))])
    return aligned(lines, right=True)


def _cells(values: Mapping[str, Any]) -> list[str]:
    ends = ["–" if values[key] is None else f"{values[key]:.3f}" for key in ("a", "b")]
    apart = "–" if values["difference"] is None else f"{values['difference']:+.3f}"
    bounds = values["interval"]
    return [*ends, apart, f"{bounds[0]:+.3f} to {bounds[1]:+.3f}" if bounds else "–"]


if __name__ == "__main__":
    cli.run(compare, CompareConfig, "detect_compare", __doc__)
