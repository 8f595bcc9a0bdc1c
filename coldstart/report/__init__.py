"""The report of a study: one page that carries everything inside it, made from results.json (docs/report.md)."""

from coldstart.report.page import write

__all__ = ["write"]
