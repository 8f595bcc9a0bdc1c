import json
from pathlib import Path
from typing import Any

import pytest

from coldstart.dataset import load
from coldstart.report.shots import shots
from detect import scoring
from detect.per_photo import per_photo
from tests.coldstart.report.conftest import Made


def counts(shot: dict[str, Any], key: str, score: float) -> tuple[int, int, int]:
    """Right, false and missed, as the page counts them."""
    shown = [d for d in shot["found"][key] if d["score"] >= score]
    taken = {d["takes"] for d in shown}
    right = sum(d["takes"] >= 0 and not d["aside"] for d in shown)
    missed = sum(not label["ignored"] and n not in taken for n, label in enumerate(shot["truth"]))
    return right, sum(d["takes"] < 0 and not d["aside"] for d in shown), missed


@pytest.mark.parametrize("score", [0.05, 0.3, 0.6, 0.9])
def test_counts_at_any_score_are_those_of_the_evaluation(made: Made, score: float) -> None:
    found = shots(made.results)
    assert {shot["fold"] for shot in found} == {"fold0", "fold1"}
    assert len(found) == 6
    for cell in made.results["cells"]:
        test = load(next(f["test"]["folder"] for f in made.results["folds"] if f["name"] == cell["fold"]))
        predictions = json.loads((Path(cell["scores"]) / "detections.json").read_text())
        outcome = scoring.outcome(predictions, test.images, test.annotations, test.categories)
        wanted = per_photo(outcome.matches, score)
        for n, name in enumerate(outcome.matches.images):
            shot = next(s for s in found if (s["fold"], s["name"]) == (cell["fold"], name))
            key = f"{cell['arm']}/{cell['budget']}"
            assert counts(shot, key, score) == tuple(int(values[n]) for values in wanted)


def test_boxes_and_commands_are_those_of_the_files(made: Made) -> None:
    shot = shots(made.results)[0]
    test = load(made.results["folds"][0]["test"]["folder"])
    assert [label["box"] for label in shot["truth"]] == [a["bbox"] for a in test.annotations if a["image_id"] == 1]
    assert shot["size"] == [96, 128]
    assert shot["uri"].startswith("data:image/jpeg")
    cell = made.results["cells"][0]
    step = next(step for step in made.results["steps"] if step["out"] == cell["scores"])
    assert shot["commands"][f"{cell['arm']}/{cell['budget']}"] == step["command"]
