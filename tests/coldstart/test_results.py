import shutil
from pathlib import Path
from typing import Any

import pytest

from coldstart import results
from coldstart.study import steps

Study = Any


def row(arm: str, ap: float | None, interval: list[float] | None = None) -> dict[str, Any]:
    return {
        "arm": arm,
        "title": arm,
        "scored_on": "test images",
        "AP": ap,
        "intervals": {"AP": interval},
        "images": 7,
        "boxes": 60,
    }


def say(*rows: dict[str, Any], kind: str = "photos") -> str:
    return results.verdict({"rows": rows, "target": {"kind": kind}})


def test_the_verdict_claims_what_intervals_carry() -> None:
    clear = say(row("real", 0.2, [0.1, 0.3]), row("synthetic", 0.6, [0.5, 0.7]))
    assert clear == (
        "On 7 test photos (60 boxes), one seed: training on synthetic scores highest, AP 0.600 (0.500 to 0.700), "
        "before real, 0.200 (0.100 to 0.300); the 95 % intervals do not overlap."
    )
    assert "may be chance" in say(row("real", 0.4, [0.2, 0.6]), row("synthetic", 0.5, [0.4, 0.7]))
    assert "an indication only" in say(row("real", 0.4), row("synthetic", 0.5))


def test_the_verdict_does_not_rank_what_learnt_nothing() -> None:
    assert "close to nothing" in say(row("real", 0.0, [0, 0]), row("synthetic", 0.004, [0, 0.01]))
    assert say(row("real", None)).startswith("No verdict")
    assert "gives AP 0.300." in say(row("real", 0.3))


def test_a_simulated_camera_is_never_called_photos() -> None:
    verdict = say(row("real", 0.3), row("translated", 0.4), kind="simulated_camera")
    assert "7 test images of a simulated camera" in verdict


def test_scores_on_all_photos_take_no_part_in_the_ranking() -> None:
    everything = {**row("synthetic", 0.9), "scored_on": "all photos"}
    assert "training on real gives AP 0.300" in say(row("real", 0.3), everything)


def test_comparisons_answer_with_signed_differences() -> None:
    found = results.compare([row("synthetic", 0.3), row("translated", 0.2), row("real", None)])
    assert [(c["arms"], round(c["difference"], 6)) for c in found] == [(["renders", "translations"], -0.1)]


def test_numbers_are_gathered_as_they_are(finished: Study) -> None:
    config, records = finished
    numbers = results.collect(config, steps(config), records)
    assert [r["arm"] for r in numbers["rows"]] == ["synthetic", "translated", "real", "translated_real"]
    assert [r["AP"] for r in numbers["rows"]] == [0.31, 0.42, 0.38, 0.55]
    assert numbers["rows"][3]["training_images"] == {"synthetic": 6, "photos": 6}
    assert numbers["rows"][0]["training_images"] == {"synthetic": 6, "photos": 0}
    assert numbers["datasets"]["target test"] == {
        "images": 6,
        "boxes": 18,
        "classes": {"milk": 6, "orange": 6, "water": 6},
    }
    assert numbers["seconds"] == pytest.approx(sum(r["seconds"] for r in records.values()))
    assert [s["command"] for s in numbers["steps"]] == [s.command for s in steps(config)]
    assert {card["stage"] for card in numbers["lineage"]} >= {"gan.train", "detect.evaluate"}


def test_what_is_missing_is_none_and_shown_as_missing(finished: Study) -> None:
    config, records = finished
    shutil.rmtree(Path(config.out) / "results" / "real")
    shutil.rmtree(Path(config.out) / "translated")
    del records["translate"]
    numbers = results.collect(config, steps(config), records)
    real = numbers["rows"][2]
    assert (real["AP"], real["images"]) == (None, None)
    assert numbers["datasets"]["translations"] is None
    assert numbers["rows"][1]["training_images"]["synthetic"] is None
    assert [s["done"] for s in numbers["steps"] if s["name"] == "translate"] == [False]
    lines = results.table(numbers).splitlines()
    assert lines[3].split()[:1] == ["real"]
    assert lines[3].count("missing") == 5


def test_the_table_has_a_line_per_row(finished: Study) -> None:
    config, records = finished
    lines = results.table(results.collect(config, steps(config), records)).splitlines()
    assert " ".join(lines[0].split()) == "arm synthetic photos scored on AP AP50 AP75 AR100 AP 95 %"
    assert " ".join(lines[4].split()) == ("translated_real 6 6 test images (6) 0.550 0.880 0.385 0.660 0.490 to 0.610")
