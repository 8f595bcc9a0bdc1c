import pickle
import re
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from coldstart import training
from coldstart.errors import UserError


class Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        loss = self.layer(batch[0]).square().mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def fit(steps: int, folder: Path, checkpoint: str | None = None) -> pl.Trainer:
    training.quiet()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=[training.ProgressLines("train line", steps)],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Line(), DataLoader(TensorDataset(torch.ones(2, 1)), batch_size=1), ckpt_path=checkpoint)
    return trainer


def test_progress_lines_show_rate_time_left_and_loss(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fit(4, tmp_path)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("train line")]
    assert re.fullmatch(r"train line: 4/4 \[[\d.]+ step/s, 0:00 left\] loss=\d+\.\d{3}", lines[-1])


def test_a_resumed_run_counts_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fit(3, tmp_path).save_checkpoint(tmp_path / "last.ckpt")
    capfd.readouterr()
    fit(5, tmp_path, str(tmp_path / "last.ckpt"))
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("train line")]
    assert lines[-1].startswith("train line: 5/5 ")


def test_precision_is_as_wanted_or_what_the_machine_computes() -> None:
    assert training.precision("32-true") == "32-true"
    assert training.precision("auto") in ("bf16-mixed", "32-true")
    with training.autocast("bf16-mixed"):
        assert torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.bfloat16
    with training.autocast("32-true"):
        assert torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.float32


def test_precision_is_that_of_the_device_and_not_of_another_in_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for native in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, native=native: native)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: not native)
        assert training.precision("auto", "cuda") == ("bf16-mixed" if native else "32-true")
        assert training.precision("auto", "cpu") == ("32-true" if native else "bf16-mixed")
        assert training.trainer("cpu", 1, "auto", 1).precision == training.precision("auto", "cpu")
    assert training.precision("16-mixed", "cuda") == "16-mixed"
    with pytest.raises(UserError, match="precision=16-mixed: needs a GPU"):
        training.precision("16-mixed", "cpu")


def test_a_device_that_is_not_there_is_refused() -> None:
    assert training.device("cpu").type == "cpu"
    with pytest.raises(UserError, match="accelerator: 'tpu' is not one of auto"):
        training.device("tpu")
    with pytest.raises(UserError, match="accelerator: 'abacus' is not one of auto"):
        training.trainer("abacus", 1, "auto", 1)


def test_our_trainer_takes_the_asked_number_of_steps() -> None:
    training.quiet()
    trainer = training.trainer("cpu", 1, "32-true", 3)
    training.fit(trainer, Line(), DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=1))
    assert trainer.global_step == 3


def test_a_checkpoint_is_kept_every_so_often_and_at_the_end(tmp_path: Path) -> None:
    path, seen = tmp_path / "last.ckpt", []

    class Watch(pl.Callback):
        def on_train_batch_end(self, *_: object) -> None:
            seen.append(training.saved_steps(path))

    training.quiet()
    trainer = training.trainer("cpu", 1, "32-true", 5, callbacks=[training.KeepCheckpoint(path, 2, 5), Watch()])
    training.fit(trainer, Line(), DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=1))
    assert seen == [0, 2, 2, 4, 5]
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]
    assert training.saved_steps(path, per_step=2) == 2


def test_a_checkpoint_holds_no_code_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    assert training.saved_steps(path) == 0
    for content in (b"damaged", pickle.dumps({"global_step": 3, "code": Path})):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"last\.ckpt: cannot be read .* remove it"):
            training.saved_steps(path)


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    path, loader = tmp_path / "last.ckpt", DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=1)
    training.quiet()
    training.fit(
        training.trainer("cpu", 1, "32-true", 1, callbacks=[training.KeepCheckpoint(path, 1, 1)]), Line(), loader
    )
    training.fit(training.trainer("cpu", 1, "32-true", 2), Line(), loader, path)
    wider, other = Line(), Line()
    wider.layer = torch.nn.Linear(1, 2)
    other.more = torch.nn.Linear(1, 1)
    for module, name in ((wider, r"layer\.weight"), (other, r"more\.weight")):
        with pytest.raises(UserError, match=rf"last\.ckpt: is of another revision of the code.*\(at {name}\)"):
            training.fit(training.trainer("cpu", 1, "32-true", 2), module, loader, path)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    path, module = tmp_path / "last.ckpt", Line()

    class Break(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            if trainer.global_step == 3:
                module.layer.bias.data.fill_(float("inf"))

    training.quiet()
    trainer = training.trainer("cpu", 1, "32-true", 5, callbacks=[Break(), training.KeepCheckpoint(path, 1, 5)])
    message = r"step 3: a weight is not a finite number \(layer.bias\); the last good .*last\.ckpt of step 2$"
    with pytest.raises(UserError, match=message):
        training.fit(trainer, module, DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=1))
    assert training.saved_steps(path) == 2
    fresh = Line()
    training.load_weights(path, fresh)
    assert bool(fresh.layer.bias.isfinite())


def test_a_stop_by_another_callback_is_saved(tmp_path: Path) -> None:
    class Stop(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            trainer.should_stop = trainer.global_step == 3

    path = tmp_path / "last.ckpt"
    training.quiet()
    trainer = training.trainer("cpu", 1, "32-true", 5, callbacks=[Stop(), training.KeepCheckpoint(path, 5, 5)])
    training.fit(trainer, Line(), DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=1))
    assert training.saved_steps(path) == 3


def test_what_is_no_precision_is_refused() -> None:
    training.check_precision("auto")
    with pytest.raises(UserError, match="precision: 'bf16' is none of auto, 32-true"):
        training.check_precision("bf16")
