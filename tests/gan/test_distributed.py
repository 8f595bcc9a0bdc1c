"""Two processes with a batch of one learn what one process with a batch of two does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gan.checkpoint import load_generator
from gan.train import train
from tests.gan.conftest import write_renders


def test_two_processes_learn_as_one_with_their_batches(
    train_config: Any, tiny_overrides: list[str], tmp_path: Path
) -> None:
    # No pool: each process has one of its own, which would answer with other fakes.
    # The first process measures, and both save and stop by what it found.
    source = write_renders(tmp_path / "many", 20, (64, 48)).root
    keys = ["steps=9", "model.pool=0", "model.ema=0.5", f"source={source}"]
    keys += ["measure.every=2", "measure.retained=1", "measure.patience=2"]
    train(train_config(*keys, "batch=2", f"out={tmp_path / 'one'}"))
    command = [sys.executable, "-m", "gan.train", *tiny_overrides, *keys, "batch=1", "devices=2"]
    done = subprocess.run(
        [*command, f"out={tmp_path / 'two'}"],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained for ") == 1
    histories = [json.loads((tmp_path / name / "measures.json").read_text())["history"] for name in ("one", "two")]
    assert len(histories[0]) == len(histories[1]) >= 2
    for one, two in zip(*histories, strict=True):
        assert one["step"] == two["step"]
        assert two["kid_lite0"] == pytest.approx(one["kid_lite0"], rel=0.02)
    # Biases in front of instance norm have no gradient but rounding, which Adam blows up: compare what they translate.
    generators = [load_generator(tmp_path / name / "generator_last.safetensors")[0] for name in ("one", "two")]
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        one, two = (generator(image) for generator in generators)
    learnt = float((one - image).abs().mean())
    assert learnt > 1e-3
    assert float((two - one).abs().mean()) < 0.02 * learnt
