"""A generator's file gives back the generator; anything else is refused in one line."""

import json
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from coldstart.errors import UserError
from gan.checkpoint import METADATA, load_generator, load_published, save_generator
from gan.networks import PatchDiscriminator, ResnetConfig, ResnetGenerator, UnetConfig, UnetGenerator

CONFIG = ResnetConfig(base=4, blocks=1, residual=1.0)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, ResnetGenerator]:
    generator = ResnetGenerator(3, 3, base=4, blocks=1, residual=1.0)
    torch.nn.init.normal_(generator.get_parameter("model.18.weight"))
    save_generator(tmp_path / "generator.safetensors", generator, "cyclegan", CONFIG)
    return tmp_path / "generator.safetensors", generator


def test_what_is_saved_is_loaded(saved: tuple[Path, ResnetGenerator]) -> None:
    file, generator = saved
    loaded, model = load_generator(file)
    x = torch.rand(1, 3, 16, 16)
    assert model == "cyclegan"
    assert not loaded.training
    assert torch.equal(loaded(x), generator.eval()(x))


def test_every_kind_of_generator_is_loaded_as_what_it_was(tmp_path: Path) -> None:
    generators = {
        UnetGenerator(9, 3, depth=3, base=2, residual=0.25, dropout=True): UnetConfig(
            3, 2, residual=0.25, dropout=True
        ),
        ResnetGenerator(9, 1, base=2, blocks=0, norm="batch", resize=True): ResnetConfig(2, 0, "batch", resize=True),
    }
    x = torch.rand(2, 9, 16, 16)
    for generator, config in generators.items():
        for tensor in generator.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape))
        save_generator(tmp_path / "a.safetensors", generator, "m", config)
        loaded, _ = load_generator(tmp_path / "a.safetensors")
        assert type(loaded) is type(generator)
        assert torch.equal(loaded(x), generator.eval()(x))


def test_the_same_weights_give_the_same_file(saved: tuple[Path, ResnetGenerator]) -> None:
    file, generator = saved
    before = file.read_bytes()
    for _ in range(5):
        save_generator(file, generator, "cyclegan", CONFIG)
        assert file.read_bytes() == before


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.safetensors: no such file"):
        load_generator(tmp_path / "no.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"\x80\x04K\x01."])
def test_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.ckpt: is no safetensors file"):
        load_generator(tmp_path / "a.ckpt")


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="holds no generator"):
        load_generator(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "record",
    [
        "{",
        "[]",
        "{}",
        *(
            json.dumps({"network": "resnet", "in_channels": 3, "out_channels": 3, "model": "m", "generator": g})
            for g in ({"base": 8}, {"width": 8}, {"base": "x"})
        ),
    ],
)
def test_weights_that_do_not_fit_the_config(saved: tuple[Path, ResnetGenerator], record: str) -> None:
    file, generator = saved
    safetensors.torch.save_file(generator.state_dict(), file, {METADATA: record})
    with pytest.raises(UserError, match=r"generator\.safetensors: its weights do not fit its config"):
        load_generator(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_published_state_dict_is_loaded(tmp_path: Path, zipped: bool) -> None:
    generator = ResnetGenerator(3, 3, base=4, blocks=2)
    torch.save(generator.state_dict(), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    loaded, model = load_generator(tmp_path / "a.pth")
    x = torch.rand(1, 3, 16, 16)
    assert model == "published"
    assert not loaded.training
    assert torch.equal(loaded(x), generator(x))


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch EXECUTED",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": Malicious()}, "is no file of plain PyTorch weights"),
        (torch.zeros(3), "is no state dict"),
        ({"state_dict": {"a": torch.zeros(3)}, "epoch": 3}, "is no state dict"),
        ({3: torch.zeros(3)}, "is no state dict"),
        (PatchDiscriminator(3, base=4).state_dict(), "its keys are neither those of a ResNet nor of a U-Net"),
        ({"model.1.weight": torch.zeros(4, 3, 7, 7), "model.17.weight": torch.zeros(3, 4, 7, 7)}, "Missing key"),
    ],
)
def test_another_pth_is_refused_in_one_line_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"a\.pth: ") as error:
        load_published(tmp_path / "a.pth")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "EXECUTED").exists()


def test_a_truncated_pth(tmp_path: Path) -> None:
    torch.save(ResnetGenerator(3, 3, base=4, blocks=2).state_dict(), tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"a\.pth: is no file of plain PyTorch weights"):
        load_generator(tmp_path / "a.pth")
