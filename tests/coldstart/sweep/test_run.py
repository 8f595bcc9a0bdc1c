import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldstart import lineage
from coldstart.errors import UserError
from coldstart.sweep.plan import Plan
from coldstart.sweep.run import sweep
from coldstart.sweep.study import Study

HERE = Path(__file__).parent
Make = Callable[..., Plan]
SPACE = ["x=interval(0.0,0.7)", "kind=plain,other"]


def results(out: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((Path(out) / "sweep.json").read_text())
    return content


def tried(out: str) -> list[dict[str, Any]]:
    return [trial["params"] for trial in results(out)["trials"]]


def test_a_trial_that_diverges_is_marked_and_the_rest_goes_on(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(make('kind=plain,"<i>odd</i>"', "x=0.9,0.4", "out=o", "hydra.sweeper.n_jobs=2"))
    found = results("o")
    assert [t["state"] for t in found["trials"]] == ["fail", "complete"] * 2
    assert {t["failure"] for t in found["trials"][::2]} == {"step 3: a loss is not a finite number (loss nan) <b>"}
    assert found["ranked"] == [1, 3]
    assert found["trials"][1]["AP"] == pytest.approx(0.99)
    assert found["trials"][1]["command"].endswith(" kind=plain x=0.4 out=o/trials/001")
    printed = capsys.readouterr().out
    assert "4 trials, every combination, 2 at a time, each on 1 thread, compared by AP on 3 pictures" in printed
    assert "2 of 4 trials ended, 2 failed. The best is trial 1." in printed
    page = (Path("o") / "sweep.html").read_text()
    for text in ("Importance", "Parallel coordinates", "Learning curves", "loss nan", "score o/trials/001"):
        assert text in page


def test_what_optuna_tries_begins_with_the_config_as_it_is(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(make("x=interval(0.0,0.7)", "whole=int(interval(1,8))", "out=o", "hydra.sweeper.n_trials=3"))
    first, *others = tried("o")
    assert first == {"x": 0.5, "whole": 3}
    assert len({trial["x"] for trial in others}) == 2
    assert all(0 <= t["x"] <= 0.7 and t["whole"] in range(1, 9) for t in others)
    assert "without the sweep (trial 0) AP is 0.9600" in capsys.readouterr().out


def test_a_sweep_that_grows_into_the_grid_tries_all_of_it(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    grid = ["kind=plain,other", "whole=1,2", "out=o"]
    sweep(make(*grid, "hydra.sweeper.n_trials=3"))
    with sqlite3.connect("o/study.db") as study:  # as if Optuna had drawn one of them twice
        study.execute(
            "update trial_params set param_value = (select param_value from trial_params p where "
            "p.trial_id = 1 and p.param_name = trial_params.param_name) where trial_id = 2"
        )
    sweep(make(*grid, "hydra.sweeper.n_trials=4"))
    assert len({tuple(sorted(params.items())) for params in tried("o")}) == 4


def start(environment: dict[str, str], *keys: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "toy_training", f"--config-dir={HERE / 'conf'}", "--multirun", *SPACE, *keys]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(file: Path, running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_sweep_goes_on_and_grows_as_if_nothing_had_happened(make: Make, environment: dict[str, str]) -> None:
    keys = [*SPACE, "hydra.sweeper.n_trials=2", "wait_for=now"]
    running = start(environment, *keys[2:], "out=a")
    wait_for(Path("a/trials/000/begun.txt"), running)
    os.kill(running.pid, signal.SIGKILL)  # its trial does not know, and ends later
    running.communicate()
    with sqlite3.connect("a/study.db") as study:
        assert study.execute("select state from trials where number = 0").fetchall() == [("RUNNING",)]
    Path("now").touch()
    sweep(make(*keys, "out=a"))
    assert results("a")["trials"][0]["seconds"] is None
    grown = [*SPACE, "hydra.sweeper.n_trials=3", "wait_for=now"]
    sweep(make(*grown, "out=a"))
    sweep(make(*grown, "out=b"))
    assert tried("a") == tried("b")
    assert results("a")["ranked"] == results("b")["ranked"]
    assert [t["state"] for t in results("a")["trials"]] == ["complete"] * 3
    assert Path("a/trials/000/begun.txt").read_text() == "1\n"
    with pytest.raises(UserError, match=r"a: holds data of another config \(differs in sweep.space.x, x\)"):
        sweep(make("x=interval(0.1,0.7)", *grown[1:], "out=a"))


def test_a_stopped_sweep_ends_its_trials_and_goes_on(make: Make, environment: dict[str, str]) -> None:
    keys = [*SPACE, "hydra.sweeper.n_trials=2", "wait_for=now"]
    running = start(environment, *keys[2:], "out=a")
    wait_for(Path("a/trials/000/begun.txt"), running)
    running.terminate()
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    Path("now").touch()
    time.sleep(0.2)
    assert not Path("a/trials/000/held_out.json").exists()
    sweep(make(*keys, "out=a"))
    assert Path("a/trials/000/begun.txt").read_text() == "1\n1\n"
    assert Path("a/trials/000.log").read_text().count("$ ") == 2


def test_a_sweep_killed_while_a_trial_got_its_values_gives_it_the_rest(make: Make) -> None:
    plan = make("x=choice(0.1)", "kind=a,b", "out=o")
    lineage.claim("o", "toy_training --multirun", plan.card(), extends=("n_trials",))
    study = Study(plan.out, plan.goal, plan.space, plan.settings.seed)
    study.plan(plan.first)
    study.study.ask({"x": plan.space[0].distribution})
    sweep(plan)
    assert tried("o") == plan.first


def test_without_one_success_there_is_one_line(make: Make) -> None:
    with pytest.raises(UserError, match=r"all 2 trials failed, the first: step 3: .*; see o/trials"):
        sweep(make("x=0.9,0.95", "out=o"))
    assert results("o")["ranked"] == []
    assert "No trial has ended well" in Path("o/sweep.html").read_text()


def test_a_study_that_cannot_be_read_is_one_line(make: Make) -> None:
    plan = make("x=0.1,0.2", "out=o")
    lineage.claim("o", "toy_training --multirun", plan.card(), extends=("n_trials",))
    Path("o/study.db").write_bytes(b"not a database" * 100)
    with pytest.raises(UserError, match=r"o/study.db: the study cannot be read or written \(file is not a database\)"):
        sweep(plan)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x=0.5"], "nothing to sweep over"),
        (["x=interval(0.0,a)"], "cannot be read as key=value"),
        (["y=1,2"], "unknown key 'y'"),
        (["x=interval(0.9,0.1)"], "the lower first"),
        (["whole=interval(1,8)"], "whole: Value '1.0' of type 'float' could not be converted to Integer"),
        (["x=0.1,big"], "x: Value 'big'"),
        (["seed=1,2"], "seed: with 2, AP would be measured on other pictures or boxes than with 1"),
        (["x=0.1,0.2", "kind=nothing"], "kind: nothing is held out"),
        (["x=0.1,0.2", "out=a,b"], "out: one folder for the whole sweep"),
        (["x=0.1,0.2", "hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs: must be at least 1, got 0"),
        (["x=0.1,0.2", "hydra/launcher=submitit_local"], "add hydra/sweeper=basic"),
    ],
)
def test_a_bad_sweep_is_refused_before_anything_is_written(
    make: Make, arguments: list[str], message: str, tmp_path: Path
) -> None:
    from hydra.errors import HydraException

    from coldstart.cli import _one_line

    with pytest.raises((UserError, HydraException)) as refusal:
        sweep(make("out=o", *arguments))
    error = refusal.value
    text = str(error) if isinstance(error, UserError) else _one_line(error, "", [])
    assert message in text
    assert not Path("o").exists()


def test_a_bad_search_space_ends_the_command_with_2_and_one_line(environment: dict[str, str]) -> None:
    running = start(environment, "whole=int(interval(8,1))", "out=o")
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (
        2,
        "error: whole=int(interval(8,1)): an interval is two numbers, the lower first\n",
    )


def test_a_space_can_stand_in_a_config(make: Make) -> None:
    plan = make("hydra.sweeper.params={x: 'interval(0.1,0.2)', kind: 'a,b'}", "kind=c,d", "out=o")
    assert {d.key: d.text for d in plan.space} == {"x": "interval(0.1,0.2)", "kind": "c,d"}
