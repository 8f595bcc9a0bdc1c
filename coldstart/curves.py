"""The curves of a training, from what its logger left in the out folder: Lightning's CSV or an offline W&B run."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from coldstart.wandb_file import rows

__all__ = ["Curves", "read"]

Curves = dict[str, list[tuple[int, float]]]  # name -> (step, value), by step

STEPS = ("trainer/global_step", "step")


def read(out: str | Path) -> Curves:
    """All numbers that were logged at a step; of a training that was stopped and went on, its parts joined.

    Empty where nothing was logged, or by another logger.
    """
    found: dict[str, dict[int, float]] = {}
    for row in _rows(Path(out)):
        step = next((int(float(row[key])) for key in STEPS if row.get(key) not in (None, "")), None)
        for name, value in row.items() if step is not None else ():
            if not (name in (*STEPS, "epoch") or name.startswith("_")) and (number := _number(value)) is not None:
                found.setdefault(name, {})[step] = number  # type: ignore[index]
    return {name: sorted(points.items()) for name, points in sorted(found.items())}


def _rows(out: Path) -> Iterator[Mapping[str, Any]]:
    """Oldest file first, so that what was computed anew after a stop counts."""
    for file in _by_age(out.glob("lightning/version_*/metrics.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            yield from csv.DictReader(lines)
    for file in _by_age(out.glob("wandb/*run-*/run-*.wandb")):
        yield from rows(file)


def _by_age(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda file: (file.stat().st_mtime, file))


def _number(value: Any) -> float | None:
    """Pictures and empty cells are none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
