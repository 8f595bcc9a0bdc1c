import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart.dataset import Dataset, save, write_json
from coldstart.study.config import StudyConfig
from coldstart.study.results import collect, contents, differences_table, table
from tests.coldstart.study.conftest import ARMS, TAUGHT, finish

Make = Callable[..., StudyConfig]


def test_numbers_are_gathered_as_they_are(photos: Make) -> None:
    study = photos()
    planned = finish(study)
    found = collect(study, planned, "python -m coldstart")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["cells"]) == len(planned.cells)
    assert all(cell["status"] == "done" and cell["AP"] is not None for cell in found["cells"])
    assert [fold["test"]["images"] for fold in found["folds"]] == [3, 3]
    assert [(p["arm"], p["budget"], p["photos"], p["cells"], p["wanted"]) for p in found["points"]] == [
        ("renders", 0, 0, 4, 4),
        ("translated", 0, 0, 4, 4),
        ("real", 1, 1, 4, 4),
        ("real", "all", 3, 4, 4),
        ("translated_real", 1, 1, 4, 4),
        ("translated_real", "all", 3, 4, 4),
    ]
    for p in found["points"]:
        of_cells = [c["AP"] for c in found["cells"] if (c["arm"], c["budget"]) == (p["arm"], p["budget"])]
        assert p["AP"]["mean"] == pytest.approx(sum(of_cells) / len(of_cells))
    assert found["curve"]["arm"] == "real"
    assert [p["photos"] for p in found["curve"]["AP"]] == [0, 1, 3]
    assert [(s["name"], s["fold"]) for s in found["synthetic"]] == [
        ("source", None),
        ("gan", "fold0"),
        ("gan", "fold1"),
    ]
    assert {step["status"] for step in found["steps"]} == {"done"}
    assert found["seconds"] == pytest.approx(sum(step["seconds"] for step in found["steps"]))
    assert all(card["complete"] for card in found["lineage"])
    assert found["sentences"]
    best = next(c for c in found["cells"] if (c["arm"], c["budget"]) == ("translated_real", "all"))
    assert found["best"]["checkpoint"] == f"{best['detector']}/detector.safetensors"


def test_a_better_arm_replaces_more_photos(photos: Make) -> None:
    study = photos()
    found = collect(study, finish(study), "")
    worth = {(r["arm"], r["budget"]): r for r in found["replaced"] if r["metric"] == "AP"}
    assert set(worth) == {("renders", 0), ("translated", 0), ("translated_real", 1), ("translated_real", "all")}
    assert 1 < worth["renders", 0]["equals"] < 3  # between one photo and three
    assert worth["translated_real", "all"]["beyond"]
    added = next(d for d in found["differences"] if d["kind"] == "added" and d["b"]["budget"] == "all")
    assert added["says"] == "better"
    assert (added["a"], added["b"]) == (
        {"arm": "real", "budget": "all"},
        {"arm": "translated_real", "budget": "all"},
    )


def test_the_cost_of_a_detector_is_what_was_spent_when_it_was_made(photos: Make) -> None:
    study = photos(arms={**ARMS, "taught": TAUGHT})
    planned = finish(study)
    took = {"blender_scenes.render": 60, "gan.train": 120, "gan.translate": 30, "detect.train": 90, "detect.label": 30}
    for step in planned.steps:
        seconds = took.get(step.module, 7)
        write_json(step.record, {"command": "", "seconds": seconds, "calls": 1, "code": 0, "said": None})
    costs = {c["arm"]: c for c in collect(study, planned, "")["cost"]}
    assert costs["real"] == {
        "arm": "real", "render": None, "translator": None, "translate": None, "detector": 1.5, "total": 1.5
    }  # fmt: skip
    assert (costs["renders"]["render"], costs["renders"]["total"]) == (1, 2.5)
    assert (costs["taught"]["detector"], costs["taught"]["total"]) == (3.5, 4.5)  # its teacher's training and labelling
    assert (costs["translated_real"]["translator"], costs["translated_real"]["total"]) == (2, 5)


def test_only_translators_that_were_trained_cost_training(photos: Make) -> None:
    gans = {"gan": {"model": "cyclegan_small", "steps": 7, "crop": 32}, "colours": {"model": "reinhard"}}
    arm = {"title": "both translations", "synthetic": ["gan", "colours"]}
    study = photos(arms={**ARMS, "translated": arm}, translators=gans)
    planned = finish(study)
    took = {"gan.train": 120, "gan.translate": 30}
    for step in planned.steps:
        record = {"command": "", "seconds": took.get(step.module, 60), "calls": 1, "code": 0, "said": None}
        write_json(step.record, record)
    cost = next(c for c in collect(study, planned, "")["cost"] if c["arm"] == "translated")
    assert (cost["translator"], cost["translate"], cost["total"]) == (2, 1, 5)


def test_renders_that_stand_in_for_photos_cost_nothing(config: Make) -> None:
    study = config()
    costs = {c["arm"]: c for c in collect(study, finish(study), "")["cost"]}
    assert costs["real"]["render"] is None
    assert costs["renders"]["render"] is not None


def test_what_is_missing_is_none_and_shown_as_missing(photos: Make) -> None:
    study = photos()
    planned = finish(study)
    lost = [c for c in planned.cells if (c.arm, c.budget, c.seed) == ("real", 1, 0)]
    for cell in lost:
        shutil.rmtree(cell.score.out)
    shutil.rmtree(lost[0].train.out)
    record = {"command": "", "seconds": 3, "calls": 1, "code": 1, "said": "MemoryError"}
    write_json(lost[0].train.record, record)
    found = collect(study, planned, "")
    assert json.dumps(found, allow_nan=False)
    cells = [c for c in found["cells"] if (c["arm"], c["budget"], c["seed"]) == ("real", 1, 0)]
    assert [(c["status"], c["AP"]) for c in cells] == [("failed", None), ("missing", None)]
    point = next(p for p in found["points"] if (p["arm"], p["budget"]) == ("real", 1))
    assert (point["cells"], point["wanted"], point["seeds"]) == (2, 4, [1])
    assert point["AP"]["by_seed"].keys() == {"1"}
    step = next(s for s in found["steps"] if s["id"] == lost[0].train.id)
    assert (step["status"], step["said"]) == ("failed", "ended with exit code 1: MemoryError")
    assert "2 of 24 cells are missing" in found["verdict"]
    shutil.rmtree(study.cache)
    nothing = collect(study, planned, "")
    assert nothing["verdict"].startswith("No verdict")
    assert {p["AP"]["mean"] for p in nothing["points"]} == {None}
    assert (nothing["curve"], nothing["best"], nothing["replaced"], nothing["differences"]) == (None, None, [], [])
    assert table(nothing).count("missing") == 3 * 6


def test_a_study_without_photos_alone_has_an_answer_too(config: Make) -> None:
    study = config(only=["renders", "translated"])
    found = collect(study, finish(study), "")
    assert found["curve"] is None
    assert [d["kind"] for d in found["differences"]] == ["translated"]
    assert table(found).splitlines()[1].split()[-2] == "-"


def test_the_tables_have_a_line_for_each(photos: Make) -> None:
    study = photos()
    found = collect(study, finish(study), "")
    lines = table(found).splitlines()
    assert len(lines) == 7
    assert " ".join(lines[0].split()) == "arm photos cells AP (95 %) AP50 AP75 worth, alone minutes from scratch"
    assert lines[4].split()[:5] == ["real", "all", "(3)", "4/4", f"{found['points'][3]['AP']['mean']:.3f}"]
    assert len(differences_table(found).splitlines()) == 1 + len(found["differences"]) == 7


def test_the_example_has_the_keys_that_are_written(photos: Make) -> None:
    """results.json beside this file is what readers of the page and the docs look at."""
    study = photos()
    found = json.loads(json.dumps(collect(study, finish(study), "")))
    example = json.loads(Path(__file__).with_name("results.json").read_text())

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: shape(v) for key, v in value.items() if key not in ("classes", "by_seed", "per_class", "parents")
            }
        return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None

    assert shape(example) == shape(found)


def test_contents_are_what_is_asked_for(toy: Callable[..., Dataset]) -> None:
    data = toy("data", 2)
    data.annotations[0] |= {"ignore": 1}
    data.annotations[1] |= {"iscrowd": 1}
    save(data)
    found = contents(data.root)
    assert (found["images"], found["boxes"], found["classes"]) == (2, 4, {"milk": 1, "orange": 1, "water": 2})
