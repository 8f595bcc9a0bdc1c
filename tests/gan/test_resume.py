"""An interrupted training ends where the uninterrupted one does, weight for weight, however it was interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from coldstart import lineage, training
from gan.train import train
from tests.checkpoints import same, state
from tests.gan.conftest import write_renders

MODELS = {
    "cyclegan": ["model.augment.policy=[translation]"],
    "pix2pix": ["model=pix2pix_small", "pairing=random"],
    "cut": ["model=cut_small", "model.nce_layers=[0,4,10]", "model.flip_equivariance=true", "model.ema=0.9"]
    + ["model.augment.policy=[colour]", "model.augment.target=0.6", "model.augment.images=20"],
    "gbuffer": ["model=gbuffer", "model.safety.perceptual=0", "model.generator.guide=[edges]"]
    + ["model.generator.dropout=true"],
    "bilateral": ["model=bilateral", "pairing=unpaired"],
}


class Stop(training.KeepCheckpoint):
    """Ctrl-C at step 13, when the last checkpoint is that of step 10, or of step 12 if that measured best."""

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        super().on_train_batch_end(trainer, *args)
        if trainer.global_step == 13 * self.per_step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("model", MODELS)
def test_twenty_steps_are_ten_and_ten(
    train_config: Any, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    source = write_renders(tmp_path / "many", 20, (64, 48)).root
    tiny = [*MODELS[model], "model.generator.base=8", "model.discriminator.base=8", "crop=32", "steps=20"]
    tiny += [f"source={source}", "measure.every=6"]
    # looking at samples more often must not change what is learnt either
    train(train_config(*tiny, f"out={whole}", "sample_every=3"))
    with monkeypatch.context() as patch:
        patch.setattr(training, "KeepCheckpoint", Stop)
        with pytest.raises(KeyboardInterrupt):
            train(train_config(*tiny, f"out={parts}", "save_every=10"))
    assert not (parts / "generator.safetensors").exists()
    assert training.saved_steps(parts / "last.ckpt", 2) == max(10, training.saved_steps(parts / "best.ckpt", 2))
    train(train_config(*tiny, f"out={parts}"))
    same(state(parts), state(whole))
    same(state(parts, "best.ckpt"), state(whole, "best.ckpt"))
    for file in ("generator.safetensors", "generator_last.safetensors", "measures.json"):
        assert (parts / file).read_bytes() == (whole / file).read_bytes()
    assert [row["step"] for row in json.loads((whole / "measures.json").read_text())["history"]] == [6, 12, 18, 20]
    if model == "pix2pix":  # has what measuring could disturb: batch norm's statistics and dropout
        rarely = tmp_path / "rarely"
        train(train_config(*tiny, f"out={rarely}", "measure.every=1000"))
        same(*({**state(out), "callbacks": None} for out in (rarely, whole)))
    if model == "cut":
        p = state(whole)["state_dict"]["critic.augment.p"]
        assert 0 < p <= 1, "the probability of augmentation has moved"


def test_no_signal_loses_a_step(train_config: Any, tiny_overrides: list[str], tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    train(train_config("steps=60", f"out={whole}"))
    # SIGKILL leaves the last regular checkpoint; SIGTERM makes one of its own, where no other is due
    for name, keys, sign, code in (
        ("SIGKILL", ["save_every=5"], "last.ckpt", -signal.SIGKILL),
        ("SIGTERM", ["sample_every=5"], "samples/000005.png", 130),
    ):
        stopped = tmp_path / name
        overrides = ["steps=60", *keys, f"out={stopped}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gan.train", *tiny_overrides, *overrides],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not (stopped / sign).exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(getattr(signal, name))
        _, said = process.communicate(timeout=120)
        assert process.returncode == code, said
        assert 5 <= training.saved_steps(stopped / "last.ckpt", 2) < 60
        assert not lineage.is_complete(stopped)
        train(train_config(*overrides))
        same(state(stopped), state(whole))
