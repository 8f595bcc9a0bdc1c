import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coldstart import lineage
from coldstart.runner import Step, StepFailed, clock, read_records, run_steps

# A command of the same manners as ours: claims its folder, tells that it ran, may fail or take its time.
COMMAND = """
import sys, time
from pathlib import Path
from coldstart import lineage
keys = dict(a.split("=", 1) for a in sys.argv[1:])
out = Path(keys["out"])
if lineage.claim(out, "fake", {"value": keys["value"]}):
    sys.exit()
with Path(keys["log"]).open("a") as log:
    log.write(out.name + "\\n")
if Path(keys["log"] + ".fail").exists() and out.name == "b":
    print("error: the reason", file=sys.stderr)
    sys.exit(2)
time.sleep(float(keys.get("sleep", 0)))
lineage.complete(out)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file where every call of the fake command leaves a line."""
    (tmp_path / "fake_command.py").write_text(COMMAND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = tmp_path / "log"
    file.touch()
    return file


def chain(log: Path, value: int = 1) -> list[Step]:
    out = log.parent / "study"

    def step(name: str, *needs: str) -> Step:
        return Step(name, "fake_command", (f"out={out / name}", f"log={log}", f"value={value}"), out / name, needs)

    return [step("a"), step("b", "a"), step("c", "b"), step("d")]


def test_steps_run_in_order_and_are_timed(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    records = run_steps(chain(log), log.parent / "study")
    assert log.read_text().split() == ["a", "b", "c", "d"]
    assert all(record["done"] and record["seconds"] > 0 and record["calls"] == 1 for record in records.values())
    assert read_records(log.parent / "study") == records
    shown = capfd.readouterr().out
    assert "[3/4] c\n  python -m fake_command out=" in shown


def test_a_finished_study_calls_nothing_again(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = run_steps(chain(log), log.parent / "study")
    capfd.readouterr()
    assert run_steps(chain(log), log.parent / "study") == first
    assert log.read_text().split() == ["a", "b", "c", "d"]
    assert capfd.readouterr().out.count("already complete") == 4


def test_what_depends_on_a_lost_folder_is_looked_at_again(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = log.parent / "study"
    run_steps(chain(log), out)
    (out / "b" / "card.json").unlink()
    capfd.readouterr()
    run_steps(chain(log), out)
    assert log.read_text().split() == ["a", "b", "c", "d", "b"]
    shown = capfd.readouterr().out
    assert "[1/4] a: already complete" in shown
    assert "[3/4] c\n  python -m" in shown  # called, and finds itself complete
    assert "[4/4] d: already complete" in shown


def test_a_failing_step_stops_the_study_and_names_itself(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    failing = Path(f"{log}.fail")
    failing.touch()
    with pytest.raises(StepFailed) as failure:
        run_steps(chain(log), log.parent / "study")
    assert failure.value.code == 2
    assert str(failure.value).startswith("step 2/4 'b' ended with exit code 2")
    assert "run the same command again" in str(failure.value)
    assert "error: the reason" in capfd.readouterr().err
    failing.unlink()
    records = run_steps(chain(log), log.parent / "study")
    assert log.read_text().split() == ["a", "b", "b", "c", "d"]
    assert (records["a"]["calls"], records["b"]["calls"]) == (1, 2)
    assert all(record["done"] for record in records.values())


def test_a_step_ended_by_a_signal_has_the_shells_exit_code(log: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    (log.parent / "dies.py").write_text(code)
    with pytest.raises(StepFailed, match="was ended by signal 9") as failure:
        run_steps([Step("x", "dies", (), log.parent / "study" / "x")], log.parent / "study")
    assert failure.value.code == 137


def test_a_timing_is_not_lost_when_the_command_line_changes_by_what_does_not_matter(log: Path) -> None:
    out = log.parent / "study"
    first = run_steps(chain(log), out)
    (steps,) = [[Step(s.name, s.module, (*s.overrides, "workers=2"), s.out, s.needs) for s in chain(log)]]
    again = run_steps(steps, out)
    assert [r["seconds"] for r in again.values()] == [r["seconds"] for r in first.values()]
    assert log.read_text().split() == ["a", "b", "c", "d"]


STUDY = """
import signal, sys
from pathlib import Path
from coldstart.runner import Step, run_steps
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
out = Path(sys.argv[1])
keys = (f"out={out}/slow", f"log={out}.log", "value=1", f"sleep={sys.argv[2]}")
run_steps([Step("slow", "fake_command", keys, out / "slow")], out)
"""


def started(log: Path, sleep: str) -> "subprocess.Popen[str]":
    """A study of one slow step, begun and inside that step."""
    (log.parent / "a_study.py").write_text(STUDY)
    process = subprocess.Popen(
        [sys.executable, "-m", "a_study", str(log.parent / "study"), sleep], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not (log.parent / "study.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_sigterm_ends_the_running_step_too(log: Path) -> None:
    process = started(log, "60")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    process.communicate()
    record = json.loads((log.parent / "study" / "study.json").read_text())["slow"]
    assert not record["done"]
    assert record["seconds"] > 0
    # The lock is free again, so the step is gone.
    begun = time.monotonic()
    run_steps([], log.parent / "study")
    assert time.monotonic() - begun < 5


def test_a_step_left_behind_is_waited_for(log: Path) -> None:
    process = started(log, "3")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(20)
    again = started(log, "3")
    shown, _ = again.communicate(timeout=60)
    process.communicate()
    assert again.returncode == 0
    assert "is still at work here; waiting for it" in shown
    assert (log.parent / "study.log").read_text().split() == ["slow"]  # done once, by the one left behind
    assert lineage.is_complete(log.parent / "study" / "slow")
    assert read_records(log.parent / "study")["slow"]["seconds"] == 0  # not timed, rather than timed wrongly


def test_the_clock_reads_as_clocks_do() -> None:
    assert [clock(s) for s in (5.4, 65, 3725)] == ["0:05", "1:05", "1:02:05"]
    assert clock(0) == "not timed"
