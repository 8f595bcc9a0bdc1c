"""The report of a study: one page that carries everything inside it, made from results.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldstart.dataset import write_atomic
from coldstart.page import environment
from coldstart.study.results import METRICS

__all__ = ["write"]


def write(out: Path, results: Mapping[str, Any]) -> Path:
    """Write report.html into the study's folder `out`; return its path."""
    page = environment().get_template("report.html.j2").render(results=results, metrics=METRICS)
    write_atomic(out / "report.html", page.encode())
    return out / "report.html"
