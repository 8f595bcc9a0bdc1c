import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from coldstart import lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.measures import measure
from coldstart.statistics import StatisticsConfig, statistics
from coldstart.tracking import LoggerConfig

QUIET = LoggerConfig(kind="none")
Toy = Callable[..., Dataset]


def page(data: Dataset, out: Path) -> str:
    statistics(StatisticsConfig(str(data.root), str(out), QUIET))
    return (out / "statistics.html").read_text()


class Balance(HTMLParser):
    """Every tag that opens closes again, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_works_offline(renders: Toy, tmp_path: Path) -> None:
    data = renders("data", 5)
    text = page(data, tmp_path / "out")
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert balance.counts["rect"] == sum(a["bbox"][2] > 0 for a in data.annotations)
    assert balance.counts["h2"] == 7
    assert not re.search(r"https?://|<script|url\(", text)
    assert all(uri.startswith("data:image/") for uri in re.findall(r'src="([^"]+)"', text))
    assert "5 scenes; 2 objects found no room" in text
    assert json.loads((tmp_path / "out" / "statistics.json").read_text()) == measure(data)
    assert lineage.read_card(tmp_path / "out")["complete"]


def test_photos_have_a_page_without_what_they_do_not_tell(toy: Toy, tmp_path: Path) -> None:
    text = page(toy("data", 3, photo=True), tmp_path / "out")
    assert "say nothing of what is hidden" in text
    assert "Placement" not in text


def test_names_are_escaped(toy: Toy, tmp_path: Path, change: Callable[..., None]) -> None:
    data = toy("data", 1)

    def rename(content: dict) -> None:  # type: ignore[type-arg]
        content["categories"][0]["name"] = "<script>alert(1)</script>"
        content["images"][0]["file_name"] = '"onload="x.png'
        content["info"] = {"description": "<b>bold</b>"}

    data.path(data.images[0]).rename(data.root / "images" / '"onload="x.png')
    change(data.root, rename)
    text = page(data, tmp_path / "out")
    assert "<script" not in text
    assert "<b>bold" not in text
    assert '"onload=' not in text


def test_a_dataset_without_any_object_has_a_page(toy: Toy, tmp_path: Path, change: Callable[..., None]) -> None:
    data = toy("data", 2)
    change(data.root, lambda content: content.update(annotations=[]))
    assert "none of milk, orange, water" in page(data, tmp_path / "out")


def test_a_finished_page_rests_and_other_data_is_refused(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page(toy("a", 1), tmp_path / "out")
    page(Dataset(tmp_path / "a", [], [], []), tmp_path / "out")
    assert "already complete" in capsys.readouterr().out
    with pytest.raises(UserError, match="holds data of another config"):
        page(toy("b", 1, seed=3), tmp_path / "out")
    with pytest.raises(UserError, match="no such dataset folder"):
        page(Dataset(tmp_path / "nowhere", [], [], []), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_picture_is_one_line_and_the_folder_stays_free(toy: Toy, tmp_path: Path) -> None:
    data = toy("data", 2)
    path = data.path(data.images[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(UserError, match=r"000001\.png: cannot be read as an image"):
        page(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    path.write_bytes(whole + b" ")  # another file than before
    assert page(data, tmp_path / "out")
