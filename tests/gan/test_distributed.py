"""Two processes with a batch of one learn what one process with a batch of two does."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from gan.checkpoint import load_generator
from gan.train import train


def test_two_processes_learn_as_one_with_their_batches(
    train_config: Any, tiny_overrides: list[str], tmp_path: Path
) -> None:
    # No pool: each process has one of its own, which would answer with other fakes.
    keys = ["steps=4", "model.pool=0", "model.ema=0.5"]
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
    assert done.stdout.count("trained for 4 steps") == 1
    # Biases in front of instance norm have no gradient but rounding, which Adam blows up: compare what they translate.
    generators = [load_generator(tmp_path / name / "generator.safetensors")[0] for name in ("one", "two")]
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        one, two = (generator(image) for generator in generators)
    learnt = float((one - image).abs().mean())
    assert learnt > 1e-3
    assert float((two - one).abs().mean()) < 0.02 * learnt
