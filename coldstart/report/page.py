"""The page of a study, from what results.json holds and what its folders show."""

import re
from pathlib import Path
from typing import Any

from coldstart.dataset import write_atomic
from coldstart.overrides import override
from coldstart.page import environment
from coldstart.progress import clock
from coldstart.report import datasets, graph, shots, strips
from coldstart.report.parts import Results, called, titles
from coldstart.study.results import METRICS

__all__ = ["write"]

SHARED = ("arms", "points", "curve", "replaced", "differences", "cost")  # of results.json, with the page's scripts


def write(out: Path, results: Results) -> Path:
    """Write report.html into the study's folder `out`; return its path.

    `results` is what results.json holds. Pictures and folders that are gone are shown as missing.
    """
    found, drawn = datasets.measured(results), graph.graph(results)
    seen = shots.shots(results)
    templates = environment()
    templates.filters |= {"clock": clock, "number": number, "asides": asides}
    page = templates.get_template("report/page.html.j2").render(
        results=results,
        numbers=_numbers(results),
        data=_data(results, seen, drawn),
        shots=seen,
        lowest=shots.LOWEST,
        groups=strips.groups(results) if results["synthetic"] else [],
        audits=datasets.audits(results),
        table=datasets.table(found),
        charts=datasets.charts(found),
        statistics=_statistics_commands(results),
        frame=datasets.FRAME,
        graph=drawn,
        box=graph.BOX,
        titles=titles(results),
        missing=[step for step in results["steps"] if step["status"] != "done"],
    )
    write_atomic(out / "report.html", page.encode())
    return out / "report.html"


def number(value: float | None) -> str:
    """A score."""
    return "missing" if value is None else f"{value:.3f}"


def asides(sentence: str) -> list[str]:
    """The sentence in parts, every second one a bracket with numbers, which the page sets less loud."""
    return re.split(r"(\([^()]*\d[^()]*\))", sentence)


def _statistics_commands(results: Results) -> list[str]:
    folders = [fold["test"]["folder"] for fold in results["folds"]]
    folders += [part["folder"] for part in results["synthetic"]]
    return [
        called("coldstart.statistics", data=folder, out=f"outputs/statistics/{n}") for n, folder in enumerate(folders)
    ]


def _data(results: Results, seen: shots.Shots, drawn: graph.Graph) -> dict[str, Any]:
    """What the page's scripts draw from. Pictures are in the page itself, once."""
    kept = ("arm", "budget", "fold", "seed", "status")
    return {
        **{key: results[key] for key in SHARED},
        "metrics": METRICS,
        # `run` as an element of detect.compare's runs=[…]
        "cells": [
            {**{key: cell[key] for key in kept}, "run": override("runs", [cell["scores"]])[len("runs=[") : -1]}
            for cell in results["cells"]
        ],
        "pair": _pair(results),
        "score": 0.3,
        "boxes": _boxes(results),
        "shots": [{key: value for key, value in shot.items() if key != "uri"} for shot in seen],
        "lineage": {
            key: {"title": node.title, "folders": list(node.folders.items())} for key, node in drawn.nodes.items()
        },
    }


def _pair(results: Results) -> list[str]:
    """The two points that the page compares at first: photos alone, and the best of the others."""

    def rank(point: dict[str, Any]) -> float:
        return -1.0 if point["AP"]["mean"] is None else float(point["AP"]["mean"])

    alone = results["curve"]["arm"] if results["curve"] else None
    own = [p for p in results["points"] if p["arm"] == alone] or results["points"][:1]
    others = [p for p in results["points"] if p["arm"] != own[0]["arm"]] or own
    return [f"{p['arm']}/{p['budget']}" for p in (max(own, key=rank), max(others, key=rank))]


def _boxes(results: Results) -> dict[str, int]:
    """Boxes of each class on all test photos."""
    boxes: dict[str, int] = {}
    for fold in results["folds"]:
        for name, count in (fold["test"]["classes"] or {}).items():
            boxes[name] = boxes.get(name, 0) + count
    return boxes


def _numbers(results: Results) -> list[dict[str, Any]]:
    """The key numbers: the best without labels, all photos alone, the best of all; each with its point."""
    names = titles(results)
    scored = [p for p in results["points"] if p["AP"]["mean"] is not None]
    worth = {(r["arm"], r["budget"]): r["text"] for r in results["replaced"] if r["metric"] == "AP"}
    alone = results["curve"]["arm"] if results["curve"] else None
    wanted = {
        "Without any labelled photo": [p for p in scored if p["budget"] == 0],
        "Labelled photos alone": [p for p in scored if p["arm"] == alone],
        "Highest of all": scored,
    }
    order = [arm["name"] for arm in results["arms"]]
    found = []
    for what, points in wanted.items():
        if points:
            best = max(points, key=lambda p: p["AP"]["mean"])
            same = worth.get((best["arm"], best["budget"]))
            found.append(
                {
                    "what": what,
                    "arm": names[best["arm"]],
                    "colour": order.index(best["arm"]) % 8,
                    "photos": best["photos_text"] if best["photos"] else None,
                    **best["AP"],
                    "worth": same,
                }
            )
    return found
