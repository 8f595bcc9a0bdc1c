"""The whole chain once, through the commands: render, translate, train, score, answer, report."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Picture

from tests.docs.commands import ROOT


def coldstart(*keys: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coldstart", "experiment=tiny", *keys],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_a_tiny_study_runs_from_renders_to_report_and_then_has_nothing_left_to_do(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    out = tmp_path / "tiny"
    ended = coldstart(f"out={out}")
    assert ended.returncode == 0, ended.stderr[-3000:]
    results = json.loads((out / "results.json").read_text())
    assert [(c["arm"], c["budget"], c["photos"]) for c in results["cells"]] == [
        ("renders", 0, 0),
        ("translated_real", 1, 1),
    ]
    assert all(cell["status"] == "done" and cell["AP"] is not None for cell in results["cells"])
    assert all(p["AP"]["interval"] for p in results["points"])
    (fold,) = results["folds"]
    assert (fold["train"]["images"], fold["test"]["images"]) == (2, 2)
    assert [part["images"] for part in results["synthetic"]] == [4, 4]
    assert results["synthetic"][0]["classes"] == results["synthetic"][1]["classes"]
    assert all(step["status"] == "done" and step["seconds"] > 0 for step in results["steps"])
    assert all(card["complete"] for card in results["lineage"])
    page = (out / "report.html").read_text()
    assert results["sentences"][0] in page
    assert not re.search(r"""(src|href)=["']?(https?:|/|\.)""", page)
    assert str(out / "report.html") in ended.stdout
    assert "[10/10]" in ended.stdout
    runs = list(out.rglob("offline-run-*/run-*.wandb"))
    assert len(runs) == 10 + 1  # every step, and the study itself

    again = coldstart(f"out={out}")
    assert again.returncode == 0, again.stderr[-3000:]
    assert "10 steps, 10 of them made already" in again.stdout
    assert len(list(out.rglob("offline-run-*"))) == len(runs)
    assert json.loads((out / "results.json").read_text()) == results

    scripts: list[tuple[str, ...]] = [("strip", "strip.jpg")]
    if shutil.which("chromium"):  # else pages are not tested in a browser here
        scripts += [("report", "report.jpg"), ("report", "apart.jpg", "apart")]
    for script, *more in scripts:
        words = [ROOT / "docs" / f"{script}.py", out, tmp_path / more[0], *more[1:]]
        subprocess.run([sys.executable, *map(str, words)], check=True, timeout=120)
        assert Picture.open(tmp_path / more[0]).width > 400
