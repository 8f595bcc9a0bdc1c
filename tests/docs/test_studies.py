"""Every study that is shipped or written in the docs, from its first step to its report, as small as it gets."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.detect.conftest import make_toys
from tests.docs.commands import PAGES, ROOT, Command, commands
from tests.docs.running import Chain

STUDY = ("-m", "coldstart")
SHIPPED = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml") if path.stem != "tiny")
# Folders of labelled photos that commands name. They are equal, so that studies share what they make.
LEARNED = ("../shared/data/fridge_a", "../shared/data/fridge_b", "outputs/my_fridge/photos", "path/to/dataset")
TESTED = "DIR"
UNTAUGHT = "only=[renders,translated,both]"  # after two steps a detector is too unsure to teach; see study/test_plan.py


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all studies are typed."""
    pytest.importorskip("bpy")
    reader = tmp_path_factory.mktemp("studies") / "reader"
    for name in (*LEARNED, TESTED):
        place = reader / name
        place.parent.mkdir(parents=True, exist_ok=True)
        make_toys(place, 4, seed=int(name == TESTED), names=["ketchup", "orange", "water"], size=(96, 128))
    return reader


def follow(chain: Chain, command: Command, folder: Path) -> None:
    """Run a study, and look whether all of it is there."""
    before = {page: page.stat().st_mtime_ns for page in folder.glob("outputs/*/report.html")}
    chain.run([command], folder)
    (page,) = (p for p in folder.glob("outputs/*/report.html") if p.stat().st_mtime_ns != before.get(p))
    results = json.loads((page.parent / "results.json").read_text())
    assert results["cells"]
    assert all(cell["status"] == "done" and cell["AP"] is not None for cell in results["cells"])


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "demo_real"])  # which is told what photos below
def test_a_shipped_study_runs_from_renders_to_report(name: str, chain: Chain, folder: Path) -> None:
    keys = (f"experiment={name}", *[UNTAUGHT] * name.endswith("generic"))
    follow(chain, Command("conf/experiment", 0, ("python", *STUDY, *keys)), folder)


def test_the_studies_of_the_docs_run(chain: Chain, folder: Path, tmp_path: Path) -> None:
    listed = []
    for page in PAGES:
        (scratch := tmp_path / page.stem).mkdir()
        listed += [command for command in commands(page, scratch) if command.words[1:3] == STUDY]
    assert len(listed) > 5
    for command in listed:
        if len(command.words) > len(STUDY) + 2:  # else it is a shipped one as it is
            follow(chain, command, folder)


def test_make_demo_runs_shipped_studies(chain: Chain, folder: Path) -> None:
    assert made("demo")[1:] == (*STUDY, "experiment=demo")
    words = made("demo", f"REAL={folder / 'path/to/dataset'}")
    assert "experiment=demo_real" in words
    follow(chain, Command("Makefile", 0, words), folder)


def made(*target: str) -> tuple[str, ...]:
    """The last command of a target of the Makefile, all being installed."""
    words = ["make", "--no-print-directory", "--dry-run", "--old-file=install", *target]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(said.splitlines()[-1].split())
