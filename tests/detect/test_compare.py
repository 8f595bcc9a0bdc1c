from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldstart import cli
from coldstart.errors import UserError
from detect.compare import CompareConfig, compare
from tests.detect.records import found, label, match_all


@pytest.fixture
def runs(tmp_path: Path) -> Callable[..., list[str]]:
    """Folders of runs on 12 images, of which each run finds the milk on some."""

    def write(*finds: int, images: int = 12) -> list[str]:
        labels = [label("milk", 0, image=i) for i in range(1, images + 1)]
        folders = []
        for run, count in enumerate(finds):
            predictions = [found("milk", 0, 0.9 - i / 100, image=i) for i in range(1, count + 1)]
            folder = tmp_path / f"run{images}_{run}"
            folder.mkdir()
            match_all(labels, predictions, images).matches.save(folder / "matches.npz")
            folders.append(str(folder))
        return folders

    return write


def test_prints_paired_differences(runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    compare(CompareConfig(runs(6, 9, 6)))
    better, same = capsys.readouterr().out.strip().split("\nA = ")
    rows = {line[:15].strip(): line[15:].split() for line in better.splitlines()[4:]}
    assert rows["milk"][:3] == ["0.505", "0.752", "+0.248"]
    low, high = float(rows["milk"][3]), float(rows["milk"][5])
    assert 0 <= low < 0.248 < high
    assert rows["orange"] == ["–"] * 8
    assert rows["mean of classes"][2] == "+0.248"
    assert "+0.000 to +0.000" in same


def test_runs_that_cannot_be_compared(runs: Any, tmp_path: Path) -> None:
    good = runs(6, 9)
    with pytest.raises(UserError, match=r"run12_0, .*run5_0: the runs were scored on other images"):
        compare(CompareConfig([good[0], *runs(2, images=5)]))
    with pytest.raises(UserError, match="no such file"):
        compare(CompareConfig([good[0], str(tmp_path / "nowhere")]))
    (Path(good[1]) / "matches.npz").write_bytes(b"no zip")
    with pytest.raises(UserError, match=r"was not written by detect\.evaluate"):
        compare(CompareConfig(good))
    with pytest.raises(UserError, match="needs two folders"):
        CompareConfig(good[:1])


def test_keys_of_the_command(runs: Any) -> None:
    folders = runs(6, 9)
    config = cli.typed(CompareConfig, cli.compose("detect_compare", [f"runs=[{','.join(folders)}]"]))
    assert config == CompareConfig(folders)
