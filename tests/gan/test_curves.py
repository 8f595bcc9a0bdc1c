"""What was measured becomes a picture, whatever of it could be measured."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from gan.curves import draw_curves
from gan.selection import Measurement

RED, PURPLE, BLUE, GREEN = (214, 39, 40), (148, 103, 189), (31, 119, 180), (44, 160, 44)


@pytest.mark.parametrize(("kid", "retained"), [(0.2, 0.9), (None, 0.9), (0.2, None), (None, None)])
def test_draws_what_is_known(tmp_path: Path, kid: float | None, retained: float | None) -> None:
    error = None if kid is None else 0.1
    history = [Measurement(step, 20.0, 1.0, kid, error, retained) for step in (5, 10)]
    draw_curves(history, history[0], 0.98, tmp_path / "measures.png")
    pixels = np.asarray(Picture.open(tmp_path / "measures.png").convert("RGB"))
    drawn = [bool((pixels == colour).all(-1).any()) for colour in (RED, PURPLE, BLUE, GREEN)]
    assert drawn == [True, True, kid is not None, retained is not None]
