import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coldstart.sweep.trials import Ended, Job, alone, run_jobs, said, threads_each


def job(folder: Path, number: int, code: str) -> Job:
    return Job(number, (sys.executable, "-c", code), folder / f"{number}.log")


def test_so_many_run_at_a_time_and_the_next_is_asked_for_when_there_is_room(tmp_path: Path) -> None:
    events: list[str] = []

    def jobs() -> Iterator[Job]:
        for number in range(4):
            events.append(f"{number} begins")
            yield job(tmp_path, number, "import os, time; time.sleep(0.2); print(os.environ['SHARE'])")

    with alone(tmp_path) as lock, closing(run_jobs(jobs(), 2, {"SHARE": "1"}, lock)) as ended:
        for one in ended:
            assert one.code == 0
            assert one.job.log.read_text().endswith("\n1\n")
            events.append("ends")
    running = 0
    for event in events:
        running += 1 if "begins" in event else -1
        assert 0 <= running <= 2
    assert len(events) == 8
    assert events[2] == "ends"


def test_what_runs_is_ended_with_us(tmp_path: Path) -> None:
    mark = tmp_path / "saved"
    code = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(mark)!r}).touch(), sys.exit(1)))\n"
        "print('ready', flush=True)\ntime.sleep(60)"
    )
    one = job(tmp_path, 0, code)

    def jobs() -> Iterator[Job]:
        yield one
        while "\nready" not in one.log.read_text():
            time.sleep(0.02)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), alone(tmp_path) as lock:
        list(run_jobs(jobs(), 2, {}, lock))
    assert mark.exists()


@pytest.mark.parametrize(
    ("log", "code", "reason"),
    [
        ("error: before\n$ command\nstep 1\nerror: loss nan\nlast good: none\n", 2, "loss nan"),
        ("error: before\n$ command\n", -9, "ended by signal 9"),
        ("$ command\nTraceback\n  File\nValueError: no\n\n", 1, "exit code 1: ValueError: no"),
        ("$ command\n\xff\n", 1, "exit code 1: ÿ"),
    ],
)
def test_why_a_job_failed(tmp_path: Path, log: str, code: int, reason: str) -> None:
    (tmp_path / "0.log").write_text(log, encoding="utf-8")
    assert said(Ended(job(tmp_path, 0, ""), code, 1.0)) == reason


def test_threads_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    assert [threads_each(n) for n in (1, 2, 3, 20)] == [8, 4, 2, 1]
