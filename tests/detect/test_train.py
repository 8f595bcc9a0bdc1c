import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from coldstart import training
from coldstart.dataset import write_json
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from detect.train import TrainConfig, train

Toys = Callable[..., Path]
Command = Callable[..., CompletedProcess[str]]


def config(out: Path, **keys: Any) -> TrainConfig:
    """Five steps of 4 at 64×64."""
    defaults: dict[str, Any] = {
        "detector": {"name": "fcos_lite0", "freeze": 4, "channels": 32, "head_convs": 1},
        "logger": LoggerConfig(kind="none"),
        "out": str(out),
        "size": [64, 64],
        "batch": 4,
        "steps": 5,
        "accelerator": "cpu",
    }
    return TrainConfig(**{**defaults, **keys})


def test_mix_follows_the_given_folders() -> None:
    assert config(Path("o"), synthetic="a").synthetic == ["a"]
    assert [config(Path("o"), **keys).mix for keys in ({"synthetic": ["a"]}, {"real": ["b"]})] == ["synthetic", "real"]
    both = {"synthetic": ["a"], "real": ["b"], "batch": 8}
    assert config(Path("o"), **both).real_per_batch == 2
    assert config(Path("o"), **both, mix="real").real_per_batch == 8
    assert config(Path("o"), **both, mix="synthetic").real_per_batch == 0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "no training data; give synthetic="),
        ({"real": ["a"], "mix": "joint"}, r"mix=joint needs synthetic=\[DIR"),
        ({"real": ["a"], "mix": "both"}, "mix: 'both' is none of"),
        ({"real": 5}, "real: 5 is not a list of folders"),
        ({"real": ["a"], "synthetic": ["b"], "real_fraction": 0.01}, "real_fraction: 0.01 of batch=4 is 0 real"),
        ({"real": ["a"], "synthetic": ["b"], "real_fraction": 1.0}, "between 1 and 3"),
        ({"real": ["a"], "steps": 0}, "steps: 0 is below 1"),
        ({"real": ["a"], "size": [312]}, r"size: \[312\] is not"),
        ({"real": ["a"], "lr": 0.0}, "lr and gradient_clip"),
        ({"real": ["a"], "warmup": 1.0}, "warmup: 1.0"),
        ({"real": ["a"], "precision": "float"}, "precision: 'float' is none of"),
        ({"real": ["a"], "seed": -1}, "seed: -1 is below 0"),
    ],
)
def test_bad_keys_are_named(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config(Path("o"), **keys)


def test_bad_input_writes_nothing(toys: Toys, tmp_path: Path) -> None:
    good, out = toys("good", 2), tmp_path / "out"

    def refused(message: str, **keys: Any) -> None:
        with pytest.raises(UserError, match=message):
            train(config(out, **{"real": [str(good)], **keys}))
        assert not out.exists()

    refused("no detector 'yolo'", detector={"name": "yolo"})
    refused("missing: no such dataset folder", real=[str(tmp_path / "missing")])
    refused("accelerator: 'tpu'", accelerator="tpu")
    misfit = toys("misfit", 2)
    Image.new("RGB", (50, 50)).save(misfit / "images" / "001.png")
    refused("is 50×50, but annotations.json says 96×96", real=[str(good), str(misfit)])
    cut = toys("cut", 2)
    (cut / "images" / "001.png").write_bytes((cut / "images" / "001.png").read_bytes()[:300])
    refused(r"cut/images/001\.png: cannot be read", real=[str(good), str(cut)])
    (misfit / "images" / "001.png").unlink()
    refused("image 2 is missing", real=[str(misfit)])
    empty = toys("empty", 2)
    content = json.loads((empty / "annotations.json").read_text())
    write_json(
        empty / "annotations.json", {**content, "annotations": [{**a, "ignore": 1} for a in content["annotations"]]}
    )
    refused("empty: no box to learn from", real=[str(empty)])


def test_a_joint_training_leaves_what_it_promises_and_is_done_once(
    toys: Toys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = config(
        tmp_path / "out", synthetic=[str(toys("a", 3))], real=[str(toys("b", 2, names=["bar", "cup", "disc"]))]
    )
    train(wanted)
    said = capsys.readouterr().out
    assert "3 synthetic and 2 real images, 3 + 1 in each batch; 4 classes: square, disc, bar, cup" in said
    with Image.open(tmp_path / "out" / "batch.png") as sheet:
        assert sheet.size == (256, 64)
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["complete"]
    assert set(card["parents"]) == {"synthetic_0", "real_0"}
    before = (tmp_path / "out" / "detector.safetensors").stat().st_mtime_ns
    train(wanted)
    assert "already trained" in capsys.readouterr().out
    assert (tmp_path / "out" / "detector.safetensors").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="holds data of another config"):
        train(dataclasses.replace(wanted, lr=1e-4))


class Stop(training.KeepCheckpoint):
    """Ctrl-C at step 4, when the last checkpoint is that of step 3."""

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        super().on_train_batch_end(trainer, *args)
        if trainer.global_step == 4:
            raise KeyboardInterrupt


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(
    toys: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = config(tmp_path / "whole", real=[str(toys("a", 5))], checkpoint_every=3, precision="32-true")
    train(wanted)
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(training, "KeepCheckpoint", Stop)
        with pytest.raises(KeyboardInterrupt):
            train(dataclasses.replace(wanted, out=str(stopped)))
    assert torch.load(stopped / "last.ckpt", weights_only=True)["global_step"] == 3
    train(dataclasses.replace(wanted, out=str(stopped)))
    whole, resumed = (load_file(tmp_path / name / "detector.safetensors") for name in ("whole", "stopped"))
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, msg=name)


def test_the_command_line_ends_with_2_and_one_line(command: Command, tmp_path: Path) -> None:
    done = command("detect.train", "real=[nowhere]", "out=o", "steps=3", cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()) == (2, ["error: nowhere: no such dataset folder"])
    assert not (tmp_path / "o").exists()
