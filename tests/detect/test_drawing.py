from pathlib import Path

import numpy as np
import torch
from PIL import Image

from detect.drawing import MISSED, RIGHT, Mark, class_colour, draw_batch, draw_found, draw_marks
from detect.inference import Detection


def near(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(np.asarray(picture).astype(int) - colour).sum(2) < 30


def test_boxes_lie_where_they_should_on_a_shrunk_photo() -> None:
    drawn = draw_marks(Image.new("RGB", (1500, 2000)), [([300.0, 400.0, 600.0, 800.0], RIGHT, "solid", "")])
    assert drawn.size == (750, 1000)
    rows, columns = near(drawn, RIGHT).nonzero()
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (150, 200, 450, 600)


def test_dashes_are_fewer_pixels_than_a_line() -> None:
    box = [50.0, 50.0, 300.0, 300.0]
    dashed, solid = (
        near(draw_marks(Image.new("RGB", (400, 400)), [(box, MISSED, style, "")]), MISSED).sum()
        for style in ("dashed", "solid")
    )
    assert 0.4 < dashed / solid < 0.75


def test_texts_of_close_boxes_do_not_cover_each_other() -> None:
    """Two texts of different colours over one box: both keep all of their area."""
    one: Mark = ([100.0, 100.0, 60.0, 60.0], RIGHT, "thin", "milk 0.90")
    other: Mark = ([102.0, 101.0, 60.0, 60.0], MISSED, "thin", "milk missed")
    blank = Image.new("RGB", (400, 400))
    alone = near(draw_marks(blank, [one]), RIGHT).sum()
    both = draw_marks(blank, [one, other])
    assert near(both, RIGHT).sum() > 0.85 * alone
    assert near(both, MISSED).sum() > 0.85 * near(draw_marks(blank, [other]), MISSED).sum()


def test_texts_stay_inside_the_picture() -> None:
    mark: Mark = ([380.0, 0.0, 20.0, 20.0], RIGHT, "thin", "a rather long name 0.99")
    rows = near(draw_marks(Image.new("RGB", (400, 400)), [mark]), RIGHT).sum(1)
    assert rows.max() > 100


def test_a_batch_becomes_a_grid(tmp_path: Path) -> None:
    target = {"boxes": torch.tensor([[5.0, 5, 30, 30]]), "labels": torch.tensor([0]), "ignored": torch.zeros(0, 4)}
    draw_batch(([torch.zeros(3, 40, 50)] * 6, [target] * 6), ["milk"], tmp_path / "batch.png")
    with Image.open(tmp_path / "batch.png") as sheet:
        assert sheet.size == (200, 80)
        assert np.asarray(sheet)[:, 50:100].any()


def test_what_was_found_has_the_colour_of_its_class_and_dashes_if_unsure() -> None:
    names = ["milk", "butter"]
    found = [
        Detection([50.0, 100.0, 100.0, 200.0], "butter", 0.9),
        Detection([250.0, 100.0, 100.0, 200.0], "milk", 0.4),
    ]
    drawn = np.asarray(draw_found(Image.new("RGB", (400, 400)), found, names, sure=0.5))
    assert (drawn[150:300, 150] == class_colour(1, 2)).all()
    dashes = (drawn[150:300, 350] == class_colour(0, 2)).all(1)
    assert dashes.any() and not dashes.all()
