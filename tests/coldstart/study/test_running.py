import errno
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coldstart import lineage
from coldstart.errors import UserError
from coldstart.study import making, running
from coldstart.study.making import read_record
from coldstart.study.running import failure, run, state
from tests.coldstart.study.fake import ran, steps


def test_steps_run_in_order_and_progress_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = steps(tmp_path, "a", "b<a", "c<a<b")
    run(listed, 1, lambda step: f"note of {step.name}")
    assert ran(tmp_path) == ["a", "b", "c"]
    assert {state(step, read_record(step)) for step in listed} == {"done"}
    shown = capsys.readouterr().out
    assert "3 steps, 0 of them made already" in shown
    assert "[2/3] b done in 0:0" in shown
    assert "note of b; about 0:0" in shown
    run(listed, 1)
    assert ran(tmp_path) == ["a", "b", "c"]
    assert capsys.readouterr().out == "3 steps, 3 of them made already\n"


def test_a_failing_step_is_marked_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = steps(tmp_path, "a", "b<a", "c<b", "d<a")
    (tmp_path / "b.fails").write_text("the reason")
    run(listed, 1)
    assert ran(tmp_path) == ["a", "b", "d"]
    assert [state(step, read_record(step)) for step in listed] == ["done", "failed", "missing", "done"]
    assert "b FAILED, ended with exit code 2: error: the reason" in capsys.readouterr().err
    (tmp_path / "b.fails").unlink()
    run(listed, 1)
    assert ran(tmp_path) == ["a", "b", "d", "b", "c"]


def test_what_was_lost_is_made_again(tmp_path: Path) -> None:
    listed = steps(tmp_path, "a", "b<a")
    run(listed, 1)
    (listed[0].out / "card.json").unlink()
    run(listed, 1)
    assert ran(tmp_path) == ["a", "b", "a"]


def test_several_run_at_the_same_time(tmp_path: Path) -> None:
    listed = steps(tmp_path, "a", "b", "c<a<b", sleep=1.5)
    run(listed, 2)
    begun = [step.log.stat().st_mtime for step in listed]  # of the line that each says when it begins
    assert abs(begun[0] - begun[1]) < 1.5 <= begun[2] - max(begun[:2])


def test_two_studies_that_share_a_cache_make_a_step_once(tmp_path: Path) -> None:
    again = [sys.executable, "-c", STUDY, str(tmp_path), "1"]
    both = [subprocess.Popen(again, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(ran(tmp_path)) == ["a", "b"]


def test_a_full_disk_stops_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = steps(tmp_path, "a", "b")
    (tmp_path / "a.fails").write_text("[Errno 28] No space left on device: 'x'")
    with pytest.raises(OSError) as full:
        run(listed, 1)
    assert full.value.errno == errno.ENOSPC
    assert ran(tmp_path) == ["a"]

    def nowhere(*_: object) -> None:
        raise UserError("cannot be written")

    monkeypatch.setattr(making, "write_json", nowhere)
    (tmp_path / "a.fails").write_text("what a library makes of it")
    monkeypatch.setattr(running, "FULL", 2**62)
    with pytest.raises(OSError):
        run(listed, 1)


STUDY = """
import signal, sys
from pathlib import Path
from coldstart.study.running import run
from tests.coldstart.study.fake import steps
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
run(steps(Path(sys.argv[1]), "a", "b", sleep=float(sys.argv[2])), 2)
"""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_ends_the_running_steps_too(tmp_path: Path, how: signal.Signals, code: int) -> None:
    patience = "import coldstart.study.running as r; r.PATIENCE = 0.2\n"
    process = subprocess.Popen([sys.executable, "-c", patience + STUDY, str(tmp_path), "60"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while len(ran(tmp_path)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    assert process.wait(30) == code
    listed = steps(tmp_path, "a", "b")
    assert [state(step, read_record(step)) for step in listed] == ["missing", "missing"]
    run(listed, 2)  # their locks are free: the steps are gone
    assert all(lineage.is_complete(step.out) for step in listed)


def test_a_full_memory_is_suspected_where_a_step_was_killed() -> None:
    assert "the memory was full" in failure({"command": "", "seconds": 1, "calls": 1, "code": -9, "said": None})
    assert failure({"command": "", "seconds": 1, "calls": 1, "code": -11, "said": None}) == "was ended by signal 11"
