import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from blender_scenes.preview import sheet


def test_sheet_shows_every_picture_with_its_labels(renders: Path, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(renders, copy)
    drawn = Image.open(sheet(copy, columns=2))
    assert drawn.size == (180, 240)
    first = np.asarray(drawn)[:120, :90].astype(int)
    plain = np.asarray(Image.open(copy / "images" / "000000.png")).astype(int)
    assert (np.abs(first - plain).sum(axis=2) > 60).mean() > 0.01
