"""The whole chain once, through the commands: render, translate, train, score, report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def coldstart(*keys: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coldstart", "experiment=tiny", "arms=[synthetic,translated_real]", *keys],
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
    assert [row["arm"] for row in results["rows"]] == ["synthetic", "translated_real"]
    assert [row["training_images"] for row in results["rows"]] == [
        {"synthetic": 4, "photos": 0},
        {"synthetic": 4, "photos": 2},
    ]
    assert all(row["AP"] is not None and row["images"] == 2 and row["boxes"] > 0 for row in results["rows"])
    data = results["datasets"]
    assert data["renders"]["classes"] == data["translations"]["classes"]
    assert [data[name]["images"] for name in ("renders", "target train", "target test")] == [4, 2, 2]
    assert all(step["done"] and step["seconds"] > 0 for step in results["steps"])
    assert all(card["complete"] for card in results["lineage"])
    page = (out / "report.html").read_text()
    assert results["verdict"] in page
    assert page.count("data:image/jpeg;base64,") >= 15
    assert not re.search(r"""(src|href)=["']?(https?:|/|\.)""", page)
    assert str(out / "report.html") in ended.stdout
    assert "[9/9]" in ended.stdout
    runs = list(out.rglob("offline-run-*/run-*.wandb"))
    assert len(runs) == 9 + 1  # every step, and the study itself

    again = coldstart(f"out={out}")
    assert again.returncode == 0, again.stderr[-3000:]
    assert again.stdout.count("already complete") == 9
    assert len(list(out.rglob("offline-run-*"))) == len(runs)
    assert json.loads((out / "results.json").read_text()) == results

    other = coldstart(f"out={out}", "gan.steps=3")
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "holds data of another config (differs in gan.steps)" in other.stderr
