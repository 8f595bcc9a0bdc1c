from typing import Any

from coldstart.study.verdict import sentences


def point(arm: str, budget: int | str, ap: float | None, interval: list[float] | None = None) -> dict[str, Any]:
    photos = 8 if budget == "all" else budget
    return {
        "arm": arm,
        "budget": budget,
        "photos": photos,
        "photos_text": str(photos),
        "AP": {"mean": ap, "interval": interval},
    }


def difference(
    kind: str,
    budget: int | str,
    apart: float,
    interval: list[float],
    says: str,
    *,
    arm: str = "a",
    seeds: tuple[int, ...] = (0, 1, 2),
) -> dict[str, Any]:
    return {
        "kind": kind,
        "question": f"{arm} {kind} {budget}",
        "b": {"arm": arm, "budget": budget},
        "AP": {"difference": apart, "interval": interval},
        "says": says,
        "seeds": list(seeds),
    }


def results(*points: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = dict.fromkeys(p["arm"] for p in points)
    return {
        "points": points,
        "arms": [{"name": name, "title": f"{name} pictures"} for name in names],
        "folds": [{"test": {"images": 7, "boxes": 60}}, {"test": {"images": 8, "boxes": 70}}],
        "setting": {"seeds": [0, 1, 2], "budgets": [0, 3, "all"], "real": {"kind": "photos"}, "renders": None},
        "replaced": [],
        "differences": [],
        "curve": None,
        "cells": [],
        "lineage": [],
        **more,
    }


def test_the_setting_comes_first() -> None:
    assert sentences(results(point("a", 0, 0.5)))[0] == "On 15 test photos in 2 folds (130 boxes), 3 seeds."
    camera = {"seeds": [0], "budgets": [0], "real": {"kind": "simulated_camera"}, "renders": None}
    one = results(point("a", 0, 0.5), setting=camera)
    assert "15 images of a simulated camera, which say nothing about real photos" in sentences(one)[0]
    assert "one seed" in sentences(one)[0]


def test_the_scene_and_several_revisions_of_the_code_are_told() -> None:
    setting = {**results()["setting"], "renders": 300, "scene": "fridge", "look": "any"}
    made = [{"git": git, "complete": done} for git, done in [("1", True), ("1", True), ("2", False)]]
    said = sentences(results(point("a", 0, 0.5), setting=setting, lineage=made))
    assert said[1].startswith("The 300 renders are of scene fridge in look any: ")
    assert not any("revisions" in sentence for sentence in said)
    said = sentences(results(point("a", 0, 0.5), lineage=[*made, {"git": "2", "complete": True}]))
    assert said[-1] == "2 revisions of the code made its steps; arms may differ by that as well."


def test_what_synthetic_pictures_are_worth_is_said_with_intervals() -> None:
    worth = {"arm": "a", "budget": 0, "metric": "AP", "text": "about 6 labelled photos (at least 4)"}
    curve = {"arm": "real"}
    said = sentences(results(point("a", 0, 0.5, [0.4, 0.6]), point("real", "all", 0.6), replaced=[worth], curve=curve))
    assert said[1:] == [
        "Without any labelled photo, a pictures reach AP 0.500 (0.400 to 0.600), worth about 6 labelled photos "
        "(at least 4) alone.",
        "All 8 labelled photos of a fold alone reach AP 0.600.",
    ]


def test_no_claim_without_an_interval_that_carries_it() -> None:
    unsure = difference("added", "all", 0.03, [-0.01, 0.07], "cannot tell")
    said = sentences(results(point("a", "all", 0.5), differences=[unsure]))
    assert said[1:] == ["a added all: +0.030 (−0.010 to +0.070) AP, these photos cannot tell."]
    sure = difference("added", "all", 0.03, [0.01, 0.07], "better", seeds=(0,))  # of three, the others failed
    said = sentences(results(point("a", "all", 0.5), differences=[sure]))
    assert said[1].endswith("AP, better with seed 0 (another may differ).")


def test_only_what_matters_is_told() -> None:
    every = [
        difference("translated", 3, 0.1, [0.05, 0.15], "better"),
        difference("translated", 0, -0.1, [-0.15, -0.05], "worse"),
        difference("added", 3, 0.1, [0.05, 0.15], "better"),
        difference("added", "all", 0.1, [0.05, 0.15], "better"),
        difference("saved", 0, 0.1, [0.05, 0.15], "better"),
        difference("saved", 1, 0.1, [-0.05, 0.15], "cannot tell"),
        difference("saved", 3, 0.1, [0.05, 0.15], "better"),
        difference("saved", 6, 0.1, [0.05, 0.15], "better"),
    ]
    said = sentences(results(point("a", 0, 0.5), differences=every))[2:]
    assert [text.split(":")[0] for text in said] == ["a translated 0", "a added all", "a saved 3"]
    assert said[0].endswith("−0.100 (−0.150 to −0.050) AP, worse.")


def test_what_learnt_nothing_is_not_compared() -> None:
    said = sentences(results(point("a", 0, 0.004), point("b", 0, 0.0), differences=[{}]))
    assert said[1:] == ["Every arm is still close to nothing (highest AP 0.004); train longer before comparing."]
    assert sentences(results(point("a", 0, None))) == ["No verdict: no arm has been scored on every fold."]


def test_missing_cells_are_told() -> None:
    cells = [{"status": "done"}, {"status": "failed"}, {"status": "missing"}]
    assert sentences(results(point("a", 0, 0.5), cells=cells))[-1].startswith("2 of 3 cells are missing")
