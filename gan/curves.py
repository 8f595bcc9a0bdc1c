"""A picture of what was measured while training."""

from collections.abc import Sequence
from pathlib import Path

from coldstart.pictures import save_figure
from gan.selection import Measurement

__all__ = ["draw_curves"]


def draw_curves(history: Sequence[Measurement], chosen: Measurement, floor: float, path: Path) -> None:
    """`swd` and `kid_lite0` with standard errors and `retained` over the steps as a PNG; a line marks the `chosen`."""
    from matplotlib.figure import Figure  # takes a second to import

    figure = Figure(figsize=(7, 6), dpi=110, layout="constrained")
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 2])
    style = {"marker": "o", "ms": 4, "lw": 1.2, "elinewidth": 0.8, "capsize": 2}
    above.errorbar(*zip(*[(m.step, m.swd, m.swd_error) for m in history], strict=True), **style, color="tab:purple")
    above.set_ylabel("swd (lower is better)")
    known = [(m.step, m.kid_lite0, m.kid_error) for m in history if m.kid_lite0 is not None]
    if known:
        middle.errorbar(*zip(*known, strict=True), **style, color="tab:blue")
    middle.set_ylabel("kid_lite0")
    shares = [(m.step, 100 * m.retained) for m in history if m.retained is not None]
    if shares:
        below.plot(*zip(*shares, strict=True), marker="o", ms=4, lw=1.2, color="tab:green")
    below.axhline(100 * floor, ls="--", lw=0.8, color="grey")
    below.set_ylim(min([100 * floor, *(share for _, share in shares)]) - 2, 100.5)
    below.set_ylabel("retained objects, %")
    below.set_xlabel("step")
    for axes in (above, middle, below):
        axes.axvline(chosen.step, lw=0.8, color="tab:red", label=f"best: step {chosen.step}")
        axes.grid(alpha=0.25)
    above.legend(frameon=False)
    save_figure(figure, path)
