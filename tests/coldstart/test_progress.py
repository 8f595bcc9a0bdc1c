import re

import pytest

from coldstart import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test sets by hand."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_piped_output_gets_plain_lines_with_rate_and_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = progress.Progress(200, "render", unit="img")
    for _ in range(20):
        clock[0] += 1
        shown.update(note="loss=0.5")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "render: 5/200 [1.00 img/s, 3:15 left] loss=0.5"
    assert len(lines) == 4  # one every five seconds
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_the_last_line_always_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track("abc", "letters", unit="letter")) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.fullmatch(r"letters: 3/3 \[[\d.]+ letter/s, 0:00 left\]", lines[0])


def test_a_resumed_count_does_not_flatter_the_rate(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    shown = progress.Progress(100, "train", unit="step", initial=90)
    clock[0] += 10
    shown.update(5)
    assert capsys.readouterr().err == "train: 95/100 [0.50 step/s, 0:10 left]\n"


def test_an_iterator_needs_its_total(capsys: pytest.CaptureFixture[str]) -> None:
    assert sum(progress.track(iter([1, 2]), "sum", total=2)) == 3
    assert "sum: 2/2" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    list(progress.track([1, 2, 3], "bar"))
    assert "\r" in capsys.readouterr().err


def test_the_clock_reads_as_clocks_do() -> None:
    assert [progress.clock(s) for s in (5.4, 65, 3725)] == ["0:05", "1:05", "1:02:05"]
