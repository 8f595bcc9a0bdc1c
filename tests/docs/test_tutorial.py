"""The tutorial's commands, all of them, in their order, as small as they get."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.detect.conftest import make_toys
from tests.docs.commands import ROOT, commands

PAGE = ROOT / "docs" / "tutorial.md"
QUICK = ["logger=csv"]
TRAIN = ["steps=2", "batch=4", "size=[96,128]", *QUICK]
SMALL = {  # what is added to a command of a module
    "detect.doctor": QUICK,
    "coldstart.split": ["train=4", *QUICK],
    "blender_scenes.preview": ["count=1", "size=[96,128]", "samples=1", *QUICK],
    "blender_scenes.render": ["count=3", "size=[96,128]", "samples=1", "workers=1", *QUICK],
    "coldstart.statistics": QUICK,
    "gan.train": ["steps=2", "batch=1", "crop=32", *QUICK],
    "gan.translate": QUICK,
    "gan.audit": QUICK,
    "detect.train": TRAIN,
    "detect.evaluate": ["draws=20", *QUICK],
    "detect.compare": ["draws=20"],
    "detect.predict": QUICK,
}
ELSEWHERE = {"coldstart": "tests/test_end_to_end.py"}  # modules that another test runs


def test_the_tutorial_ends_where_it_says(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    for folder in ("scratch", "path/to"):
        (tmp_path / folder).mkdir(parents=True)
    make_toys(tmp_path / "path/to/labels", 8, names=["ketchup", "orange", "water"], size=(96, 128))
    make_toys(tmp_path / "path/to/photos", 2, seed=5, size=(96, 128))
    typed = [c for c in commands(PAGE, tmp_path / "scratch") if c.words[:2] == ("python", "-m")]
    listed = [c for c in typed if c.words[2] not in ELSEWHERE]
    (tmp_path / "commands.json").write_text(json.dumps([[*c.words[2:], *SMALL[c.words[2]]] for c in listed]))
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("chain.py")), "commands.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    done = ran.stderr.rsplit("command ", 1)[-1].split()
    assert ran.returncode == 0, f"{listed[int(done[0])] if done and done[0].isdigit() else ''}\n{ran.stderr[-3000:]}"
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
