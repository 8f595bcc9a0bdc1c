"""The tutorial's commands, all of them, in their order, as small as they get."""

import json
from pathlib import Path

import pytest

from tests.detect.conftest import make_toys
from tests.docs.commands import ROOT, commands
from tests.docs.running import Chain

PAGE = ROOT / "docs" / "tutorial.md"
ELSEWHERE = {"coldstart": "tests/docs/test_studies.py"}  # modules that another test runs


def test_the_tutorial_ends_where_it_says(chain: Chain, tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    for folder in ("scratch", "path/to"):
        (tmp_path / folder).mkdir(parents=True)
    make_toys(tmp_path / "path/to/labels", 12, names=["ketchup", "orange", "water"], size=(96, 128))
    make_toys(tmp_path / "path/to/photos", 2, seed=5, size=(96, 128))
    typed = [c for c in commands(PAGE, tmp_path / "scratch") if c.words[:2] == ("python", "-m")]
    chain.run((c for c in typed if c.words[2] not in ELSEWHERE), tmp_path)
    out = tmp_path / "outputs" / "my_fridge"
    found = json.loads((out / "compared" / "compare.json").read_text())
    assert [Path(run["folder"]).name for run in found["runs"].values()] == [
        "score_photos_only",
        "score_synthetic_only",
        "score_both",
    ]
    assert all(run["training"] for run in found["runs"].values())
    cards = [json.loads(card.read_text()) for card in out.glob("*/card.json")]
    assert all(card["complete"] for card in cards)
    assert {card["stage"] for card in cards} >= {"render", "split", "gan.train", "gan.translate", "gan.audit"}
    assert len(list((out / "found" / "detections").iterdir())) == 2
