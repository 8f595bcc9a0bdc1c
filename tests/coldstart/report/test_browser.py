"""The page in a real browser, without a net."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from coldstart.report.shots import shots
from tests.browser import opened, overflow
from tests.coldstart.report.conftest import HOSTILE, TITLE, Made
from tests.coldstart.report.test_shots import counts


@pytest.fixture(scope="module")
def wide(made: Made) -> Iterator[Any]:
    """A browser with the page on a screen of 1280 pixels."""
    with opened(1280, 900) as page:
        page.goto(made.page.as_uri())
        yield page


@pytest.fixture
def page(wide: Any) -> Any:
    """The page as it opens."""
    wide.reload()
    return wide


def point(made: Made, arm: str, budget: int | str) -> dict[str, Any]:
    return next(p for p in made.results["points"] if (p["arm"], p["budget"]) == (arm, budget))


def scores(made: Made, key: str, fold: str) -> str:
    """The folder of scores of `arm/budget` on a fold."""
    return next(c["scores"] for c in made.results["cells"] if (f"{c['arm']}/{c['budget']}", c["fold"]) == (key, fold))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_it_opens_without_errors_and_fits(made: Made, width: int, scheme: Any) -> None:
    with opened(width, 844) as page:
        page.emulate_media(color_scheme=scheme)
        page.goto(made.page.as_uri())
        page.locator(".how summary").first.click()
        page.locator("summary").last.click()
        assert overflow(page) <= 0
        assert page.evaluate("window.hit") is None
        assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        assert page.problems == []
        assert page.locator(".point").count() == 6
        assert page.locator("#differences > svg").first.bounding_box()["width"] > 80
        assert page.locator("#replaced > svg").first.bounding_box()["width"] > 100
        assert HOSTILE in page.locator("#classes").text_content()
        assert TITLE in page.locator("#tools").text_content()
        page.emulate_media(media="print")
        assert not page.locator(".copy").first.is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_metric_and_arms_can_be_switched(made: Made, page: Any) -> None:
    cell = page.locator("#scores tr[data-arm=real] td b").first
    assert cell.text_content() == f"{point(made, 'real', 1)['AP']['mean']:.3f}"
    page.click("[data-metric=AP75]")
    assert cell.text_content() == f"{point(made, 'real', 1)['AP75']['mean']:.3f}"
    assert "AP75 " in page.locator(".point").first.get_attribute("aria-label")
    assert page.locator("[data-metric][aria-pressed=true]").all_text_contents() == ["AP75"]
    rows = page.locator("#differences .what[title]").count()
    page.click("[data-arm=real]")
    assert page.locator(".point").count() == 4
    assert page.locator("#scores tbody tr").count() == 3
    assert page.locator("#differences .what[title]").count() < rows
    for arm in ("renders", "translated", "translated_real"):
        page.click(f"button[data-arm={arm}]")
    assert "all arms are switched off" in page.locator("#curve").text_content()
    page.click("button[data-arm=real]")
    assert page.locator(".point").count() == 2


def test_pointing_at_a_mark_tells_its_numbers(made: Made, page: Any) -> None:
    tip, mark = page.locator(".tip"), page.locator("[data-point='translated_real/all']")
    assert not tip.is_visible()
    mark.hover()
    ap = point(made, "translated_real", "all")["AP"]
    wanted = f"AP {ap['mean']:.3f} ({ap['interval'][0]:.3f} to {ap['interval'][1]:.3f})"
    assert wanted in tip.text_content()
    assert "translations + labelled photos, all 3 photos" in tip.text_content()
    page.mouse.move(5, 5)
    assert not tip.is_visible()
    mark.focus()
    assert wanted in tip.text_content()


def test_the_table_sorts(made: Made, page: Any) -> None:
    def arms() -> list[str]:
        return [row.get_attribute("data-arm") for row in page.locator("#scores tbody tr").all()]

    totals = {cost["arm"]: cost["total"] for cost in made.results["cost"]}
    page.locator("#scores th button").last.click()
    assert [totals[arm] for arm in arms()] == sorted(totals.values(), reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.keyboard.press("Enter")  # the button keeps the focus
    assert [totals[arm] for arm in arms()] == sorted(totals.values())
    page.locator("#scores th button", has_text="1 photo").click()
    scored = [arm for arm in arms() if (arm, 1) in {(p["arm"], p["budget"]) for p in made.results["points"]}]
    assert arms()[:2] == scored  # those without a score come last


def test_differences_can_be_filtered_and_looked_at_closer(made: Made, page: Any) -> None:
    rows, every = page.locator("#differences .what[title]"), made.results["differences"]
    assert rows.count() == len(every)
    for says in ("better", "worse", "cannot tell"):
        page.click(f"[data-only='{says}']")
        assert rows.count() == sum(d["says"] == says for d in every)
        assert page.locator("#differences .says").all_text_contents() == [says] * rows.count()
    page.click("[data-only=all]")
    first = next(d for d in every if d["kind"] == "added")
    page.locator(f".what[title='{first['question']}'] button").click()
    ends = [f"{first[end]['arm']}/{first[end]['budget']}" for end in ("a", "b")]
    for side, key in zip("ab", ends, strict=True):
        assert {s.input_value() for s in page.locator(f"select[data-pair={side}]").all()} == {key}
    commands = page.locator("#compare pre").text_content().splitlines()
    assert len(commands) == 2  # one for each fold
    for line, fold in zip(commands, ("fold0", "fold1"), strict=True):
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "detect.compare"]
        runs = [scores(made, key, fold) for key in ends]
        assert OverridesParser.create().parse_override(words[3]).value() == runs


def test_a_photo_under_two_detectors_at_any_score(made: Made, page: Any) -> None:
    seen = shots(made.results)
    page.locator("select[data-pair=a]").first.select_option("real/1")
    for number, score in ((0, 0.3), (4, 0.3), (4, 0.7)):
        page.locator("#thumbs button").nth(number).click()
        page.locator("#score").fill(str(score))
        right, false, missed = counts(seen[number], "real/1", score)
        pane = page.locator(".pane[data-side=a]")
        assert pane.locator(".tally").text_content() == f"{right} right{false} false{missed} missed"
        assert pane.locator("rect.right").count() == right
        assert pane.locator("rect.missed").count() == missed
        assert pane.locator(".tag").count() == right + false + missed
        assert seen[number]["commands"]["real/1"] == pane.locator("pre").text_content()
    tags = [tag.bounding_box() for tag in page.locator(".pane[data-side=a] .tag:visible").all()]
    assert tags
    for number, a in enumerate(tags):
        for b in tags[:number]:
            beside = a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
            assert beside or a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
    small = page.locator(".view").first.bounding_box()["width"]
    page.locator("#large").check()
    assert page.locator(".view").first.bounding_box()["width"] > 1.9 * small
    page.locator("#marks").uncheck()
    assert page.locator(".tag").count() == 0


def test_lineage_and_steps_tell_their_commands(made: Made, page: Any) -> None:
    node = page.locator(".node", has_text="translator gan")
    node.focus()
    assert page.locator(".edge.lit").count() >= 3
    page.keyboard.press("Enter")
    shown = page.locator("#lineage-folders pre").text_content().splitlines()
    assert shown == [s["command"] for s in made.results["steps"] if s["id"].startswith("gan.train/")]
    page.locator("#lineage-folders .copy").click()
    page.wait_for_function("document.querySelector('#lineage-folders .copy').textContent === 'copied'")
    page.locator("summary", has_text="Every step").click()
    page.locator("#steps-filter").fill("TRANSLATOR: fold1")
    names = page.locator("#steps tbody tr:visible td:first-child").all_text_contents()
    assert names == ["train translator: gan, fold1"]
