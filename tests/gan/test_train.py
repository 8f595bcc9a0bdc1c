"""Training end to end on toy domains: it learns, resumes exactly, and refuses bad input before it writes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image as Picture

from coldstart import cli, lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from coldstart.split import SplitConfig, split
from coldstart.tracking import LoggerConfig
from gan import train as train_module
from gan.checkpoint import load_generator
from gan.data import to_tensor
from gan.models.cyclegan import CycleGAN
from gan.train import TrainConfig, train
from gan.translate import translate_image


class Recorder(pl.Callback):
    """Losses of every step."""

    def __init__(self) -> None:
        self.losses: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.losses.append({k: float(v) for k, v in trainer.callback_metrics.items()})


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder, make = Recorder(), train_module.training.trainer

    def recorded(*args: Any, **keys: Any) -> pl.Trainer:
        trainer = make(*args, **keys)
        trainer.callbacks.append(recorder)  # type: ignore[attr-defined]
        return trainer

    monkeypatch.setattr(train_module.training, "trainer", recorded)
    return recorder


def test_training_lowers_the_losses_and_moves_colours_to_the_target(
    train_config: Any, recorder: Recorder, renders: Dataset, tmp_path: Path
) -> None:
    # The paper's generator and weights; only the rate is higher, since there are only seconds.
    train(train_config("steps=130", "sample_every=100", "model.lr=0.002", "model.generator.residual=0"))
    start, end = recorder.losses[2:12], recorder.losses[-10:]
    for name in ("cycle", "identity"):
        before, after = (float(np.mean([losses[name] for losses in part])) for part in (start, end))
        assert after < 0.8 * before, f"{name}: {before} → {after}"

    out = tmp_path / "out"
    assert sorted(p.name for p in (out / "samples").iterdir()) == ["000100.png", "000130.png"]
    assert Picture.open(out / "samples" / "000130.png").size == (6 * 68 - 4, 3 * 52 - 4)
    assert lineage.is_complete(out)
    generator, model = load_generator(out / "generator.safetensors")
    assert model == "cyclegan"
    pixels = to_tensor(np.asarray(Picture.open(renders.path(renders.images[0]))))[None]
    x, y, side, _ = map(int, renders.annotations[0]["bbox"])
    before, after = (
        p[0, :, y + 2 : y + side - 2, x + 2 : x + side - 2].mean((1, 2))
        for p in (pixels, translate_image(generator, pixels))
    )
    assert after[2] - after[0] > before[2] - before[0] + 0.5  # blue minus red


def weights(out: Path) -> dict[str, torch.Tensor]:
    return torch.load(out / "last.ckpt", weights_only=True)["state_dict"]


def test_a_training_interrupted_after_its_last_step_only_writes_the_generator(
    train_config: Any, tmp_path: Path, recorder: Recorder
) -> None:
    train(train_config("steps=3"))
    out = tmp_path / "out"
    before = (out / "generator.safetensors").read_bytes()
    (out / "generator.safetensors").unlink()
    card = lineage.read_card(out)
    train_module.lineage.write_json(out / "card.json", {**card, "complete": False})
    recorder.losses.clear()
    train(train_config("steps=3"))
    assert recorder.losses == []
    assert (out / "generator.safetensors").read_bytes() == before


def test_a_finished_training_is_left_alone(train_config: Any, tmp_path: Path, capsys: Any) -> None:
    train(train_config("steps=1"))
    file = tmp_path / "out" / "generator.safetensors"
    written = file.stat().st_mtime_ns
    train(train_config("steps=1"))
    assert "already trained" in capsys.readouterr().out
    assert file.stat().st_mtime_ns == written


def test_the_same_seed_gives_the_same_generator(train_config: Any, tmp_path: Path) -> None:
    files = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(train_config(f"out={tmp_path / name}", "steps=3", f"seed={seed}"))
        files.append((tmp_path / name / "generator.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_loss_that_is_not_finite_stops_the_training(
    train_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = CycleGAN.discriminator_losses

    def broken(self: CycleGAN, *args: Any) -> dict[str, torch.Tensor]:
        factor = float("nan") if self.global_step >= 6 else 1.0
        return {name: loss * factor for name, loss in forward(self, *args).items()}

    monkeypatch.setattr(CycleGAN, "discriminator_losses", broken)
    with pytest.raises(
        UserError, match=r"step 3: a loss .* finite .*\(discriminator nan\).* good .*last\.ckpt of step 2$"
    ):
        train(train_config("steps=9", "save_every=2"))
    assert not (tmp_path / "out" / "generator.safetensors").exists()
    assert all(bool(t.isfinite().all()) for t in weights(tmp_path / "out").values())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("steps=0", "steps: must be at least 1, got 0"),
        ("batch=0", "batch: must be at least 1"),
        ("epoch=0", "epoch: must be at least 1"),
        ("crop=34", "crop: must be a multiple of 4 for this generator, got 34"),
        ("crop=16", "crop: must be at least 32, got 16"),
        ("crop=64", "smaller than crop=64"),
        ("model.discriminator.layers=4", "crop: must be at least 48 for model.discriminator.layers=4, got 32"),
        ("model.lr=-1", "model.lr: must be above 0, got -1.0"),
        ("model.augment.target=1", "model.augment.target: must lie in [0, 1), got 1.0"),
        ("model.generator.residual=2", "model.generator.residual: must lie in "),
        ("seed=-1", "seed and workers must not be negative"),
        ("precision=half", "precision: 'half' is none of"),
        ("devices=0", "devices: must be at least 1, got 0"),
        ("pairing=twins", "pairing: 'twins' is none of unpaired, content, aligned, random, nearest"),
        ("pairing=aligned", "000000.png: has no partner of its name in "),
        ("model.safety.edges=-1", "model.safety.edges: must not be negative"),
        ("model.safety.edges=1 model.safety.band=0", "model.safety.band: must be at least 1 for model.safety.edges"),
        ("model=cut_small model.safety.objects=2", "background: are of no use to cut, which has no pixel losses"),
        ("model=bilateral model.safety.background=0", "are of no use to bilateral, which has no pixel losses"),
        ("model.augment.target=0.6", "model.augment.target: is of no use without model.augment.policy"),
        ("model.augment.policy=[blur]", "model.augment.policy: 'blur' is none of translation, cutout, colour"),
        ("model=gbuffer", "000000.png: no such file; render with passes=[depth,normals,albedo]"),
        ("accelerator=abacus", "accelerator: 'abacus' is not one of auto"),
        ("model.name=pix3pix", "model.name: 'pix3pix' is none of cyclegan"),
        ("model.pool=-1", "model.pool"),
        ("model.generator.norm=layer", "model.generator.norm: 'layer' is none of instance, batch"),
        ("+model.lambda_cicle=1", "lambda_cicle"),
        ("model.lr=fast", "model.lr"),
        ("source=nowhere", "nowhere: no such dataset folder"),
        ("target=nowhere", "nowhere: no such folder of photos"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    train_config: Any, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(UserError) as error:
        train(train_config("steps=1", *override.split()))
    assert message in str(error.value)
    assert "model.model" not in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("term", ["edges", "art"])
def test_losses_that_masks_place_are_refused_without_them(
    train_config: Any, renders: Dataset, tmp_path: Path, term: str
) -> None:
    renders.mask_path(renders.images[1]).unlink()
    with pytest.raises(UserError, match=rf"masks/000001\.png: no such file; model\.safety\.{term} needs renders"):
        train(train_config("steps=1", f"model.safety.{term}=1"))
    assert not (tmp_path / "out").exists()


def test_photos_of_a_test_split_are_refused(train_config: Any, renders: Dataset, tmp_path: Path) -> None:
    split(SplitConfig(str(renders.root), str(tmp_path / "parts"), train=2, logger=LoggerConfig(kind="none")))
    with pytest.raises(UserError, match="belongs to the test split"):
        train(train_config(f"target={tmp_path / 'parts' / 'test'}"))
    assert not (tmp_path / "out").exists()


def test_folder_of_another_config_and_broken_checkpoint(train_config: Any, tmp_path: Path) -> None:
    train(train_config("steps=1"))
    with pytest.raises(UserError, match=r"holds data of another config \(differs in seed\)"):
        train(train_config("steps=1", "seed=9"))
    out = tmp_path / "out"
    train_module.lineage.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    (out / "last.ckpt").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"last\.ckpt: cannot be read"):
        train(train_config("steps=1"))
    assert (out / "last.ckpt").read_bytes() == b"broken"


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "gan.train", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_command_line_ends_with_2_and_one_line(renders: Dataset, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = command(f"source={renders.root}", f"target={tmp_path / 'empty'}", f"out={tmp_path / 'out'}", "crop=32")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "empty: holds no photo" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["none", "reinhard", "histogram", "fda"])
def test_a_model_that_needs_no_training_is_refused_by_name(model: str, tmp_path: Path, capsys: Any) -> None:
    config = cli.compose("gan_train", [f"model={model}", "target=photos", f"out={tmp_path / 'out'}"])
    with pytest.raises(SystemExit):
        cli.Job(train, TrainConfig)(config)
    assert capsys.readouterr().err.startswith(f"error: model.name: '{model}' is none of cyclegan, pix2pix")


def test_unknown_model_lists_what_there_is(train_config: Any) -> None:
    with pytest.raises(UserError, match=r"cyclegun: no such config; available: .*cyclegan, cyclegan_small"):
        train_config("model=cyclegun")
