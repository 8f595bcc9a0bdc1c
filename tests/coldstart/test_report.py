import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from coldstart import report, results
from coldstart.dataset import load, save
from coldstart.results import METRICS, number
from coldstart.study import StudyConfig, steps

Study = Any
CALL = "python -m coldstart experiment=toy 'out=/tmp/a b'"


def page_of(study: Study) -> tuple[str, dict[str, Any]]:
    config, records = study
    page = report.write(config, results.collect(config, steps(config), records), CALL)
    return page.read_text(), json.loads((Path(config.out) / "results.json").read_text())


def text_of(page: str) -> str:
    """What a reader sees."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)))


def test_the_page_needs_nothing_else(finished: Study) -> None:
    page, _ = page_of(finished)
    sources = re.findall(r"""\s(?:src|href|srcset|action)\s*=\s*["']?([^"'\s>]+)""", page)
    assert len(sources) >= 20
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.findall(r"<script|<link|<iframe|@import|url\(", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert len(page) < 2_000_000


def test_the_page_shows_the_numbers_of_results_json(finished: Study) -> None:
    page, numbers = page_of(finished)
    body = re.search(r"<h2>Results</h2>.*?</table>", page, re.DOTALL)
    assert body
    lines = [text_of(line).split() for line in re.findall(r"<tr>.*?</tr>", body.group(), re.DOTALL)[1:]]
    assert len(lines) == len(numbers["rows"]) == 4
    for line, row in zip(lines, numbers["rows"], strict=True):
        shown = [word for word in line if re.fullmatch(r"\d\.\d{3}", word)]
        low, high = row["intervals"]["AP"]
        expected = [number(row["AP"]), number(low), number(high), *(number(row[m]) for m in METRICS[1:])]
        assert shown == expected
    text = text_of(page)
    assert numbers["verdict"] in text
    assert "simulated camera" in text
    for row in numbers["rows"]:
        for scores in row["per_class"].values():
            assert scores["AP"] is None or number(scores["AP"]) in text
    for data in numbers["datasets"].values():
        assert ", ".join(f"{name} {count}" for name, count in data["classes"].items()) in text
    assert text.count("boxes") > 4


def test_every_command_can_be_copied(finished: Study) -> None:
    page, numbers = page_of(finished)
    blocks = [html.unescape(block) for block in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert blocks[0] == CALL
    assert blocks[1].splitlines() == [step["command"] for step in numbers["steps"]]


def test_names_are_escaped(tmp_path: Path, study: Any, finish: Any) -> None:
    evil = "<script>alert(1)</script>"
    config: StudyConfig = study(out=str(tmp_path / "a<b>&'c"))
    records = finish(config)
    for part in ("source", "target/test"):
        dataset = load(Path(config.out) / part)
        dataset.categories[0]["name"] = evil
        save(dataset)
    scores = Path(config.out) / "results" / "real" / "results.json"
    content = json.loads(scores.read_text())
    content["per_class"][evil] = {"AP": 0.5, "AP50": 0.5}
    scores.write_text(json.dumps(content))
    page, _ = page_of((config, records))
    assert "<script" not in page
    assert "a<b>" not in page
    assert text_of(page).count(evil) >= 3
    assert html.escape(evil) in page


def test_missing_results_are_shown_as_missing(finished: Study) -> None:
    config, records = finished
    whole = text_of(page_of(finished)[0]).count("missing")
    shutil.rmtree(Path(config.out) / "results" / "real")
    (Path(config.out) / "detectors" / "real" / "batch.png").unlink()
    shutil.rmtree(Path(config.out) / "translated" / "images")
    page, numbers = page_of((config, records))
    text = text_of(page)
    assert text.count("missing") > whole + 10
    assert numbers["rows"][2]["AP"] is None
    assert "0.000" not in text


@pytest.mark.parametrize("arms", [["real"], ["synthetic"]])
def test_a_study_without_a_translator_has_a_page_too(tmp_path: Path, study: Any, finish: Any, arms: list[str]) -> None:
    config = study(out=str(tmp_path / "study"), arms=arms)
    page, numbers = page_of((config, finish(config)))
    assert len(numbers["rows"]) == 1
    assert "translation" not in text_of(re.sub(r"<h2>Reproduce.*", "", page, flags=re.DOTALL)).lower()


def test_a_study_that_has_not_begun_has_a_page_too(tmp_path: Path, study: Any) -> None:
    config = study(out=str(tmp_path / "study"))
    page, numbers = page_of((config, {}))
    assert numbers["verdict"].startswith("No verdict")
    assert "missing" in text_of(page)


def test_the_pictures_to_log_exist(finished: Study) -> None:
    config, _ = finished
    files = report.picture_files(config)
    assert [len(paths) for paths in files.values()] == [1, 4, 12]
    (Path(config.out) / "detectors" / "real" / "batch.png").unlink()
    assert len(report.picture_files(config)["training_batches"]) == 3
