import json
from collections.abc import Callable

import pytest

from coldstart.sweep import page
from coldstart.sweep.plan import Plan
from coldstart.sweep.study import Study
from tests.browser import opened, overflow

ODD = '"<i>odd</i>"'


@pytest.fixture
def swept(make: Callable[..., Plan]) -> tuple[Plan, Study]:
    """Four trials of two kinds that ended with an AP of 0.1, 0.3, 0.2 and not at all, and one that still runs."""
    plan = make("x=interval(0.0,1.0)", f"kind=plain,{ODD}", "out='<b>o'", "hydra.sweeper.n_trials=5")
    (plan.out / "trials").mkdir(parents=True)
    study = Study(plan.out, plan.goal, plan.space, seed=0)
    study.plan([{"x": 0.1 * i, "kind": ["plain", ODD][i % 2]} for i in range(5)])
    for number, value in enumerate([0.1, 0.3, 0.2, None]):
        trial = study.ask()
        history = [{"step": 5, "AP": 0.05}, *([] if value is None else [{"step": 10, "AP": value}])]
        plan.folder(number).mkdir()
        (plan.folder(number) / "held_out.json").write_text(json.dumps({"history": history, "best": history[-1]}))
        study.tell(trial, value, 61.0, None if value else "a loss is nan <script>alert(1)</script>")
    study.ask()
    return plan, study


def test_the_table_begins_with_the_best(swept: tuple[Plan, Study]) -> None:
    lines = page.table(*swept).splitlines()
    assert lines[0].split() == ["trial", "AP", "step", "x", "kind", "time"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["1", "0.3000", "10"],
        ["2", "0.2000", "10"],
        ["0", "0.1000", "10"],
    ]
    assert page.remark(*swept).startswith(
        "3 of 5 trials ended, 1 failed. The best is trial 1; without the sweep (trial 0)"
    )


def test_names_are_text_and_nothing_comes_from_elsewhere(swept: tuple[Plan, Study]) -> None:
    text = page.write(*swept).read_text()
    assert "<i>odd" not in text and "<script>alert" not in text and "<b>o" not in text
    assert "&lt;script&gt;alert(1)" in text
    states = [trial["state"] for trial in json.loads((swept[0].out / "sweep.json").read_text())["trials"]]
    assert states == ["complete"] * 3 + ["fail", "running"]


def test_the_plots_are_drawn_in_a_browser(swept: tuple[Plan, Study]) -> None:
    with opened() as browser:
        browser.goto(page.write(*swept).resolve().as_uri())
        for plot in range(5):
            browser.wait_for_selector(f"#plot{plot} .main-svg")
        titles = browser.locator("h2").all_inner_texts()
        assert titles[:2] == ["Best configs", "Failed trials"]
        assert titles[2:4] == ["Importance of the parameters", "Parallel coordinates"]
        assert "Learning curves" in titles
        assert ODD in browser.inner_text("#plot1")
        curves = browser.evaluate("document.getElementById('plot3').data.map(trace => trace.name)")
        assert curves == ["trial 3", "trial 0", "trial 2", "trial 1"]
        trials = browser.evaluate("[...document.getElementById('plot4').data[0].x]")
        assert trials == [0, 1, 2]
        assert (browser.problems, overflow(browser)) == ([], 0)
        assert all(url.startswith(("file:", "data:", "blob:")) for url in browser.asked)
