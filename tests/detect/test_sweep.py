"""Sweeps of detect.train; what all sweeps have in common is tested in tests/coldstart/sweep/."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.habit import Habit
from detect.held_out import HoldOutConfig
from detect.train import GOAL, TrainConfig, check_sweep

SMALL = ["steps=3", "size=[96,96]", "batch=2", "detector.freeze=2", "detector.channels=32", "detector.head_convs=1"]


def config(real: Path, **keys: Any) -> TrainConfig:
    detector = {"name": "fcos_lite0"}
    return TrainConfig(detector=detector, logger=LoggerConfig(kind="none"), real=[str(real)], out="o", **keys)


def test_a_sweep_with_a_diverging_trial(
    command: Callable[..., CompletedProcess[str]], toys: Callable[..., Path], tmp_path: Path
) -> None:
    """Two at a time, by Hydra's own syntax; the second rate is far too high."""
    toys("toys", 6)
    keys = [*SMALL, "real=[toys]", "hold_out.fraction=0.3", "hydra.sweeper.n_jobs=2", "out=o"]
    done = command("detect.train", "--multirun", "lr=1e-3,1e30", *keys, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 trials, every combination, 2 at a time, each on 1 thread" in done.stdout
    assert "1 of 2 trials ended, 1 failed. The best is trial 0." in done.stdout
    good, bad = json.loads((tmp_path / "o/sweep.json").read_text())["trials"]
    assert good["AP"] == json.loads((tmp_path / "o/trials/000/held_out.json").read_text())["best"]["AP"]
    assert "is not a finite number" in bad["failure"]
    page = (tmp_path / "o/sweep.html").read_text()
    assert "is not a finite number" in page
    assert "python -m detect.evaluate checkpoint=o/trials/000/detector.safetensors" in page


def test_trials_are_compared_on_what_is_held_out_of_the_training(toys: Callable[..., Path]) -> None:
    photos = toys("photos", 10)
    held = HoldOutConfig(fraction=0.3)
    checked = check_sweep(config(photos, hold_out=held))
    assert len(checked.held) == 3
    assert checked.parents == {"real_0": photos}
    assert check_sweep(config(photos, hold_out=held, lr=0.1)).held == checked.held
    assert check_sweep(config(photos, hold_out=held, seed=1)).held != checked.held
    assert {"seed", "hold_out", "real", "habit"} <= set(GOAL.touches)


def test_trials_whose_truth_differs_are_not_compared(toys: Callable[..., Path]) -> None:
    """Renders alone: those held out are drawn by the trial's habit."""
    renders = config(toys("renders", 10), hold_out=HoldOutConfig(fraction=0.3))
    renders = replace(renders, synthetic=renders.real, real=[], mix="synthetic")
    plain, wide = (check_sweep(replace(renders, habit=Habit(margin=margin))) for margin in (0.0, 8.0))
    assert len(plain.held) == len(wide.held) == 3
    assert plain.held != wide.held


def test_nothing_held_out_is_nothing_to_compare_by(toys: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=r"hold_out.fraction: .* give hold_out.fraction=0.3"):
        check_sweep(config(toys("photos", 4)))
