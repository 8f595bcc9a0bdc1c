import copy
import html
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from coldstart import report
from coldstart.report.page import asides
from coldstart.report.parts import called
from tests.coldstart.report.conftest import CALL, HOSTILE, TITLE, Made


def data_of(page: Path) -> dict[str, Any]:
    """What the page's scripts draw from."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    content: dict[str, Any] = json.loads(found.group(1))
    return content


def text_of(page: Path) -> str:
    """What a reader sees without scripts."""
    bare = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(bare))


def test_the_page_needs_nothing_else(made: Made) -> None:
    page = made.page.read_text()
    sources = re.findall(r"""\s(?:src|srcset|action)\s*=\s*["']([^"']+)""", page)
    assert len(sources) > 10
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(link.startswith("#") for link in re.findall(r"""\shref\s*=\s*["']([^"']+)""", page))
    assert not re.findall(r"<link|<iframe|@import|url\(", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert len(page) < 2_000_000


def test_the_page_holds_the_numbers_of_results_json(made: Made) -> None:
    data, text = data_of(made.page), text_of(made.page)
    for key in ("points", "curve", "replaced", "differences", "cost"):
        assert data[key] == made.results[key]
    assert all(
        re.sub(r"\s+", " ", sentence) in re.sub(r" ([,.])", r"\1", text) for sentence in made.results["sentences"]
    )
    assert data["boxes"] == {"milk": 6, HOSTILE: 6, "water": 6}
    assert "Nothing: all 12 trainings are scored." in text


def test_names_are_escaped(made: Made) -> None:
    page = made.page.read_text()
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img src=x" not in page
    assert html.escape(HOSTILE) in page
    assert TITLE in text_of(made.page)


def test_the_commands_that_redo_it_are_there(made: Made) -> None:
    text = text_of(made.page)
    assert text.count(CALL) >= 5
    assert all(step["command"] in text for step in made.results["steps"])
    for module in ("coldstart.statistics data=", "gan.audit translated="):
        assert f"python -m {module}" in text
    assert all(f"out=outputs/statistics/{n}" in text for n in range(5))  # two folds, renders, two translations


def test_the_first_pair_is_photos_alone_and_the_best_of_the_others(made: Made) -> None:
    assert data_of(made.page)["pair"][0].startswith("real/")
    best = max((p for p in made.results["points"] if p["arm"] != "real"), key=lambda p: p["AP"]["mean"])
    assert data_of(made.page)["pair"][1] == f"{best['arm']}/{best['budget']}"


def test_what_is_gone_is_missing_not_zero(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.out, tmp_path / "toy")
    old, new = str(made.out), str(tmp_path / "toy")
    found = json.loads(json.dumps(made.results).replace(old, new))
    cell = found["cells"][0]
    (Path(cell["scores"]) / "detections.json").unlink()
    shutil.rmtree(found["synthetic"][0]["folder"])
    found["synthetic"] = [part for part in found["synthetic"] if part["name"] == "source"]  # no network needed
    found["steps"][0] |= {"status": "failed", "said": "ended with exit code 2: error: <b>no</b>"}
    page = report.write(tmp_path, found)
    text, data = text_of(page), data_of(page)
    assert f"1 of {len(found['steps'])} steps are not made" in text
    assert "ended with exit code 2: error: <b>no</b>" in text
    assert "No synthetic pictures." in text
    assert "No translation was audited." in text
    key = f"{cell['arm']}/{cell['budget']}"
    shown = [shot for shot in data["shots"] if shot["fold"] == cell["fold"]]
    assert shown and all(key not in shot["found"] for shot in shown)


def test_a_study_that_has_not_begun_has_a_page_too(unmade: dict[str, Any], tmp_path: Path) -> None:
    page = report.write(tmp_path, copy.deepcopy(unmade))
    text = text_of(page)
    assert "No verdict" in text
    assert "not yet made" in text
    assert "missing: no test photo is there" in text
    assert "0.000" not in text


def test_brackets_with_numbers_are_set_apart() -> None:
    said = "Renders (as they are) reach 0.3 (0.2 to 0.4), as (1 to 2) photos."
    assert asides(said)[1::2] == ["(0.2 to 0.4)", "(1 to 2)"]
    assert "".join(asides(said)) == said


def test_commands_hold_any_folder() -> None:
    words = shlex.split(called("gan.audit", translated="it's/a, b"))
    assert words[:3] == ["python", "-m", "gan.audit"]
    assert OverridesParser.create().parse_override(words[3]).value() == "it's/a, b"
