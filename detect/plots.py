"""Pictures of scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coldstart.pictures import save_figure
from detect.boxes import Floats, Ints
from detect.breakdown import KINDS
from detect.matching import Matches
from detect.precision import RECALLS, average_precision, precision_curves
from detect.scoring import Score
from detect.threshold import Operations

__all__ = [
    "draw_confusion",
    "draw_cosines",
    "draw_embedding",
    "draw_errors",
    "draw_groups",
    "draw_precision_recall",
    "draw_threshold",
]

BLUE, ORANGE, GREEN, RED, GREY = "#2b6cb0", "#dd6b20", "#2f855a", "#c53030", "#718096"
GRID = {"alpha": 0.25, "lw": 0.6}
BESIDE: dict[str, Any] = {"frameon": False, "bbox_to_anchor": (1, 1), "loc": "upper left"}
# of points of the first domain and the others: marker, size, opacity, edge
MARKERS = (("o", 34, 0.9, "white"), ("^", 24, 0.55, "none"), ("s", 20, 0.55, "none"), ("P", 26, 0.55, "none"))


def _figure(width: float, height: float) -> Any:
    from matplotlib import rcParams  # takes a second to import
    from matplotlib.figure import Figure

    rcParams["text.parse_math"] = False  # names of classes are no formulas
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def _class_colours(count: int) -> list[Any]:
    """Colours that can be told apart on white."""
    from matplotlib import colormaps

    for name, most in (("tab10", 10), ("tab20", 20)):
        if count <= most:
            return [colormaps[name](i) for i in range(count)]
    return list(colormaps["nipy_spectral"](np.linspace(0.05, 0.95, count)))


def _bare(axes: Any) -> None:
    """Without the upper and right line."""
    axes.spines[["top", "right"]].set_visible(False)


def draw_precision_recall(matches: Matches, path: Path) -> None:
    """Precision over recall of each class and their mean at IoU 0.5 and 0.75; the legend gives the AP."""
    figure = _figure(11, 4.8)
    colours = _class_colours(len(matches.classes))
    for axes, iou in zip(figure.subplots(1, 2, sharey=True), (0.5, 0.75), strict=True):
        at = matches.at(iou)
        curves, ap = precision_curves(at)[0], average_precision(at)[0, 0]
        for k in np.flatnonzero(~np.isnan(ap)):
            axes.plot(RECALLS, curves[:, k], color=colours[k], lw=1.3, label=f"{matches.classes[k]}  {ap[k]:.2f}")
        if (~np.isnan(ap)).any():
            mean = np.nanmean(curves, axis=1)
            axes.plot(RECALLS, mean, color="black", lw=2.6, label=f"mean  {np.nanmean(ap):.2f}")
            axes.legend(title="AP", fontsize=8, title_fontsize=8, **BESIDE)
        axes.set(title=f"IoU {iou}", xlabel="recall", xlim=(0, 1.01), ylim=(0, 1.02))
        axes.grid(**GRID)
        _bare(axes)
    figure.axes[0].set_ylabel("precision")
    save_figure(figure, path)


def draw_confusion(counts: Ints, names: Sequence[str], path: Path, title: str = "") -> None:
    """A (K+1)×(K+1) matrix of `detect.confusion`, or a K×K one of a classifier; colours are shares of a row."""
    size = len(counts)
    rows, columns = ([*names, word][:size] for word in ("background", "missed"))
    side = max(4.2, 0.48 * size + 2)
    figure = _figure(side + 0.4, side)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = shares[row, column] > 0.55
        axes.text(
            column,
            row,
            counts[row, column],
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark else "black" if row == column else RED,
        )
    if size > len(names):
        for draw in (axes.axhline, axes.axvline):
            draw(len(names) - 0.5, color=GREY, lw=1)
    axes.set_xticks(range(size), columns, rotation=45, ha="right", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(size), rows, fontsize=9)
    axes.set(xlabel="found as", ylabel="is", title=title)
    axes.title.set_fontsize(10)
    save_figure(figure, path)


def draw_errors(errors: Mapping[str, Any], path: Path) -> None:
    """What mending each kind of error would gain in AP50, and how many there are: `gains`, `counts` of `breakdown`."""
    figure = _figure(8, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(KINDS))[::-1]
    gains = [errors["gains"][name] or 0 for name in KINDS]
    counts = [errors["counts"][name] for name in KINDS]
    _bars(left, places, gains, ORANGE, [f"+{gain:.3f}" for gain in gains])
    _bars(right, places, counts, GREY, [str(count) for count in counts])
    left.set(title="AP50 gained if mended", yticks=places, yticklabels=KINDS)
    right.set(title="how many (whatever their score)")
    save_figure(figure, path)


def _bars(axes: Any, places: Any, values: Sequence[float], colour: str, texts: Sequence[str]) -> None:
    bars = axes.barh(places, values, color=colour, height=0.65)
    axes.bar_label(bars, texts, padding=4, fontsize=9)
    axes.set_xlim(0, max([*values, 1e-3]) * 1.22)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", **GRID)
    axes.title.set_fontsize(10)
    _bare(axes)


def draw_threshold(curve: Operations, suggested: float | None, used: float, path: Path) -> None:
    """Precision, recall, F1 and false alarms over the score from which detections are believed."""
    figure = _figure(8, 4.2)
    axes = figure.subplots()
    for values, colour, name in (
        (curve.precision, BLUE, "precision"),
        (curve.recall, GREEN, "recall"),
        (curve.f1, "black", "F1"),
    ):
        axes.plot(curve.score, values, color=colour, lw=2.2 if name == "F1" else 1.5, label=name)
    axes.axvline(used, color=GREY, lw=1, ls=":", label=f"score={used:.2f}, as drawn")
    if suggested is not None:
        axes.axvline(suggested, color=RED, lw=1.2, ls="--", label=f"suggested: {suggested:.2f}")
    axes.set(xlabel="detections with at least this score", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(**GRID)
    alarms = axes.twinx()
    alarms.plot(curve.score, curve.false_alarms, color=ORANGE, lw=1.5, label="false alarms per photo")
    alarms.set_yscale("symlog", linthresh=1)
    alarms.set_ylim(bottom=0)
    alarms.yaxis.set_major_formatter("{x:g}")  # a power would be a formula
    alarms.set_ylabel("false alarms per photo", color=ORANGE)
    for spine in (axes, alarms):
        spine.spines["top"].set_visible(False)
    lines = [*axes.get_lines(), *alarms.get_lines()]
    figure.legend(lines, [str(line.get_label()) for line in lines], loc="outside upper center", ncols=3, frameon=False)
    save_figure(figure, path)


def draw_groups(score: Score, boxes: Mapping[str, int], path: Path) -> None:
    """AP and AP50 of every class with 95 % intervals, and of the sizes and visible fractions that occur."""
    parts = {
        name: {key: part for key, part in parts.items() if part["boxes"]}
        for name, parts in (("by size (COCO's)", score.by_size), ("by visible fraction", score.by_visible_fraction))
    }
    shown = {name: part for name, part in parts.items() if part}
    classes = {name: values for name, values in score.per_class.items() if values["AP"] is not None}
    rows = max(len(classes), sum(len(part) + 2 for part in shown.values()), 4)
    figure = _figure(11, 1.5 + 0.34 * rows)
    grid = figure.add_gridspec(1 + len(shown), 2, height_ratios=[*(len(p) + 1 for p in shown.values()), 0.001])
    axes = figure.add_subplot(grid[:, 0])
    labels = [f"{name} ({boxes[name]})" for name in classes]
    _dots(axes, labels, {key: [v[key] for v in classes.values()] for key in ("AP", "AP50")})
    for key, (colour, shift) in {"AP": (BLUE, 0.12), "AP50": (ORANGE, -0.12)}.items():
        for place, name in zip(range(len(classes))[::-1], classes, strict=True):
            if bounds := score.class_intervals[name][key]:
                axes.plot(bounds, [place + shift] * 2, color=colour, lw=1.6, alpha=0.55)
    axes.set_title("by class (boxes), 95 % intervals over images", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    for i, (name, part) in enumerate(shown.items()):
        axes = figure.add_subplot(grid[i, 1])
        values: dict[str, list[Any]] = {key: [v[key] for v in part.values()] for key in ("AP", "AP50", "AR50")}
        _dots(axes, [f"{key} ({v['boxes']})" for key, v in part.items()], values)
        axes.set_title(name, fontsize=10)
        axes.legend(fontsize=8, **BESIDE)
    save_figure(figure, path)


def _dots(axes: Any, names: Sequence[str], values: Mapping[str, Sequence[Any]]) -> None:
    """A row for each name, from the top, a dot for each kind of value."""
    looks = {"AP": (BLUE, "o", 0.12), "AP50": (ORANGE, "s", -0.12), "AR50": (GREEN, "D", 0.0)}
    places = np.arange(len(names))[::-1]
    for key, row in values.items():
        colour, marker, shift = looks[key]
        axes.plot(row, places + shift, marker, color=colour, ms=5.5, label="recall" if key == "AR50" else key)
    axes.set(yticks=places, yticklabels=names, xlim=(0, 1.02), ylim=(-0.6, len(names) - 0.4))
    axes.grid(**GRID)
    _bare(axes)


def draw_embedding(
    points: Floats, classes: tuple[Ints, Sequence[str]], domains: tuple[Ints, Sequence[str]], path: Path
) -> None:
    """N×2 points, coloured by class, with a marker for each domain; both as places (N) in a list of names."""
    (category, names), (domain, kinds) = classes, domains
    figure = _figure(9, 6.2)
    axes = figure.subplots()
    colours = _class_colours(len(names))
    looks = [MARKERS[min(i, len(MARKERS) - 1)] for i in range(len(kinds))]
    for i, (marker, size, alpha, edge) in reversed(list(enumerate(looks))):
        for k, colour in enumerate(colours):
            some = points[(domain == i) & (category == k)]
            axes.scatter(*some.T, s=size, marker=marker, color=colour, alpha=alpha, edgecolor=edge, lw=0.5)
    handles = [axes.scatter([], [], color=colours[k], label=names[k]) for k in np.unique(category)]
    handles += [
        axes.scatter([], [], marker=look[0], color="black", label=kind) for look, kind in zip(looks, kinds, strict=True)
    ]
    axes.legend(handles=handles, fontsize=9, **BESIDE)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#cbd5e0")
    save_figure(figure, path)


def draw_cosines(known: Floats, stranger: Floats, threshold: float, path: Path) -> None:
    """How near things are to the nearest class of a gallery that has theirs, or has not; NaN is left out."""
    figure = _figure(8, 3.6)
    axes = figure.subplots()
    for values, colour, name in ((known, BLUE, "class in the gallery"), (stranger, ORANGE, "class left out")):
        some = values[~np.isnan(values)]
        axes.hist(some, bins=np.linspace(-1, 1, 81), color=colour, alpha=0.6, label=f"{name} ({len(some)})")
    axes.axvline(threshold, color=RED, lw=1.4, ls="--", label=f"threshold {threshold:.2f}")
    axes.set(xlabel="cosine to the nearest class", ylabel="things", xlim=(min(0, threshold), 1))
    axes.legend(frameon=False, fontsize=9)
    _bare(axes)
    save_figure(figure, path)
