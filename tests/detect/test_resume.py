"""An interrupted training ends where the uninterrupted one does, weight for weight, however it was interrupted."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from coldstart import lineage, training
from coldstart.mirror import Mirror
from coldstart.tracking import LoggerConfig
from coldstart.training import KeepCheckpoint, KeepRun
from coldstart.wandb_file import records, rows
from detect.held_out import HoldOutConfig
from detect.train import TrainConfig, train
from tests import s3
from tests.checkpoints import same, state
from tests.detect.conftest import make_toys

RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": {
        "optimizer": "sgd",
        "schedule": "cosine",
        "accumulate": 2,
        "ema": 0.9,
        "layer_decay": 0.8,
        "unfreeze": 0.7,
        "class_weights": "balanced",
        "hold_out": HoldOutConfig(fraction=0.4, every=4, patience=0),
    },
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_toys(tmp_path_factory.mktemp("photos") / "toys", 5)


def tiny(photos: Path, folder: Path) -> Callable[..., TrainConfig]:
    """Twenty steps of 2 at 64×64 into a folder of that name."""

    def make(name: str, **keys: Any) -> TrainConfig:
        defaults: dict[str, Any] = {
            "detector": {"name": "fcos_lite0", "pretrained": False, "freeze": 5, "channels": 32, "head_convs": 0},
            "logger": LoggerConfig(kind="none"),
            "out": str(folder / name),
            "real": [str(photos)],
            "size": [64, 64],
            "batch": 2,
            "steps": 20,
            "checkpoint_every": 10,
            "accelerator": "cpu",
            "precision": "32-true",
        }
        return TrainConfig(**{**defaults, **keys})

    return make


@pytest.fixture
def config(photos: Path, tmp_path: Path) -> Callable[..., TrainConfig]:
    return tiny(photos, tmp_path)


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default, uninterrupted."""
    out = tmp_path_factory.mktemp("whole") / "out"
    train(tiny(photos, out.parent)("out"))
    return out


def stop(patch: pytest.MonkeyPatch, batch: int, how: Callable[[], None], after: type[pl.Callback] = KeepRun) -> None:
    """Something happens at the end of that batch, by default before checkpoints are kept."""
    original = after.on_train_batch_end

    def stopping(*what: Any) -> None:
        original(*what)
        if what[-1] + 1 == batch:
            how()

    patch.setattr(after, "on_train_batch_end", stopping)


def interrupt() -> None:
    raise KeyboardInterrupt


def ends(left: Path, right: Path) -> None:
    """Both hold the same."""
    same(state(left), state(right))
    same(*(load_file(out / "detector.safetensors") for out in (left, right)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_twenty_steps_are_ten_and_ten(
    config: Callable[..., TrainConfig], tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    if recipe != "default":
        whole = tmp_path / "whole"
        train(config("whole", **RECIPES[recipe]))
    parts = config("parts", **RECIPES[recipe])
    with monkeypatch.context() as patch:
        stop(patch, 13 * parts.accumulate, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(parts)
    assert training.saved_steps(tmp_path / "parts" / "last.ckpt") == 10
    assert not (tmp_path / "parts" / "detector.safetensors").exists()
    train(parts)
    ends(tmp_path / "parts", whole)
    if recipe == "everything":
        history = json.loads((tmp_path / "parts" / "held_out.json").read_text())
        assert history == json.loads((whole / "held_out.json").read_text())
        assert [row["step"] for row in history["history"]] == [4, 8, 12, 16, 20]


@pytest.mark.parametrize("kept", [False, True], ids=["before", "after"])
def test_sigterm_between_two_batches_of_one_step_loses_neither(
    config: Callable[..., TrainConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """It comes before checkpoints are looked after, or after that."""
    keys: dict[str, Any] = {"steps": 6, "accumulate": 3, "checkpoint_every": 100}
    train(config("whole", **keys))
    with monkeypatch.context() as patch:
        stop(patch, 8, lambda: signal.raise_signal(signal.SIGTERM), KeepCheckpoint if kept else KeepRun)
        with pytest.raises(KeyboardInterrupt):
            train(config("parts", **keys))
    assert training.saved_batches(tmp_path / "parts" / "last.ckpt") == 8
    assert training.saved_steps(tmp_path / "parts" / "last.ckpt") == 2
    train(config("parts", **keys))
    ends(tmp_path / "parts", tmp_path / "whole")


def test_a_training_that_was_stopped_early_keeps_its_best(
    config: Callable[..., TrainConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {"lr": 1e-9, "hold_out": HoldOutConfig(fraction=0.4, every=2, patience=3)}
    train(config("a", **keys))
    assert "stopped at step 8 of 20: no better AP in 3 measurements; kept: step 2" in capsys.readouterr().out
    measured = json.loads((tmp_path / "a" / "held_out.json").read_text())
    assert (measured["pictures"], measured["stopped"], len(measured["history"])) == (2, True, 4)


def work(config: TrainConfig, threads: int, environment: dict[str, str]) -> None:
    """A training in a process of its own."""
    os.environ.update(environment)
    torch.set_num_threads(threads)  # or sums are rounded otherwise
    train(config)


def begin(config: TrainConfig, environment: dict[str, str]) -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["detect.train", "s3fs", "tests.detect.test_resume"])
    process = context.Process(target=work, args=(config, torch.get_num_threads(), environment))
    process.start()
    return process


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.server() as address:
        yield address


def test_a_kill_in_the_middle_of_an_upload_loses_nothing_here_or_on_a_fresh_machine(
    config: Callable[..., TrainConfig], tmp_path: Path, whole: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url, size = f"s3://{s3.BUCKET}/runs/a", (whole / "last.ckpt").stat().st_size
    lost = config("lost", mirror=url, checkpoint_every=5)
    with s3.Line(endpoint, lambda piece, sent: sent > 1.5 * size) as line:
        process = begin(lost, s3.credentials(line.address))
        line.pid = process.pid
        process.join(120)
        assert process.exitcode == -9
        assert line.cut.is_set()
    assert training.saved_steps(tmp_path / "lost" / "last.ckpt") == 10, "it was uploading that of step 10"
    assert not lineage.is_complete(tmp_path / "lost")
    train(config("lost", checkpoint_every=5))
    ends(tmp_path / "lost", whole)
    fresh = config("fresh", mirror=url, checkpoint_every=5)
    train(fresh)
    assert f"going on from {url}/00000005-" in capsys.readouterr().out
    ends(tmp_path / "fresh", whole)
    assert [step for step, _ in Mirror(url)._checkpoints()] == [20, 15, 5]
    later = config("later", mirror=url)
    train(later)
    assert "already trained, fetched from" in capsys.readouterr().out
    fetched, made = (tmp_path / name / "detector.safetensors" for name in ("later", "fresh"))
    assert fetched.read_bytes() == made.read_bytes()


def test_a_restarted_run_continues_its_own_curve(
    config: Callable[..., TrainConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"checkpoint_every": 10, "logger": LoggerConfig(kind="wandb")}
    with monkeypatch.context() as patch:
        stop(patch, 12, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(config("out", **keys))
    train(config("out", **keys))
    files = sorted((tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb"), key=lambda f: f.stat().st_mtime)
    deadline = time.monotonic() + 20
    while not all(any(r.HasField("exit") for r in records(f)) for f in files) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(files) == 2
    assert len({f.name for f in files}) == 1, "one id"
    logged = [[row for row in rows(f) if "loss" in row] for f in files]
    assert [[row["trainer/global_step"] for row in part] for part in logged] == [[9], [19]]
    counted = [row["_step"] for part in logged for row in part]
    assert counted == sorted(set(counted))
