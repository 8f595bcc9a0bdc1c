from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detect import plots
from detect.threshold import operations
from tests.detect.records import random_outcome


def test_ticks_of_a_logarithmic_axis_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Formulas are off, since names of classes are none: a power would be shown as it is written."""
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: drawn.append(figure))
    outcome, _ = random_outcome(np.random.default_rng(0), 60)
    plots.draw_threshold(operations(outcome.matches), 0.3, 0.3, tmp_path / "threshold.png")
    (figure,) = drawn
    figure.savefig(tmp_path / "threshold.png")
    labels = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert {"0", "1"} <= set(labels)
    assert not any("$" in label for label in labels)
