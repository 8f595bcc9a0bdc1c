import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coldstart import dataset, lineage
from coldstart.dataset import write_json
from coldstart.errors import UserError
from detect.boxes import Truth, found_boxes, overlaps
from detect.habit import Habit
from detect.margins import MarginsConfig, margin, margins, measure
from detect.matching import match

Toys = Callable[..., Path]


@pytest.fixture
def run(toys: Toys, tmp_path: Path) -> Path:
    """A folder as detect.evaluate leaves it: tight boxes were found, the labels stand off by 20 thousandths."""
    tight = dataset.load(toys("data", 4, seed=9, size=(96, 128)))
    loose = Habit(margin=20)(tight)
    write_json(tight.root / "annotations.json", json.loads(_content(tight)) | {"annotations": loose.annotations})
    out = tmp_path / "run"
    lineage.claim(out, "detect.evaluate", {"data": str(tight.root)}, parents={"checkpoint": str(tight.root)})
    found = [{k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 0.5} for a in tight.annotations]
    truth = Truth.of(loose.images, loose.annotations, loose.categories)
    boxes = found_boxes(found, loose.images, loose.categories)
    write_json(out / "detections.json", found)
    write_json(out / "results.json", {"at_score": {}})
    match(boxes, truth, overlaps(boxes, truth, 0.5)).save(out / "matches.npz")
    lineage.complete(out)
    return out


def _content(data: dataset.Dataset) -> str:
    return (data.root / "annotations.json").read_text()


def test_what_annotators_add_is_measured(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    margins(MarginsConfig([str(run)]))
    head, *rows, everything, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["class", "found", "left", "top", "right", "bottom"]
    assert {row.split()[0] for row in rows} == {"square", "disc", "bar"}
    assert everything.split() == ["all", "12", "20.0", "20.0", "20.0", "20.0"]
    assert last == "margin 20.0 (20.0 to 20.0) thousandths of the longer side: habit.margin=20.0"


def test_photos_of_two_folds_are_not_the_same_and_labels_must_be_those_scored(run: Path) -> None:
    photos, _, _ = measure(run, 0.3)
    assert len(set(photos)) == 4
    again, _, _ = measure(run, 0.3)
    assert set(again) == set(photos)
    data = Path(lineage.read_card(run)["config"]["data"])
    content = json.loads((data / "annotations.json").read_text())
    content["annotations"][0]["bbox"][0] += 1
    write_json(data / "annotations.json", content)
    with pytest.raises(UserError, match="was scored on other data than"):
        measure(run, 0.3)


def test_the_margin_is_a_median_over_sides_and_its_interval_over_photos() -> None:
    photos = np.repeat(np.arange(8), 5)
    sides = 3.0 + np.tile(0.1 * photos[:, None], 4)
    sides[0] = np.nan
    value, low, high = margin(photos, sides, 200)
    assert low < value < high
    assert value == pytest.approx(3.4, abs=0.11)


def test_what_cannot_be_measured_is_said(run: Path) -> None:
    with pytest.raises(UserError, match=r"no labelled box was found at IoU 0\.5"):
        margins(MarginsConfig([str(run)], score=0.9))
    with pytest.raises(UserError, match="runs must name a folder"):
        MarginsConfig([])
    with pytest.raises(UserError, match="one folder is given twice"):
        MarginsConfig([str(run), f"{run}/."])
    for content in ("[{}]", "[", "7"):
        (run / "detections.json").write_text(content)
        with pytest.raises(UserError, match=r"detections\.json: is not what detect\.evaluate wrote"):
            margins(MarginsConfig([str(run)]))
    write_json(run / "detections.json", [])
    with pytest.raises(UserError, match="was scored on other data than"):
        margins(MarginsConfig([str(run)]))
