"""A picture of what was measured while training."""

from collections.abc import Sequence
from pathlib import Path

from coldstart.pictures import save_figure
from gan.selection import Measurement

__all__ = ["draw_curves"]


def draw_curves(history: Sequence[Measurement], chosen: Measurement, floor: float, path: Path) -> None:
    """`kid_lite0` with its standard error and `retained` over the steps as a PNG; a line marks the `chosen` step."""
    from matplotlib.figure import Figure  # takes a second to import

    figure = Figure(figsize=(7, 4.4), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    known = [(m.step, m.kid_lite0, m.kid_error) for m in history if m.kid_lite0 is not None]
    if known:
        above.errorbar(*zip(*known, strict=True), marker="o", ms=4, lw=1.2, elinewidth=0.8, capsize=2, color="tab:blue")
    above.set_ylabel("kid_lite0 (lower is better)")
    shares = [(m.step, 100 * m.retained) for m in history if m.retained is not None]
    if shares:
        below.plot(*zip(*shares, strict=True), marker="o", ms=4, lw=1.2, color="tab:green")
    below.axhline(100 * floor, ls="--", lw=0.8, color="grey")
    below.set_ylim(min([100 * floor, *(share for _, share in shares)]) - 2, 100.5)
    below.set_ylabel("retained objects, %")
    below.set_xlabel("step")
    for axes in (above, below):
        axes.axvline(chosen.step, lw=0.8, color="tab:red", label=f"best: step {chosen.step}")
        axes.grid(alpha=0.25)
    above.legend(frameon=False)
    save_figure(figure, path)
