"""`python -m coldstart` around the steps: what it says and with which exit code it ends."""

import errno
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coldstart import __main__ as main
from coldstart.dataset import write_json
from coldstart.study import running
from coldstart.study.config import StudyConfig
from coldstart.study.plan import plan
from tests.coldstart.study.conftest import finish, photos_config

Make = Callable[..., StudyConfig]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A study of toy photos, called as `python -m coldstart experiment=toy`."""
    monkeypatch.setattr("hydra.core.hydra_config.HydraConfig.get", lambda: None)
    monkeypatch.setattr(main, "user_conf", lambda _: None)
    monkeypatch.setattr("coldstart.report.strips.groups", lambda _: [])  # no network
    monkeypatch.setattr("sys.argv", ["coldstart", "experiment=toy", "out=a b"])
    before = signal.getsignal(signal.SIGTERM)
    yield lambda **keys: photos_config(tmp_path / "toy", **keys)
    signal.signal(signal.SIGTERM, before)


def test_a_finished_study_answers(photos: Make, capsys: pytest.CaptureFixture[str]) -> None:
    study = photos()
    finish(study)
    main.study(study)
    shown = capsys.readouterr().out
    assert "toy: 24 cells (4 arms; budgets 0, 1, all; 2 folds; 2 seeds)" in shown
    assert "Without any labelled photo, renders reach AP" in shown
    results = json.loads((Path(study.out) / "results.json").read_text())
    assert results["call"] == "python -m coldstart experiment=toy 'out=a b'"
    assert (Path(study.out) / "report.html").is_file()
    main.study(study)
    assert json.loads((Path(study.out) / "results.json").read_text()) == results


def test_the_study_is_logged_when_its_results_are_new(photos: Make) -> None:
    study = photos(logger={"kind": "csv"})
    finish(study)
    main.study(study)
    log = Path(study.out) / "metrics.csv"
    rows = log.read_text()
    assert "real/all/AP50" in rows
    main.study(study)
    assert log.read_text() == rows


def test_what_is_missing_is_told_and_the_exit_code_says_so(
    photos: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = photos()
    lost = finish(study).cells[-1].score
    shutil.rmtree(lost.out)
    write_json(lost.record, {"command": "", "seconds": 3, "calls": 1, "code": 1, "said": "MemoryError"})
    monkeypatch.setattr(running, "run", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main.study(study)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    steps = len(plan(study).steps)
    assert f"error: 1 of {steps} steps are missing, so 1 of 24 cells" in said
    assert f"{lost.name} ended with exit code 1: MemoryError ({lost.log})" in said
    assert said.endswith("put it right and go on with: python -m coldstart experiment=toy 'out=a b'\n")
    assert (Path(study.out) / "results.json").is_file()


@pytest.mark.parametrize(
    ("stop", "how"),
    [
        (KeyboardInterrupt(), (130, "interrupted")),
        (SystemExit(143), (143, "interrupted")),
        (OSError(errno.ENOSPC, "full"), (1, "the disk is full; make room")),
    ],
)
def test_a_stop_says_where_and_how_to_go_on(
    photos: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stop: Any, how: tuple[int, str]
) -> None:
    code, why = how
    study = photos()
    steps = finish(study).steps
    shutil.rmtree(steps[3].out)

    def stopped(*_: object) -> None:
        raise stop

    monkeypatch.setattr(running, "run", stopped)
    with pytest.raises(SystemExit) as ended:
        main.study(study)
    assert ended.value.code == code
    assert capsys.readouterr().err == (
        f"{why}: {len(steps) - 1} of {len(steps)} steps are made, at '{steps[3].name}'; "
        "go on with: python -m coldstart experiment=toy 'out=a b'\n"
    )


def test_budgets_that_are_left_out_are_named(photos: Make, capsys: pytest.CaptureFixture[str]) -> None:
    study = photos(budgets=[0, 1, 9, "all"])
    finish(study)
    main.study(study)
    assert "left out, since there are not more photos: 9" in capsys.readouterr().out
