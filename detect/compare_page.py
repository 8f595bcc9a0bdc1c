"""The page of a comparison: what differs in score and in the making, and every photo under all runs."""

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from coldstart.curves import Curves
from coldstart.page import environment
from coldstart.pictures import data_uri
from detect.run import Run

__all__ = ["page"]

METRICS = ("AP", "AP50", "AP75", "AR100")
PHOTOS, WIDTH = 40, 460  # on the page, those that the runs differ on most; pixels of each
SETTINGS = 80  # rows of differing settings
FRAME = (600, 190)  # of a chart, SVG units
FOLD = 5  # a curve whose largest value is so many times its smallest is drawn on a logarithmic axis


def page(found: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """The HTML of `detect.compare.numbers`; pictures are those that detect.evaluate drew."""
    curves = {letter: run["curves"] for letter, run in found["runs"].items()}
    names = sorted({name for each in curves.values() for name in each}, key=lambda n: (n not in FIRST, n))
    photos = [_photo(photo, list(found["runs"])) for photo in found["photos"]]
    photos.sort(key=lambda photo: (-photo["apart"], photo["name"]))
    for photo in photos[:PHOTOS]:
        photo["uris"] = [data_uri(run.drawing(photo["name"]), WIDTH) for run in runs]
    templates = environment()
    templates.filters |= {"number": number, "signed": signed, "value": value}
    return templates.get_template("compare.html.j2").render(
        found=found,
        metrics=METRICS,
        verdicts=[verdict(letter, result["AP"]) for letter, result in found["differences"].items()],
        reach={letter: _reach(result) for letter, result in found["differences"].items()},
        charts=[chart(name, {k: each[name] for k, each in curves.items() if name in each}) for name in names],
        prominent=[name for name in names if name in FIRST],
        settings=found["settings"][:SETTINGS],
        photos=photos[:PHOTOS],
        call=shlex.join(["python", "-m", "detect.compare", *sys.argv[1:]]),
    )


FIRST = ("loss", "held_out/AP")


def verdict(letter: str, values: Mapping[str, Any]) -> str:
    """What the paired difference of a run to the first allows to be said."""
    apart, bounds = values["difference"], values["interval"]
    if apart is None or bounds is None:
        return f"{letter} and A cannot be compared on so few photos."
    said = f"{letter} scores {abs(apart):.3f} AP {'more' if apart >= 0 else 'less'} than A"
    if bounds[0] <= 0 <= bounds[1]:
        return f"{said}, but 0 is within the 95 % interval ({span(bounds)}): these photos cannot tell the two apart."
    return f"{said} (95 % interval {span(bounds)}): on other photos like these the order should hold."


def span(bounds: Sequence[float]) -> str:
    """An interval in words."""
    return f"{signed(bounds[0])} to {signed(bounds[1])}"


def signed(apart: float | None) -> str:
    """A difference, with a true minus."""
    return "–" if apart is None else f"{apart:+.3f}".replace("-", "−")


def number(share: float | None) -> str:
    """A share of 1."""
    return "–" if share is None else f"{share:.3f}"


def value(setting: Any) -> str:
    """A setting as it is written in YAML, or nearly so."""
    return "–" if setting is None else str(setting)


def _reach(result: Mapping[str, Any]) -> float:
    """How far from 0 a chart of differences must reach."""
    parts = [*(result[key] for key in METRICS), *(values["AP"] for values in result["per_class"].values())]
    ends = [abs(end) for part in parts for end in (part["difference"], *(part["interval"] or ())) if end is not None]
    return max([*ends, 0.01]) * 1.08


def _photo(photo: Mapping[str, Any], letters: Sequence[str]) -> dict[str, Any]:
    """With the runs that make the fewest errors on it, none if all make as many."""
    errors = [sum(pair) for pair in zip(photo["false_alarms"], photo["missed"], strict=True)]
    apart = max(errors) - min(errors)
    best = [letter for letter, count in zip(letters, errors, strict=True) if apart and count == min(errors)]
    return {**photo, "apart": apart, "best": best}


def chart(name: str, lines: Curves) -> dict[str, Any]:
    """A curve of each run as an SVG path in `FRAME`, by letter, with its last value; ticks of both axes."""
    width, height = FRAME
    values = [v for points in lines.values() for _, v in points if math.isfinite(v)] or [0.0]
    low, high, last = min(values), max(values), max(step for points in lines.values() for step, _ in points) or 1
    logarithmic = low > 0 and high > FOLD * low
    scale = math.log10 if logarithmic else float
    bottom, top = scale(low), scale(high)
    room = (top - bottom) or 1.0

    def up(v: float) -> float:
        return height - (scale(v) - bottom) / room * height

    paths = {
        letter: "M" + "L".join(f"{step / last * width:.1f} {up(v):.1f}" for step, v in points if math.isfinite(v))
        for letter, points in lines.items()
    }
    marks = [10 ** (bottom + part * room) if logarithmic else bottom + part * room for part in (0, 0.5, 1)]
    return {
        "name": name,
        "paths": paths,
        "last": {letter: f"{points[-1][1]:.4g}" for letter, points in lines.items()},
        "steps": last,
        "ticks": [(up(mark), f"{mark:.3g}") for mark in marks],
        "logarithmic": logarithmic,
    }
