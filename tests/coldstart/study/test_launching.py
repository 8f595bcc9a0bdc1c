from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart.study import launching
from coldstart.study.config import StudyConfig
from coldstart.study.making import read_record
from coldstart.study.running import state
from tests.coldstart.study.fake import ran, steps


def test_a_launcher_makes_what_can_be_made(
    tmp_path: Path, config: Callable[..., StudyConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    """Jobs of Hydra's submitit launcher, by its local executor."""
    listed = steps(tmp_path, "a", "b<a", "c<b", "d<a")
    (tmp_path / "b.fails").write_text("the reason")
    launching.run(listed, config(launcher="submitit_local", cache=str(tmp_path / "cells")))
    assert ran(tmp_path)[0] == "a"
    assert sorted(ran(tmp_path)) == ["a", "b", "d"]
    assert [state(step, read_record(step)) for step in listed] == ["done", "failed", "missing", "done"]
    assert "b FAILED, ended with exit code 2: error: the reason" in capfd.readouterr().err
