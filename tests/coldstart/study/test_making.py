import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coldstart import lineage
from coldstart.study.making import Children, Stopped, last_line, make, read_record
from coldstart.study.steps import Step
from tests.coldstart.study.fake import ran, steps


def test_a_step_is_made_once_and_how_it_went_is_kept(tmp_path: Path) -> None:
    (step,) = steps(tmp_path, "a")
    record = make(step, Children())
    assert (record["code"], record["calls"], record["said"]) == (0, 1, None)
    assert record["seconds"] > 0
    assert read_record(step) == record
    assert last_line(step.log) == "at work"
    assert make(step, Children()) == record
    assert ran(tmp_path) == ["a"]


def test_a_failure_keeps_its_last_line_and_is_tried_again(tmp_path: Path) -> None:
    (step,) = steps(tmp_path, "a")
    (tmp_path / "a.fails").write_text("the reason")
    record = make(step, Children())
    assert (record["code"], record["said"]) == (2, "error: the reason")
    (tmp_path / "a.fails").unlink()
    again = make(step, Children())
    assert (again["code"], again["said"], again["calls"]) == (0, None, 2)
    assert again["seconds"] > record["seconds"]


def test_a_step_ended_by_a_signal_has_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    record = make(Step("x", "x", "dies", (), tmp_path / "cells" / "x"), Children())
    assert record["code"] == -signal.SIGKILL


def test_threads_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tells.py").write_text("import os; print(os.environ['OMP_NUM_THREADS'])")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    step = Step("x", "x", "tells", (), tmp_path / "cells" / "x")
    make(step, Children(threads=3))
    assert last_line(step.log) == "3"


def test_stopping_ends_what_runs_and_is_no_failure(tmp_path: Path) -> None:
    (step,) = steps(tmp_path, "a", sleep=60)
    children = Children()
    kept = []
    thread = threading.Thread(target=lambda: kept.append(make(step, children)))
    thread.start()
    _wait_for(lambda: ran(tmp_path) == ["a"])
    children.stop()
    thread.join(20)
    assert [record["code"] for record in kept] == [None]
    assert not lineage.is_complete(step.out)
    with pytest.raises(Stopped):
        make(step, children)


CALL = """
import sys
from pathlib import Path
from coldstart.study.making import Children, make
from tests.coldstart.study.fake import steps
make(*steps(Path(sys.argv[1]), "a", sleep=float(sys.argv[2])), Children())
"""


def test_a_step_left_behind_is_waited_for(tmp_path: Path) -> None:
    left = subprocess.Popen([sys.executable, "-c", CALL, str(tmp_path), "3"])
    _wait_for(lambda: ran(tmp_path) == ["a"])
    os.kill(left.pid, signal.SIGKILL)
    left.wait(20)
    (step,) = steps(tmp_path, "a")
    record = make(step, Children())
    assert ran(tmp_path) == ["a"]  # done once, by the one left behind
    assert lineage.is_complete(step.out)
    assert (record["seconds"], record["code"]) == (0, 0)  # not timed, rather than timed wrongly


def _wait_for(condition: object) -> None:
    deadline = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
