"""Every study that is shipped or written in the docs, from its first step to its report, as small as it gets."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.detect.conftest import make_toys
from tests.docs.commands import PAGES, ROOT, Command, commands
from tests.docs.running import Chain

STUDY = ("-m", "coldstart")
# Folders of labelled photos that commands name. They are equal, so that studies share what they make.
LEARNED = ("../shared/data/fridge_a", "../shared/data/fridge_b", "outputs/my_fridge/photos", "path/to/dataset")
TESTED = "DIR"
UNTAUGHT = "only=[renders,translated,both]"  # after two steps a detector is too unsure to teach; see study/test_plan.py


def made(*words: str) -> Command:
    """What a target of the Makefile, once all is installed, runs as its last command."""
    said = subprocess.run(
        ["make", "--dry-run", "--old-file=install", f"--directory={ROOT}", "--no-print-directory", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return Command("Makefile", 0, tuple(said.stdout.splitlines()[-1].split()))


def shipped_study(name: str) -> Command:
    return Command("conf", 0, ("python", *STUDY, f"experiment={name}", *[UNTAUGHT] * name.endswith("generic")))


def test_every_study_of_the_docs_runs_from_renders_to_report(chain: Chain, tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    folder = tmp_path / "reader"
    for name in (*LEARNED, TESTED):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        make_toys(place, 4, seed=int(name == TESTED), names=["ketchup", "orange", "water"], size=(96, 128))
    typed = [c for number, page in enumerate(PAGES) for c in commands(page, scratch(tmp_path, number))]
    shipped = {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")} - {"tiny"}
    listed = [
        *(c for c in typed if c.words[1:3] == STUDY),
        *(shipped_study(name) for name in sorted(shipped - {"demo_real"})),
        made("demo"),
        made("demo", f"REAL={folder / 'path/to/dataset'}"),
    ]
    chain.run(listed, folder)
    reports = {page.parent.name for page in folder.glob("outputs/*/report.html")}
    assert reports == shipped | {"my_study"}
    for name in reports:
        results = json.loads((folder / "outputs" / name / "results.json").read_text())
        assert results["cells"]
        assert all(cell["status"] == "done" and cell["AP"] is not None for cell in results["cells"])


def scratch(tmp_path: Path, number: int) -> Path:
    folder = tmp_path / "scratch" / str(number)
    folder.mkdir(parents=True)
    return folder
