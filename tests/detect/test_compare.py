import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from coldstart import cli, lineage
from coldstart.dataset import categories_from, write_json
from coldstart.errors import UserError
from detect import analysis, scoring
from detect.compare import CompareConfig, compare
from detect.compare_page import chart, verdict
from detect.matching import Matches
from detect.per_photo import per_photo
from detect.run import drawing_name
from detect.threshold import ThresholdConfig
from tests.browser import opened, overflow
from tests.detect.records import found, label, match_all

HOSTILE = "<img src=x onerror=window.hit=1>"


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., list[str]]:
    """Folders of runs on 12 images, of which each run finds the milk on some."""

    def write(*finds: int, images: int = 12) -> list[str]:
        labels = [label("milk", 0, image=i) for i in range(1, images + 1)]
        folders = []
        for run, count in enumerate(finds):
            predictions = [found("milk", 0, 0.9 - i / 100, image=i) for i in range(1, count + 1)]
            folder = tmp_path / f"run{images}_{run}"
            folder.mkdir()
            match_all(labels, predictions, images).matches.save(folder / "matches.npz")
            folders.append(str(folder))
        return folders

    return write


def scored(root: Path, name: str, finds: int, lr: float) -> str:
    """What detect.train and detect.evaluate leave behind: 6 photos with two boxes, both found on the first `finds`."""
    detector, out = root / f"detector_{name}", root / name
    lineage.claim(detector, "detect.train", {"lr": lr, "seed": 3, "note": HOSTILE if lr > 0.1 else "plain"})
    (detector / "detector.safetensors").write_bytes(name.encode())
    curve = "".join(f"{step},{1 / (step + 1) / lr}\n" for step in range(0, 50, 10))
    write = detector / "lightning" / "version_0" / "metrics.csv"
    write.parent.mkdir(parents=True)
    write.write_text(f"step,loss\n{curve}")
    lineage.complete(detector)
    categories = categories_from(["milk", HOSTILE])
    images: Any = [{"id": i, "file_name": f"{HOSTILE}{i}.png", "width": 60, "height": 40} for i in range(1, 7)]
    labels: Any = [
        {"id": i * 2 + k, "image_id": i, "category_id": k + 1, "bbox": [20.0 * k, 5.0, 15.0, 20.0]}
        for i in range(1, 7)
        for k in (0, 1)
    ]
    predictions = [
        {**{k: a[k] for k in ("image_id", "category_id", "bbox")}, "score": 0.9}
        for a in labels
        if a["image_id"] <= finds
    ]
    outcome = scoring.outcome(predictions, images, labels, categories)
    score = scoring.summary(outcome, draws=20)
    lineage.claim(out, "detect.evaluate", {"draws": 20}, {"checkpoint": detector / "detector.safetensors"})
    outcome.matches.save(out / "matches.npz")
    write_json(out / "results.json", {**score.metrics, **analysis.analyse(outcome, 0.3, ThresholdConfig())})
    for image in images:
        (out / "detections").mkdir(exist_ok=True)
        picture = Image.new("RGB", (60, 40), "teal" if image["id"] <= finds else "maroon")
        picture.save(out / "detections" / drawing_name(image["file_name"]))
    lineage.complete(out)
    return str(out)


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    folders = [scored(tmp_path, "a", 2, 0.1), scored(tmp_path, "b", 6, 0.2)]
    compare(CompareConfig(folders, out=str(tmp_path / "out"), draws=200))
    return tmp_path / "out"


def test_prints_paired_differences(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    compare(CompareConfig(runs(6, 9, 6)))
    better, same = capsys.readouterr().out.strip().split("\nA = ")
    rows = {line[:15].strip(): line[15:].split() for line in better.splitlines()[4:]}
    assert rows["milk"][:3] == ["0.505", "0.752", "+0.248"]
    low, high = float(rows["milk"][3]), float(rows["milk"][5])
    assert 0 <= low < 0.248 < high
    assert rows["orange"] == ["–"] * 8
    assert rows["mean of classes"][2] == "+0.248"
    assert "+0.000 to +0.000" in same
    assert "C − A" in same


def test_compare_json_says_what_differs(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads((compared / "compare.json").read_text())
    assert list(found["runs"]) == ["A", "B"]
    assert found["runs"]["B"]["AP"] > found["runs"]["A"]["AP"]
    assert found["differences"]["B"]["AP"]["difference"] == pytest.approx(
        found["runs"]["B"]["AP"] - found["runs"]["A"]["AP"]
    )
    differ = {(s["stage"], s["key"]): s["values"] for s in found["settings"]}
    assert differ["detect.train", "lr"] == [0.1, 0.2]
    assert ("detect.train", "seed") not in differ
    assert found["runs"]["A"]["curves"]["loss"][-1] == [40, pytest.approx(1 / 41 / 0.1)]
    missed = [photo["missed"] for photo in found["photos"]]
    assert missed == [[0, 0]] * 2 + [[2, 0]] * 4
    capsys.readouterr()
    folders = [run["folder"] for run in found["runs"].values()]
    compare(CompareConfig(folders, out=str(compared), draws=200))
    assert "already there" in capsys.readouterr().out


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_page_works_in_a_browser_without_a_net(compared: Path, width: int, height: int) -> None:
    with opened(width, height) as page:
        page.goto((compared / "compare.html").as_uri())
        assert page.evaluate("window.hit") is None
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert overflow(page) <= 0
        assert "B scores 0.6" in page.locator(".verdict").text_content()
        assert HOSTILE in page.locator("main").text_content()
        shown = page.locator(".photo:visible")
        assert shown.count() == 6
        assert "0 right, 0 false, 2 missed" in shown.first.text_content()  # those that differ most come first
        page.click("button[data-show=B]")
        assert shown.count() == 4
        page.click("button[data-show=A]")
        assert shown.count() == 0
        page.click("button[data-show=none]")
        assert shown.count() == 2
        page.click("button[data-show='']")
        first, second = page.locator(".photo").first.locator("img").all()
        first.click()
        large = page.locator("dialog img")
        assert large.get_attribute("src") == first.get_attribute("src") != second.get_attribute("src")
        large.click()
        assert large.get_attribute("src") == second.get_attribute("src")
        page.keyboard.press("ArrowLeft")
        assert large.get_attribute("src") == first.get_attribute("src")
        page.keyboard.press("Escape")
        assert not page.locator("dialog").is_visible()
        assert page.problems == []


def test_what_is_gone_is_shown_as_missing(tmp_path: Path) -> None:
    folders = [scored(tmp_path, "a", 2, 0.1), scored(tmp_path, "b", 6, 0.2)]
    (tmp_path / "detector_a" / "card.json").unlink()
    next((tmp_path / "a" / "detections").iterdir()).unlink()
    compare(CompareConfig(folders, out=str(tmp_path / "out"), draws=20))
    text = (tmp_path / "out" / "compare.html").read_text()
    assert text.count('<div class="missing">') == 1
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert found["runs"]["A"]["training"] is None
    assert found["runs"]["A"]["curves"] == {}


def test_runs_that_cannot_be_compared(runs: Any, tmp_path: Path) -> None:
    good = runs(6, 9)
    with pytest.raises(UserError, match=r"run12_0, .*run5_0: the runs were scored on other images"):
        compare(CompareConfig([good[0], *runs(2, images=5)]))
    moved = tmp_path / "moved"
    moved.mkdir()
    match_all([label("milk", 1, image=i) for i in range(1, 13)], [], 12).matches.save(moved / "matches.npz")
    with pytest.raises(UserError, match="the runs were scored on other images, classes or boxes"):
        compare(CompareConfig([good[0], str(moved)]))
    with pytest.raises(UserError, match="no such file"):
        compare(CompareConfig([good[0], str(tmp_path / "nowhere")]))
    with pytest.raises(UserError, match=r"has no card\.json"):
        compare(CompareConfig(good, out=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()
    (Path(good[1]) / "matches.npz").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"was not written by detect\.evaluate"):
        compare(CompareConfig(good))
    (Path(good[1]) / "matches.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"was not written by detect\.evaluate"):
        compare(CompareConfig(good))
    with pytest.raises(UserError, match="needs two folders"):
        CompareConfig(good[:1])
    with pytest.raises(UserError, match="one folder is given twice"):
        CompareConfig([good[0], f"{good[0]}/"])


def test_a_run_of_another_shape_is_refused(tmp_path: Path) -> None:
    folders = [scored(tmp_path, "a", 2, 0.1), scored(tmp_path, "b", 6, 0.2)]
    write_json(Path(folders[1]) / "results.json", {"AP": 0.5})
    with pytest.raises(UserError, match=r"results\.json: is not what detect\.evaluate wrote"):
        compare(CompareConfig(folders, out=str(tmp_path / "out"), draws=20))
    card = lineage.read_card(folders[0])
    write_json(Path(folders[0]) / "card.json", card | {"parents": {"checkpoint": "x"}})
    with pytest.raises(UserError, match="is not a card of ours"):
        compare(CompareConfig(folders, out=str(tmp_path / "out"), draws=20))


def test_a_photo_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folders = [scored(tmp_path, "a", 2, 0.1), scored(tmp_path, "b", 6, 0.2)]
    for folder in folders:
        matches = Matches.load(Path(folder) / "matches.npz")
        matches.images[0] = "../../secret.png"
        matches.save(Path(folder) / "matches.npz")
    with pytest.raises(UserError, match="outside its folder"):
        compare(CompareConfig(folders, out=str(tmp_path / "out"), draws=20))
    assert not (tmp_path / "out").exists()


def test_counts_of_each_photo() -> None:
    labels = [label("milk", 0), label("orange", 30), label("milk", 60, ignore=1), label("milk", 0, image=2)]
    seen = [found("milk", 0, 0.9), found("milk", 30, 0.8), found("milk", 60, 0.8), found("milk", 0, 0.2, image=2)]
    counts = per_photo(match_all(labels, seen, images=3).matches, 0.3)
    assert [c.tolist() for c in counts] == [[1, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert counts.errors.tolist() == [2, 1, 0]


def test_a_verdict_claims_no_more_than_the_interval_carries() -> None:
    said = [verdict("B", {"difference": d, "interval": i}) for d, i in ((0.1, [0.05, 0.2]), (-0.1, [-0.3, 0.1]))]
    assert "B scores 0.100 AP more than A" in said[0] and "should hold" in said[0]
    assert "B scores 0.100 AP less than A" in said[1] and "cannot tell" in said[1]
    assert "so few photos" in verdict("B", {"difference": 0.1, "interval": None})


def test_curves_share_axes_and_wide_ones_are_logarithmic() -> None:
    drawn = chart("loss", {"A": [(0, 100.0), (10, 1.0)], "B": [(0, 10.0), (5, 1.0)]})
    assert drawn["logarithmic"]
    assert drawn["paths"] == {"A": "M0.0 0.0L600.0 190.0", "B": "M0.0 95.0L300.0 190.0"}
    assert [text for _, text in drawn["ticks"]] == ["1", "10", "100"]
    flat = chart("AP", {"A": [(0, 0.5)]})
    assert not flat["logarithmic"]
    assert flat["paths"]["A"] == "M0.0 190.0"


def test_keys_of_the_command(runs: Any) -> None:
    folders = runs(6, 9)
    config = cli.typed(CompareConfig, cli.compose("detect_compare", [f"runs=[{','.join(folders)}]"]))
    assert config == CompareConfig(folders)
